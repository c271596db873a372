"""Where a resized axis reads: coordinates, filters, and the interpolation matrix of one axis (numpy, float64).

Source: ONNX operator Resize, and onnxruntime where the text leaves something open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Mode:
    """How to interpolate: the attributes of Resize. `precision` is the type coordinates are computed in."""

    filter: str = "nearest"  # nearest | linear | cubic
    coordinates: str = "half_pixel"
    nearest: str = "round_prefer_floor"
    cubic_a: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False


@dataclass(frozen=True)
class Axis:
    """One resized axis: its number, sizes, scale, and the region of interest as fractions of it."""

    axis: int
    n_in: int
    n_out: int
    scale: float
    roi: tuple[float, float] = (0.0, 1.0)


def coordinates(a: Axis, mode: str, precision: type[np.floating]) -> Array:
    """For every output position the position it reads at, in units of input positions."""
    f = precision
    i = np.arange(a.n_out, dtype=f)
    s, n, m = f(a.scale), f(a.n_in), f(a.n_out)
    one, half = f(1), f(0.5)
    if mode == "align_corners":
        return i * ((n - one) / (m - one)) if a.n_out > 1 else i * f(0)
    if mode == "asymmetric":
        return i / s
    if mode == "tf_half_pixel_for_nn":
        return (i + half) / s
    if mode == "tf_crop_and_resize":
        start, end = f(a.roi[0]), f(a.roi[1])
        if a.n_out == 1:
            return np.full(1, half * (start + end) * (n - one), f)
        return start * (n - one) + i * (end - start) * (n - one) / (m - one)
    if mode == "pytorch_half_pixel" and a.n_out == 1:
        return i * f(0)
    x = (i + half) / s - half
    if mode == "half_pixel_symmetric":  # the rest of n·s over the rounded size is split over both ends
        return n / f(2) * (one - m / (s * n)) + x
    return x


ROUNDING: dict[str, Callable[[Array, float], Array]] = {
    "round_prefer_floor": lambda x, s: np.ceil(x - x.dtype.type(0.5)),
    "round_prefer_ceil": lambda x, s: np.floor(x + x.dtype.type(0.5)),
    "floor": lambda x, s: np.floor(x),
    "ceil": lambda x, s: np.ceil(x),
    "simple": lambda x, s: np.ceil(x) if s < 1 else np.trunc(x),  # before opset 11
}


def nearest_index(a: Axis, mode: Mode) -> Array:
    """The input position each output position copies; in float32, as onnxruntime decides ties."""
    x = coordinates(a, mode.coordinates, np.float32)
    return np.clip(ROUNDING[mode.nearest](x, a.scale), 0, a.n_in - 1).astype(np.int64)


def triangle(d: Array, _: float) -> Array:
    return np.maximum(1 - np.abs(d), 0)


def keys_pieces(d: Any, a: float) -> tuple[Any, Any]:
    """The cubic convolution kernel (Keys 1981) at distances d ≤ 1 and at 1 ≤ d < 2; arrays or tensors."""
    return ((a + 2) * d - (a + 3)) * d * d + 1, ((a * d - 5 * a) * d + 8 * a) * d - 4 * a


def keys(d: Array, a: float) -> Array:
    d = np.abs(d)
    near, far = keys_pieces(d, a)
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


FILTERS = {"linear": (triangle, 1), "cubic": (keys, 2)}  # kernel, half width


def axis_matrix(a: Axis, mode: Mode, precision: type[np.floating]) -> Array:
    """M (out, in) with y = M x along this axis."""
    if mode.filter == "nearest":
        m = np.zeros((a.n_out, a.n_in))
        m[np.arange(a.n_out), nearest_index(a, mode)] = 1
        return m * inside(a, mode)[:, None]
    kernel, width = FILTERS[mode.filter]
    x = coordinates(a, mode.coordinates, precision).astype(np.float64)
    if mode.filter == "linear" and not mode.antialias:
        x = np.clip(x, 0, a.n_in - 1)
    stretch = max(1.0, 1.0 / float(precision(a.scale))) if mode.antialias else 1.0
    first = np.floor(x - width * stretch).astype(np.int64)
    taps = first[:, None] + np.arange(int(np.ceil(2 * width * stretch)) + 2)  # (out, tap)
    w = kernel((taps - x[:, None]) / stretch, mode.cubic_a)
    outside = (taps < 0) | (taps >= a.n_in)
    if mode.exclude_outside:
        w = np.where(outside, 0.0, w)
    if mode.exclude_outside or mode.antialias:
        w = w / w.sum(1, keepdims=True)
    m = np.zeros((a.n_out, a.n_in))
    rows = np.broadcast_to(np.arange(a.n_out)[:, None], taps.shape)
    np.add.at(m, (rows, np.clip(taps, 0, a.n_in - 1)), w)  # a tap outside reads the border
    return m * inside(a, mode)[:, None]


def inside(a: Axis, mode: Mode) -> Array:
    """1.0 where the output is read from the input, 0.0 where it is the extrapolation value."""
    if mode.coordinates != "tf_crop_and_resize":
        return np.ones(a.n_out)
    x = coordinates(a, mode.coordinates, np.float32)
    return ((x >= 0) & (x <= a.n_in - 1)).astype(np.float64)
