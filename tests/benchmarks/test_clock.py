"""How times are taken and judged."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch

from benchmarks.clock import SLOW, Seconds, Spread, Took, interleaved, ratio, seconds_of
from benchmarks.goals import Goal
from benchmarks.measured import Measured
from benchmarks.scaling import jumps, threads_of


def row(ours: Spread, **others: float) -> Measured:
    values = {"onnxplain": ours, **{w: Spread(v, v, v) for w, v in others.items()}}
    return Measured("speed", "case", "method", "floors", values)


def test_calls_take_turns_and_who_fails_is_named() -> None:
    seen: list[str] = []

    def broken() -> None:
        raise ValueError("no rule\nand more")

    calls = {"floor": lambda: seen.append("floor"), "ours": lambda: seen.append("ours"), "peer": broken}
    times, failed = interleaved(calls, 3, float("inf"), ("floor", "ours"), least=0.0)
    assert seen[-6:] == ["floor", "ours"] * 3
    assert failed == {"peer": "ValueError: no rule"}
    assert {w: len(s) for w, s in times.items()} == {"floor": 3, "ours": 3}


def test_others_take_part_in_fewer_rounds() -> None:
    calls = {"floor": lambda: None, "ours": lambda: None, "peer": lambda: None}
    times, _ = interleaved(calls, 5, float("inf"), ("floor", "ours"), least=0.0)
    assert {w: len(s) for w, s in times.items()} == {"floor": 5, "ours": 5, "peer": 3}


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    times = {"floor": [(1.0, 1.0), (2.0, 1.0), (4.0, 1.0)], "ours": [(2.0, 3.0), (4.0, 3.0), (4.0, 3.0)], "slow": [(SLOW, 1.0)]}
    seen: Seconds = {w: [Took.of(cpu, wall) for cpu, wall in each] for w, each in times.items()}
    assert ratio(seen, "ours", "floor") == Spread(2.0, 1.0, 2.0)
    assert ratio(seen, "ours", "floor", wall=True) == Spread(3.0, 3.0, 3.0)
    assert ratio(seen, "slow", "floor") == Spread(SLOW / 2, SLOW / 2, SLOW / 2)


def test_who_waits_takes_time_on_the_wall_alone() -> None:
    took = seconds_of(lambda: time.sleep(0.02), repeats=2)
    assert took < 0.01
    assert took.wall >= 0.02


@pytest.mark.parametrize(
    ("ours", "limit", "said"),
    [
        (Spread(0.8, 0.75, 0.85), 1.0, "yes"),
        (Spread(0.95, 0.9, 1.1), 1.0, "yes, within noise"),
        (Spread(0.99, 0.98, 0.995), 1.0, "yes, within noise"),
        (Spread(1.1, 0.95, 1.2), 1.0, "no, within noise"),
        (Spread(1.3, 1.2, 1.4), 1.0, "no"),
    ],
)
def test_the_median_decides_and_a_limit_inside_the_spread_is_noise(ours: Spread, limit: float, said: str) -> None:
    assert str(Goal(limit).verdict(row(ours))) == said


def test_so_many_times_as_fast_as_a_library_is_a_limit_of_its_time() -> None:
    goal, ours = Goal(faster={"captum": 50, "shap": 150}), Spread(2.0, 2.0, 2.0)
    assert str(goal.verdict(row(ours, captum=200.0, shap=400.0))) == "yes"
    assert str(goal.verdict(row(ours, captum=90.0))) == "no"  # 1.8 is needed
    assert str(goal.verdict(row(ours, captum=200.0, shap=200.0))) == "no"
    assert goal.verdict(row(ours)) is None
    assert str(goal) == "captum / 50, shap / 150"


def scaled(**costs: float) -> list[Measured]:
    return [
        Measured(
            "scaling", "depth", "gradient", "floors", {"onnxplain": Spread(c, 0.98 * c, 1.02 * c)}, size=int(n[1:])
        )
        for n, c in costs.items()
    ]


def test_a_cost_that_rises_over_that_of_a_smaller_size_is_a_jump() -> None:
    assert jumps(scaled(n5=2.0, n10=1.0, n20=1.1, n50=1.0)) == []
    assert jumps(scaled(n5=2.0, n10=1.0, n20=1.5, n50=1.0)) == ["depth, gradient: 1 at 10, 1.5 at 20"]
    assert jumps(scaled(n20=1.5, n5=2.0, n10=1.0)) == ["depth, gradient: 1 at 10, 1.5 at 20"]


def test_a_second_thread_is_no_jump() -> None:
    rows = scaled(n5=0.5, n10=1.0, n20=1.5)
    assert jumps([replace(r, threads=t) for r, t in zip(rows, (1, 2, 2), strict=True)]) == ["depth, gradient: 1 at 10, 1.5 at 20"]
    assert jumps([replace(r, threads=t) for r, t in zip(rows[:2], (1, 2), strict=True)]) == []


def test_who_takes_one_thread_says_so() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    assert threads_of(lambda: None) == 2

    def alone() -> None:
        torch.set_num_threads(1)
        torch.set_num_threads(2)

    assert threads_of(alone) == 1
    torch.set_num_threads(before)
