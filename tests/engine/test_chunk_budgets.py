"""What a walk may take when nothing is asked: the less the more targets it has, more where weights or a deep net's calls cost more."""

from __future__ import annotations

import pytest

from onnxplain.methods import chunks
from onnxplain.methods.chunks import AUTO_BYTES, MANY, MOST_BYTES, ONE_BYTES, SEVERAL_BYTES, TABLE_BYTES, Need, sizes

MB = 2**20


@pytest.mark.parametrize("targets", [1, 10, 100])
def test_a_deep_net_of_small_values_takes_more_samples_at_once_than_fit_the_caches(targets: int) -> None:
    deep = Need(row=26 * MB, target=MB // 3)  # 200 layers of 64 kB
    assert deep.auto(targets) == MOST_BYTES
    assert sizes(deep, 4, 1, "auto", None, None).samples == 4


@pytest.mark.parametrize("need", [Need(row=60 * MB, target=64 * MB), Need(row=MB, target=MB), Need(row=3000, target=5000)], ids=str)
def test_more_targets_stay_nearer_to_the_caches(need: Need) -> None:
    assert need.auto(1) == ONE_BYTES
    assert need.auto(2) == need.auto(MANY) == SEVERAL_BYTES
    assert need.auto(MANY + 1) == AUTO_BYTES


@pytest.mark.parametrize("targets", [1, 10, 100])
def test_tables_have_a_size_of_their_own(targets: int) -> None:
    assert Need(row=3000, target=5000, tables=True).auto(targets) == TABLE_BYTES


def test_the_samples_of_a_mobile_net_go_through_together() -> None:
    mobile = Need(row=6 * MB, target=3 * MB)  # MobileNet at a quarter of its width
    assert sizes(mobile, 8, 1, "auto", None, None).samples == 8
    assert sizes(mobile, 8, 10, "auto", None, None).targets == 10


def test_a_bound_is_kept_whatever_would_be_taken_else(monkeypatch: pytest.MonkeyPatch) -> None:
    mobile = Need(row=6 * MB, target=3 * MB)
    for limit in (20, 40, 80):
        found = sizes(mobile, 100, 1, "auto", limit * MB, None)
        assert mobile.of(found.samples, found.targets) <= limit * MB
    monkeypatch.setattr(chunks, "ONE_BYTES", 2**10)
    assert sizes(mobile, 100, 1, "auto", None, None).samples == 1
