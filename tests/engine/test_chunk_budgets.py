"""What a walk takes when nothing is asked: values that stay near the caches, more of them where weights are larger, all in a bound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from onnxplain.methods.chunks import CACHED_BYTES, MANY, MOST_BYTES, PER_WEIGHT, TRIED, Need, Sizes, metered, sizes

MB = 2**20
#: MobileNetV2 at 224²: a hundred values of half a megabyte on average
MOBILE = Need(row=24 * MB, target=18 * MB, numbers=50 * MB // 4, values=100)
#: a small convolutional net: a third of a megabyte each
SMALL = Need(row=2 * MB, target=2 * MB, numbers=3 * MB // 4, values=10)


def found(need: Need, n_samples: int, n_targets: int, **more: int) -> Sizes:
    return sizes(need, n_samples, n_targets, "auto", None, None, **more)


@pytest.mark.parametrize("n_targets", [1, 3, 10, 100, 1000])
@pytest.mark.parametrize("need", [MOBILE, SMALL, replace(SMALL, numbers=40, values=9, row=100, target=50)], ids=["mobile", "small", "tiny"])
def test_a_value_and_its_relevance_stay_near_the_caches_on_average(need: Need, n_targets: int) -> None:
    took, value = found(need, 10**6, n_targets), need.width * need.numbers // need.values
    assert took.samples * value * (1 + took.targets) <= CACHED_BYTES or took.samples == took.targets == 1
    assert need.of(took.samples, took.targets) <= MOST_BYTES
    more = (took.samples + 1) * value * (1 + took.targets) > CACHED_BYTES * 0.9
    assert more or need.of(took.samples + 1, took.targets) > MOST_BYTES * 0.9


def test_targets_go_together_before_samples_do() -> None:
    assert [found(SMALL, 8, n).targets for n in (1, 5, 10)] == [1, 5, 10]
    assert found(SMALL, 8, 1).samples == 8 > found(SMALL, 8, 10).samples
    assert 10 < found(SMALL, 8, 100).targets < 100


def test_of_very_many_targets_no_more_go_together_than_leave_room_for_samples() -> None:
    table = Need(row=6000, target=15000, numbers=1500, values=6)
    few, some, many = (found(table, 1000, n) for n in (10, MANY, 1000))
    assert (few.targets, some.targets) == (10, MANY)
    assert many.samples >= 40
    assert many.targets < 2 * MANY
    assert found(table, 1, 1000).targets == 1000  # there are no other samples


def test_a_deep_net_of_small_values_takes_all_that_fit_the_bound() -> None:
    deep = Need(row=26 * MB, target=MB // 3, numbers=26 * MB // 4, values=400)
    assert found(deep, 4, 1).samples == 4
    assert found(deep, 1000, 1).samples <= MOST_BYTES // deep.row


def test_weights_that_are_larger_are_read_for_more_samples_at_once() -> None:
    light = replace(MOBILE, weights=0)
    heavy = replace(MOBILE, weights=PER_WEIGHT * 50 * MB)
    assert found(light, 100, 1).samples < found(heavy, 100, 1).samples <= MOST_BYTES // (MOBILE.row + MOBILE.target)


def test_numbers_of_eight_bytes_are_half_as_many() -> None:
    double = SMALL.for_traces(1, 8)
    assert double.width == 8
    assert double.row == 2 * SMALL.row
    assert found(double, 64, 1).samples == pytest.approx(found(SMALL, 64, 1).samples / 2, abs=1)


@pytest.mark.parametrize("n_targets", [1, 1000])
def test_where_caches_do_not_matter_all_that_fit_go_together(n_targets: int) -> None:
    took = found(SMALL, 10**6, n_targets, roomy=2**30)
    assert took.samples * took.targets > 4 * found(SMALL, 10**6, n_targets).samples * found(SMALL, 10**6, n_targets).targets
    assert SMALL.of(took.samples, took.targets) <= 2**30
    unknown = Need(row=MB, target=MB)  # nothing was counted
    assert unknown.of(found(unknown, 10**6, 1).samples, 1) == MOST_BYTES


def test_a_bound_is_kept_whatever_would_be_taken_else() -> None:
    for limit in (50, 100, 200):
        took = sizes(MOBILE, 100, 1, "auto", limit * MB, None)
        assert MOBILE.of(took.samples, took.targets) <= limit * MB


@pytest.mark.parametrize("n_targets", [1, 2, 3, 10, 100])
def test_what_many_targets_need_is_told_by_several_where_one_has_its_peak_elsewhere(n_targets: int) -> None:
    seen: list[tuple[int, int]] = []

    def peak(rows: int, targets: int) -> int:
        seen.append((rows, targets))
        return rows * max(6 * MB, targets * MB)

    need = metered(peak, None, 1, 2**30, n_targets)
    assert max(seen) == (2, 1) and all(targets <= min(n_targets, TRIED) for _, targets in seen)
    for rows in (1, 2, 7):
        assert peak(rows, n_targets) <= need.of(rows, n_targets) <= 1.4 * peak(rows, n_targets)


def test_what_is_tried_stays_below_the_limit() -> None:
    for limit in range(4 * MB, 60 * MB, MB):
        seen = [0]

        def peak(rows: int, targets: int, seen: list[int] = seen) -> int:
            seen.append(rows * targets * MB)
            return seen[-1]

        assert metered(peak, None, 1, limit, 100).of(3, 10) >= 30 * MB
        assert max(seen) <= limit / 2
    assert metered(lambda rows, targets: 0, None, 1, 2**30, 10) == Need(0, 0)
