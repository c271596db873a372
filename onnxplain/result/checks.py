"""Σ attributions against the goal: the relative difference, and the check that raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConservationError
from .attribution import Attribution

if TYPE_CHECKING:
    from ..explanation import Explanation

#: A goal smaller than this part of the relevance that was moved to make it is measured against that part instead:
#: below it, a relative difference would be about rounding (attributions of ±1000 that cancel to 1e-4).
CANCELLED = 1e-3
#: numbers, below which Python's own take less time than numpy's
FEW = 32
#: bytes of values that are looked at together
BLOCK = 2**22


def moved(attributions: Mapping[tuple[str, str], Attribution], output: str) -> np.ndarray:
    """Σ |attribution| over every input of one output: (samples, targets)."""
    mine = [a.values for (_, out), a in attributions.items() if out == output]
    return np.asarray(sum(_absolute_sum(v) for v in mine))


def _absolute_sum(v: np.ndarray) -> np.ndarray:
    """Over all axes but the first and the last; of some targets at a time, so that no copy of all is made."""
    few, axes = max(1, BLOCK * v.shape[-1] // max(v.nbytes, 1)), tuple(range(1, v.ndim - 1))
    parts = [np.abs(v[..., t : t + few]).sum(axis=axes, dtype=np.float64) for t in range(0, v.shape[-1], few)]
    return np.concatenate(parts, -1) if parts else np.zeros((v.shape[0], 0))


def relative(sums: np.ndarray, goals: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """(sum − goal) / max(|goal|, 10⁻³·Σ|attribution|), and 0 where all three are 0. NaN where there is no goal."""
    sums, goals = np.asarray(sums, dtype=np.float64), np.asarray(goals, dtype=np.float64)
    return (sums - goals) / np.maximum(np.maximum(np.abs(goals), CANCELLED * mass), np.finfo(np.float64).tiny)


def near(sums: Mapping[str, np.ndarray], goals: Mapping[str, np.ndarray], rtol: float) -> bool:
    """Whether all sums are as near to their goals as |relative| <= rtol, by the goals alone: no attribution is looked at."""
    return all(_count(lambda s, g: abs(s - g) <= rtol * abs(g), sums[out], goal) == goal.size for out, goal in goals.items())


def mostly_left(sums: Mapping[str, np.ndarray], goals: Mapping[str, np.ndarray], share: float) -> bool:
    """Whether, of an output's samples and targets, more than half have a sum of at least this share of the goal's size."""
    return any(2 * _count(lambda s, g: abs(s) >= share * abs(g), sums[out], goal) > goal.size for out, goal in goals.items())


def _count(holds: Callable[[Any, Any], Any], sums: np.ndarray, goals: np.ndarray) -> int:
    """Of how many samples and targets it holds: (sum, goal) → yes or no."""
    if goals.size <= FEW:
        return sum([holds(s, g) for s, g in zip(sums.ravel().tolist(), goals.ravel().tolist(), strict=True)])
    return int(np.count_nonzero(holds(sums, goals)))


def check(e: Explanation, rtol: float) -> None:
    """Raises `ConservationError` for the worst sample and target of the worst output."""
    hint = "; e.audit() lists, node by node, where relevance was lost" if e.audit_source is not None else ""
    if not e.complete:
        raise ConservationError(f"{e.method} does not promise attributions that sum to a goal{hint}")
    promised = {out: np.isfinite(np.asarray(goals, dtype=np.float64)) for out, goals in e.goals.items()}
    if not any(p.any() for p in promised.values()):
        raise ConservationError(f"{e.method} set no goal for any sample and target, so there is nothing to check{hint}")
    # A NaN difference where there is a goal means a sum that is not finite: as wrong as it gets.
    size = {
        out: np.where(promised[out], np.nan_to_num(np.abs(delta), nan=np.inf), 0.0) for out, delta in e.delta.items()
    }
    output = max(size, key=lambda out: size[out].max(initial=0.0))
    wrong = {out: int((s > rtol).sum()) for out, s in size.items()}
    if not any(wrong.values()):
        return
    s, t = np.unravel_index(int(size[output].argmax()), size[output].shape)
    of = sum(int(p.sum()) for p in promised.values())
    raise ConservationError(
        f"{e.method}: attributions do not sum to the goal for {sum(wrong.values())} of {of} sample-target pairs; "
        f"worst: output {output!r}, sample {s}, target {e.target_labels[output][t]!r}: sum {e.sums[output][s, t]:.6g}, "
        f"goal {e.goals[output][s, t]:.6g}, relative difference {e.delta[output][s, t]:.3g} (rtol {rtol:g}){hint}"
    )
