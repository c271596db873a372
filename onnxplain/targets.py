"""Targets: which units of an output are explained, and the seeds that start the walk there.

Units are positions in one sample of an output, flattened row-major; a tuple is a position per axis.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .errors import TargetError

Unit = int | str | tuple[int, ...]


@dataclass(frozen=True)
class PerSample:
    """One unit per sample: `PerSample([3, 1, 4])`, `PerSample(y_test)`, or labels."""

    units: Sequence[Unit]

    def of(self, samples: np.ndarray, n: int) -> PerSample:
        """The units of some of `n` samples."""
        if isinstance(self.units, str) or not isinstance(self.units, Iterable):
            raise TargetError(f"PerSample({self.units!r}): give one unit per sample, {n} here")
        units = list(self.units)
        if len(units) != n:
            raise TargetError(f"PerSample gives {len(units)} units for {n} samples")
        return PerSample([units[i] for i in samples])


@dataclass(frozen=True)
class Contrast:
    """Why `unit` rather than `other`: the seed is +1 at one and −1 at the other. Either may be "predicted"."""

    unit: Unit
    other: Unit


@dataclass(frozen=True)
class Top:
    """The `k` units of highest value, per sample, best first."""

    k: int = 1


class Outputs(dict[str, Tensor]):
    """What a callable target gets: every output by name; with one output also usable as that tensor:
    `lambda y: y[:, 0] - y[:, 1]`."""

    def __getitem__(self, key: Any) -> Tensor:
        if isinstance(key, str):
            if key not in self:
                raise TargetError(f"there is no output {key!r}; the model has {list(self)}")
            return super().__getitem__(key)
        return self._only()[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._only(), name)

    def _only(self) -> Tensor:
        if len(self) != 1:
            raise TargetError(f"the model has outputs {list(self)}: a callable target names one, outputs[{next(iter(self))!r}]")
        return next(iter(self.values()))


@dataclass(frozen=True, eq=False)
class Selection:
    """A target resolved on data: seed = Σ coefficient at unit, per sample and target; or a callable.

    `terms`: (units (samples, targets), coefficient). `labels`: one per target. `fixed`: its units were given by number or
    name, so that they are the same for all samples; of which there is one row, which stands for any number.
    """

    terms: tuple[tuple[np.ndarray, float], ...]
    labels: tuple[str, ...]
    scalar: Callable[[Outputs], Tensor] | None = None
    fixed: bool = False

    @property
    def n_targets(self) -> int:
        return len(self.labels)

    @cached_property
    def alike(self) -> bool:
        """Whether all samples have the same units."""
        return self.scalar is None and (self.fixed or all(bool((units == units[:1]).all()) for units, _ in self.terms))

    @cached_property
    def largest(self) -> int:
        """The largest unit of any sample."""
        return max((int(units.max()) for units, _ in self.terms if units.size), default=-1)

    @cached_property
    def alone(self) -> int | None:
        """The unit, where the target is one unit, the same for all samples."""
        if not self.fixed or len(self.labels) != 1 or len(self.terms) != 1 or self.terms[0][1] != 1:
            return None
        return int(self.terms[0][0][0, 0])

    def units(self, n: int) -> np.ndarray:
        """(samples, targets) of n samples; −1 where the target is not one unit."""
        if len(self.terms) != 1:
            return np.full((n, self.n_targets), -1)
        units, _ = self.terms[0]
        return units.repeat(n, 0) if self.fixed else units

    def times(self, variants: Sequence[str]) -> Selection:
        """Each target once per variant, variants varying fastest."""
        if not variants:
            return self
        if self.scalar is not None:
            raise TargetError(f"a callable target cannot be explained in {len(variants)} variants at once: ask for one at a time")
        terms = tuple((np.repeat(units, len(variants), axis=1), c) for units, c in self.terms)
        return Selection(terms, tuple(f"{label} | {v}" for label in self.labels for v in variants), fixed=self.fixed)

    def take(self, targets: slice, n: int, rows: np.ndarray | None = None) -> list[tuple[Tensor, float]]:
        """[(units (targets, n rows), coefficient)] of some targets; `rows` repeats or picks samples."""
        if self.alike:
            return [(units[targets, None].expand(-1, n), c) for units, c in self.shared]
        picked = [((units if rows is None else units[rows])[:, targets], c) for units, c in self.terms]
        return [(torch.from_numpy(np.array(units.T, dtype=np.int64)), c) for units, c in picked]

    @cached_property
    def shared(self) -> list[tuple[Tensor, float]]:
        """[(units (targets,), coefficient)] of the first sample."""
        return [(torch.from_numpy(np.array(units[0], dtype=np.int64)), c) for units, c in self.terms]


class Selected(NamedTuple):
    """A target's units in outputs of this shape, with these labels."""

    shape: tuple[int, ...]
    labels: Any
    selection: Selection


