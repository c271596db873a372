"""Baselines that are made from the data, or are several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import by_input
from ..errors import InputError
from ..specs import Spec, axis_names

#: axes of places, by name
PLACES = ("height", "width", "length", "depth")
#: where the Gaussian is cut off, in standard deviations
REACH = 4.0


@dataclass(frozen=True)
class Blur:
    """Each sample blurred by a Gaussian of `sigma` pixels, mirrored at the edges: a baseline without fine structure.

    `axes` of the data are blurred, by default those of height, width, length and depth, by the names that the model's file has for
    them or else as shapes let guess. Inputs that have none, a
    table's columns, get zeros. Fong & Vedaldi 2017, section 4.1; Sturmfels et al. 2020.
    """

    sigma: float = 3.0
    axes: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise InputError(f"Blur needs sigma > 0, got {self.sigma!r}")

    def along(self, spec: Spec) -> Blur:
        """The blur of this input along the axes of places that its file names, if it does."""
        if self.axes is not None or not spec.axes:
            return self
        of_data = [axis for axis in range(len(spec.axes) + (spec.batch_axis is not None)) if axis != spec.batch_axis]
        return Blur(self.sigma, tuple(axis for axis, name in zip(of_data, spec.axes, strict=True) if name in PLACES))

    def __call__(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            return {n: self._one(x) for n, x in data.items()}
        return tuple(self._one(x) for x in data) if isinstance(data, tuple) else self._one(data)

    def _one(self, data: Any) -> np.ndarray:
        x = np.asarray(data)
        axes = self.axes
        if axes is None:
            axes = [i for i, name in enumerate(axis_names(x.shape[1:]), 1) if name in PLACES] if x.ndim > 2 else []
        if not axes or x.dtype.kind != "f":
            return np.zeros_like(x)
        for axis in axes:
            x = _blurred(x, axis, self.sigma)
        return x


def made(baseline: Callable[[Any], Any], data: Any, specs: Mapping[str, Spec]) -> Any:
    """What a callable makes of the data of all inputs."""
    if not isinstance(baseline, Blur) or not any(s.axes for s in specs.values()):
        return baseline(data)
    return {n: baseline.along(specs[n])(x) for n, x in by_input(specs, data).items()}


def _blurred(x: np.ndarray, axis: int, sigma: float) -> np.ndarray:
    radius = int(REACH * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    axis %= x.ndim
    padded = np.pad(x, [(radius, radius) if i == axis else (0, 0) for i in range(x.ndim)], mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(weights), axis)
    return (windows @ weights).astype(x.dtype)


@dataclass(frozen=True, eq=False)
class BaselineSet:
    """Several baselines for every sample, in any form that data may have: attributions are their mean."""

    rows: Any

    def __repr__(self) -> str:
        shape = getattr(self.rows, "shape", None)
        return f"BaselineSet({f'<{type(self.rows).__name__} {tuple(shape)}>' if shape is not None else '…'})"
