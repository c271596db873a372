"""A cell of the matrix framework × architecture: one small model, its own predictions and its own derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Cell:
    """`data`: by the input names that the ONNX model is to have. `predict`: arrays → (samples, units), what the framework
    itself says. `gradient`: (unit, arrays) → its derivative at every input, by the framework's own differentiation.

    `source`: the object. `files`: form ("file", or "file." with its kind) → writes it into a folder and returns the path.
    `example`: what the converter is shown; None where it needs nothing. `options`: of the converter, for files.
    """

    data: Arrays
    predict: Callable[..., Any]
    gradient: Callable[..., list[Any]]
    source: Any = None
    files: Mapping[str, Callable[[Path], Path]] = field(default_factory=dict)
    example: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A cell that is made when it is asked for. `forms`: "object", "file", or "file." with its kind."""

    forms: tuple[str, ...]
    make: Callable[[], Cell]


#: (column, variant) → entry
Row = dict[tuple[str, str], Entry]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def slopes(predict: Callable[..., Any], unit: int, *arrays: np.ndarray, h: float = 1e-5) -> list[np.ndarray]:
    """Derivatives by central differences, for what has no differentiation of its own and computes in double precision."""
    found = []
    for k, x in enumerate(arrays):
        x = x.astype(np.float64)
        g = np.empty_like(x)
        for place in np.ndindex(*x.shape[1:]):
            ends = []
            for sign in (1, -1):
                moved = x.copy()
                moved[(slice(None), *place)] += sign * h
                ends.append(np.asarray(predict(*arrays[:k], moved, *arrays[k + 1 :]))[:, unit])
            g[(slice(None), *place)] = (ends[0] - ends[1]) / (2 * h)
        found.append(g)
    return found
