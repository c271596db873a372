"""Sampling at constant places, some of them outside."""

from __future__ import annotations

from .harness import C, Case, normal, uniform

MODES = ["linear", "nearest", "cubic"]


def case(mode: str, padding: str, aligned: int) -> Case:
    grid = uniform(2, 3, 4, 2, seed=1, low=-1.4, high=1.4)
    attrs = {"mode": mode, "padding_mode": padding, "align_corners": aligned}
    return Case("GridSample", [normal(2, 2, 4, 3), C(grid)], attrs, opset=20, note=f"{mode} {padding} {aligned}")


CASES = [
    *[case(m, p, a) for m in MODES for p in ("zeros", "border", "reflection") for a in (0, 1)],
    Case("GridSample", [normal(2, 3, 4, 5), C(uniform(2, 2, 3, 2, seed=1, low=-1, high=1))], opset=16, note="defaults"),
    Case(
        "GridSample",
        [normal(1, 2, 3, 2, 4), C(uniform(1, 2, 2, 3, 3, seed=1, low=-1.2, high=1.2))],
        opset=20,
        note="3d",
    ),
]