#: targets, up to which a key is made
FEW = 64


def target_key(target: Any) -> Hashable:
    """A target of numbers and names as a key, by output if it says so: equal for two only where they name the same; None for other
    targets."""
    kind = type(target)
    if kind is int or kind is str:
        return kind, target
    if (kind is list or kind is tuple) and len(target) <= FEW and {*map(type, target)} <= {int, str}:
        return kind, *target
    if kind is dict and target:
        each = [(o, target_key(t)) for o, t in target.items()]
        return None if any(t is None for _, t in each) else (kind, *each)
    return None


def expected(target: Any, shape: Sequence[int | None] = ()) -> int:
    """How many targets that is, as far as it says so itself, or the shape of one sample's output does; 1 where the data decide."""
    if isinstance(target, str):
        return math.prod([n or 1 for n in shape]) if target == "all" else 1
    if isinstance(target, Mapping):
        return max([expected(t, shape) for t in target.values()], default=1)
    if isinstance(target, Top):
        return target.k if isinstance(target.k, int) else 1
    many = isinstance(target, (list, range)) or (isinstance(target, np.ndarray) and target.ndim > 0)
    return max(1, len(target)) if many else 1


def most_targets(selected: Mapping[str, Selection]) -> int:
    """How many targets what is asked has at most."""
    return max([s.n_targets for s in selected.values()])


def resolve(target: Any, output: str, values: np.ndarray, labels: Sequence[str] | None) -> Selection:
    """The target on this output: `values` (samples, *unit axes) decide what is predicted."""
    n, shape = values.shape[0], values.shape[1:]
    size = math.prod(shape)
    if size == 0:
        raise TargetError(f"output {output!r} has no units: one sample of it has shape {shape}")
    flat = values.reshape(n, size)
    names = _Names(output, shape, size, labels)
    if callable(target) and not isinstance(target, type):
        return Selection((), (getattr(target, "__name__", "target").replace("<lambda>", "callable"),), scalar=target)
    if isinstance(target, str) and target == "predicted" and "predicted" not in names.labels:
        return Selection(((_best(flat, 1), 1.0),), ("predicted",))
    if isinstance(target, str) and target == "all" and "all" not in names.labels:
        units = np.arange(size)
        return Selection(((units[None], 1.0),), tuple(names.label(u) for u in range(size)), fixed=True)
    if isinstance(target, Top):
        if isinstance(target.k, bool) or not isinstance(target.k, (int, np.integer)) or not 1 <= target.k <= size:
            raise TargetError(f"Top({target.k}): output {output!r} has {size} units")
        return Selection(((_best(flat, target.k), 1.0),), tuple(f"top {i + 1}" for i in range(target.k)))
    if isinstance(target, Contrast):
        both = [_contrast_side(u, flat, names) for u in (target.unit, target.other)]
        return Selection(((both[0], 1.0), (both[1], -1.0)), (f"{_said(target.unit, names)} − {_said(target.other, names)}",))
    if isinstance(target, PerSample):
        wanted = list(np.asarray(target.units).tolist()) if isinstance(target.units, np.ndarray) else list(target.units)
        if len(wanted) != n:
            raise TargetError(f"PerSample gives {len(wanted)} units for {n} samples")
        return Selection(((np.array([[names.unit(u)] for u in wanted]), 1.0),), ("per sample",))
    if isinstance(target, np.ndarray):
        target = target.tolist()
    many = isinstance(target, (list, range))
    wanted = list(target) if many else [target]
    if not wanted:
        raise TargetError(f"the list of targets for output {output!r} is empty")
    picked = [names.unit(u) for u in wanted]
    return Selection(((np.array([picked]), 1.0),), tuple([names.label(u) for u in picked]), fixed=True)


