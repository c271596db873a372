"""Seeds: the relevance that starts a walk, at the explained values, and the numbers they stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..conventions import SeedOf
from ..errors import OnnxplainError, RuleError, TargetError
from ..graph.plan import Trace
from ..targets import Outputs, Selection
from .results import as_array

#: points on the straight line between two outputs at which a callable target's gradient is averaged for methods of
#: differences: exact for polynomials of degree 32, and so complete to rounding for what users write
LINE_POINTS = 16


@dataclass(frozen=True)
class At:
    """An explained value of a model output: its name in the graph and its sample axis."""

    output: str
    value: str
    axis: int | None

    def rows_first(self, y: Tensor) -> Tensor:
        """(rows, units), from the value as the model computes it."""
        if self.axis != 0:
            y = y[None] if self.axis is None else y.movedim(self.axis, 0)
        return y if y.dim() == 2 else y.reshape(y.shape[0], -1)

    def native(self, seed: Tensor, like: Tensor) -> Tensor:
        """(T, rows, units) → (T, *shape of the value)."""
        if not self.axis:
            return seed.reshape(seed.shape[0], *like.shape)
        moved = like.movedim(self.axis, 0)
        return seed.reshape(seed.shape[0], *moved.shape).movedim(1, 1 + self.axis)


@dataclass(frozen=True, eq=False)
class Asked:
    """What is explained in one group of walks: a target on one output, or a callable of all outputs."""

    name: str
    at: tuple[At, ...]
    target: Any

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(a.value for a in self.at)


def picked(selection: Selection, y: Tensor, samples: np.ndarray | None = None) -> Tensor:
    """(rows, targets): Σ coefficient · y[unit]; row i belongs to sample samples[i], or to sample i. y is (rows, units)."""
    if selection.largest >= y.shape[1]:
        raise TargetError(
            f"unit {selection.largest} of the target is not there at a baseline or another sample, whose output has "
            f"{y.shape[1]} units: its size depends on the data. Take a baseline that gives as many, or another target"
        )
    if selection.alone is not None:
        return y.narrow(1, selection.alone, 1)
    total: Tensor | None = None
    for units, c in selection.shared if selection.alike else selection.take(slice(None), len(y), samples):
        units = units.to(y.device)
        found = y.index_select(1, units) if selection.alike else y.gather(1, units.T)
        found = found if c == 1 else c * found
        total = found if total is None else total + found
    return y.new_zeros((y.shape[0], selection.n_targets)) if total is None else total


def picked_numbers(selection: Selection, y: Tensor) -> np.ndarray:
    """`picked` as an array; of one unit, a part of y's own memory."""
    if selection.alone is not None and y.is_cpu and selection.alone < y.shape[1]:
        return y.numpy()[:, selection.alone : selection.alone + 1]
    return as_array(picked(selection, y))


def one_hot(
    selection: Selection, y: Tensor, samples: np.ndarray | None, targets: slice, factor: Tensor | float = 1.0
) -> Tensor:
    """(T, rows, units): the coefficients at the target units, times a factor (T, rows, 1); row i belongs to sample
    samples[i], or to sample i."""
    total: Tensor | None = None
    for units, c in selection.take(targets, len(y), samples):
        hot = y.new_zeros((units.shape[0], *y.shape)).scatter_(2, units[..., None].to(y.device), c * factor)  # type: ignore[arg-type]
        total = hot if total is None else total + hot
    if total is None:
        raise TargetError("a target without units has no seed")
    return total


def starts_with_output(seeding: Any) -> bool:
    """Whether a walk starts with the target's own value."""
    return isinstance(seeding, str) and seeding == "output"


def seeding_factor(
    seeding: Any, y_units: Tensor, samples: np.ndarray, targets: slice, op: str
) -> Tensor | float:
    """What the one-hot seed is multiplied by, (T, rows, 1); y_units (rows, targets) are the explained values there,
    computed by the operator `op`."""
    if isinstance(seeding, SeedOf):
        return seeding(y_units[:, targets], op).T[..., None]
    if isinstance(seeding, str):
        return y_units[:, targets].T[..., None] if starts_with_output(seeding) else 1.0
    given = np.asarray(seeding, dtype=np.float64)
    if given.ndim == 0:
        return float(given)
    if given.ndim == 1:
        given = given[:, None]
    if given.shape[1] not in (1, y_units.shape[1]):
        raise RuleError(f"LRP's seed has {given.shape[1]} targets, {y_units.shape[1]} are explained")
    rows = given[np.zeros_like(samples) if given.shape[0] == 1 else samples]
    rows = np.broadcast_to(rows, (len(samples), y_units.shape[1]))[:, targets]
    return torch.as_tensor(rows.T[..., None].copy(), dtype=y_units.dtype, device=y_units.device)


def scalar_value(selection: Selection, outputs: Mapping[str, Tensor], rows: int) -> Tensor:
    """(rows, 1): a callable target's own value."""
    assert selection.scalar is not None
    with torch.inference_mode(False):
        return _per_sample(_called(selection.scalar, {o: y.clone() for o, y in outputs.items()}), rows)


def _called(target: Callable[[Outputs], Tensor], outputs: Mapping[str, Tensor]) -> Any:
    try:
        return target(Outputs(outputs))
    except OnnxplainError:
        raise
    except Exception as error:  # whatever the user's own function raises
        raise TargetError(f"the callable target failed: {type(error).__name__}: {error}") from error


def scalar_gradient(selection: Selection, outputs: Mapping[str, Tensor], rows: int) -> dict[str, Tensor]:
    """∂value/∂output for each output of a callable target. Autograd stays on the target's own few operations."""
    assert selection.scalar is not None
    with torch.inference_mode(False), torch.enable_grad():
        leaves = {o: y.clone().requires_grad_() for o, y in outputs.items() if y.is_floating_point()}
        rest = {o: y.clone() for o, y in outputs.items() if not y.is_floating_point()}
        given = {**leaves, **rest}
        value = _per_sample(_called(selection.scalar, {o: given[o] for o in outputs}), rows)
        if not value.requires_grad:
            raise TargetError("the callable target does not depend on any output through torch operations")
        grads = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True)
    return {o: torch.zeros_like(y) if g is None else g for (o, y), g in zip(leaves.items(), grads, strict=True)}


def line_gradient(selection: Selection, y: Mapping[str, Tensor], y0: Mapping[str, Tensor], rows: int) -> dict[str, Tensor]:
    """The mean gradient of a callable target between y0 and y, so that gradient · (y − y0) is its difference."""
    nodes, weights = np.polynomial.legendre.leggauss(LINE_POINTS)
    total: dict[str, Tensor] = {}
    for t, w in zip((nodes + 1) / 2, weights / 2, strict=True):
        at = {o: (y0[o] + t * (y[o] - y0[o])).expand_as(y[o]) if y[o].is_floating_point() else y[o] for o in y}
        for o, g in scalar_gradient(selection, at, rows).items():
            total[o] = total[o] + w * g if o in total else w * g
    return total


def _per_sample(value: Any, rows: int) -> Tensor:
    if not isinstance(value, Tensor) or value.numel() != rows or value.dim() == 0:
        shape = tuple(getattr(value, "shape", ())) if hasattr(value, "shape") else type(value).__name__
        raise TargetError(f"the callable target must give one value per sample, {rows} here; it gave {shape}")
    return value.reshape(rows, 1)


def values_at(asked: Asked, trace: Trace) -> dict[str, Tensor]:
    """The explained values by output name, as the model computes them."""
    return {a.output: trace[a.value] for a in asked.at}
