"""What a walk may take when nothing is asked: near the caches, more where weights or a deep net's calls would cost more."""

from __future__ import annotations

from onnxplain.methods.chunks import AUTO_BYTES, MOST_BYTES, TABLE_BYTES, Need, sizes

MB = 2**20


def test_a_deep_net_of_small_values_takes_more_samples_at_once_than_fit_the_caches() -> None:
    deep = Need(row=26 * MB, target=MB // 3)  # 200 layers of 64 kB
    assert deep.auto() == MOST_BYTES
    assert sizes(deep, 4, 1, "auto", None, None).samples == 4


def test_wide_values_and_shallow_nets_stay_near_the_caches() -> None:
    for need in (Need(row=60 * MB, target=64 * MB), Need(row=MB, target=MB), Need(row=3000, target=5000)):
        assert need.auto() == AUTO_BYTES
    assert Need(row=3000, target=5000, tables=True).auto() == TABLE_BYTES