def _best(flat: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-flat, axis=1, kind="stable")[:, :k] if k > 1 else flat.argmax(1)[:, None]


def _contrast_side(unit: Any, flat: np.ndarray, names: _Names) -> np.ndarray:
    if isinstance(unit, str) and unit == "predicted" and unit not in names.labels:
        return _best(flat, 1)
    return np.full((len(flat), 1), names.unit(unit))


def _said(unit: Any, names: _Names) -> str:
    return "predicted" if isinstance(unit, str) and unit == "predicted" and unit not in names.labels else names.label(names.unit(unit))


@dataclass(frozen=True)
class _Names:
    """Units of one output by number, position or label."""

    output: str
    shape: tuple[int, ...]
    size: int
    given: Sequence[str] | None

    @property
    def labels(self) -> Sequence[str]:
        return self.given or ()

    def label(self, unit: int) -> str:
        if self.given and len(self.given) == self.size:
            return str(self.given[unit])
        if len(self.shape) > 1:
            position = tuple(int(i) for i in np.unravel_index(unit, self.shape))
            if self.given and len(self.given) == self.shape[-1]:
                return ", ".join([*map(str, position[:-1]), str(self.given[position[-1]])])
            return ", ".join(map(str, position))
        return str(unit)

    def unit(self, u: Any) -> int:
        if isinstance(u, str):
            if u in self.labels and len(self.labels) == self.size:
                return list(self.labels).index(u)
            raise TargetError(f"output {self.output!r} has no unit labelled {u!r}: {self._what()}")
        if isinstance(u, (tuple, list)):
            at = [_index(i) for i in u]
            if len(at) != len(self.shape) or not all(i is not None and -s <= i < s for i, s in zip(at, self.shape, strict=True)):
                raise TargetError(f"output {self.output!r} has no position {tuple(u)}: one sample has shape {self.shape}")
            return int(np.ravel_multi_index([i % s for i, s in zip(at, self.shape, strict=True)], self.shape)) if at else 0  # type: ignore[operator]
        if (k := _index(u)) is None:
            raise TargetError(f"{u!r} is not a unit of output {self.output!r}: {self._what()}")
        if not -self.size <= k < self.size:
            raise TargetError(f"output {self.output!r} has no unit {k}: {self._what()}")
        return k % self.size

    def _what(self) -> str:
        units = f"units are 0 to {self.size - 1}"
        if len(self.shape) > 1:
            units += f", or positions in shape {self.shape}"
        if self.labels:
            shown = ", ".join(map(str, self.labels[:20])) + (", …" if len(self.labels) > 20 else "")
            units += f", or labels: {shown}"
        return units


def _index(u: Any) -> int | None:
    """A whole number of any type (numpy's, torch's); None where it is none."""
    try:
        return None if isinstance(u, (bool, np.bool_)) else operator.index(u)
    except TypeError:
        return None


def per_output(target: Any, outputs: Sequence[str]) -> dict[str, Any]:
    """The target of each explained output: a dict names them, anything else is meant for all."""
    if isinstance(target, Mapping):
        unknown = [o for o in target if o not in outputs]
        if unknown or not target:
            raise TargetError(f"targets are given for {unknown or 'no output'}; the model has outputs {list(outputs)}")
        return {o: target[o] for o in outputs if o in target}
    return dict.fromkeys(outputs, target)
