"""The real models beside the checkout: which are explained here, their samples, and what onnxruntime made of them."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.model import Model

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "real"
#: folders, and operators, that this library reads later
LATER_FOLDERS = {"quantized", "tree"}
LATER_OPERATORS = {"If", "Loop", "Scan"}
#: seconds, not tenths of them, for one walk in double precision
LARGE = {"ultraface_rfb320", "fastestdet", "super_resolution_10", "mobilenet_v1_025_imagenet", "dnsmos_model_v8"}
#: ten seconds and more
HUGE = {"super_resolution_10"}


@dataclass(frozen=True)
class Real:
    """One model file with its samples."""

    name: str
    path: Path
    sample: Path

    @property
    def large(self) -> bool:
        return self.name in LARGE

    @cached_property
    def stored(self) -> dict[str, np.ndarray]:
        with np.load(self.sample) as z:
            return dict(z)

    def model(self, dtype: str = "float32") -> Model:
        return _load(self.path, dtype)

    def data(self, count: int | None = None) -> dict[str, np.ndarray]:
        """The first samples, along axis 0 (each stored feed has one sample); 2, or 1 of a large model."""
        count = count or (1 if self.large else 2)
        return {n: x[:count] for n, x in self.all_data().items()}

    def all_data(self) -> dict[str, np.ndarray]:
        ranks = {n: len(s.shape) for n, s in self.model().inputs.items()}
        return {n: _joined(x, ranks[n]) for k, x in self.stored.items() if (n := k.removeprefix("in__")) in ranks}

    def outputs(self) -> dict[str, np.ndarray]:
        """What onnxruntime gave for all samples."""
        ranks = {n: len(s.shape) for n, s in self.model().outputs.items()}
        return {n: _joined(y, ranks[n]) for k, y in self.stored.items() if (n := k.removeprefix("out__")) in ranks}

    def jittered(self) -> dict[str, np.ndarray]:
        """One sample moved off the exact zeros and ties that photographs are full of."""
        rng = np.random.default_rng(0)
        return {
            n: x + 0.05 * np.abs(x).max() * rng.normal(size=x.shape) if x.dtype.kind == "f" else x
            for n, x in self.data(1).items()
        }

    def baseline(self) -> dict[str, np.ndarray]:
        """Another sample, fainter: neither zeros nor far away."""
        return {
            n: (0.5 * x[-1:] + 0.1).astype(x.dtype) if x.dtype.kind == "f" else np.maximum(x[-1:] - 1, 0)
            for n, x in self.all_data().items()
        }


def _joined(x: np.ndarray, rank: int) -> np.ndarray:
    """(feeds, *one feed) → samples on axis 0."""
    return x.reshape(-1, *x.shape[2:]) if x.ndim == rank + 1 else x


@cache
def _load(path: Path, dtype: str) -> Model:
    return ox.load(path, dtype=dtype, verify="never")


def found() -> list[Real]:
    manifest = FOLDER / "manifest.json"
    if not manifest.is_file():
        return []
    return [
        Real(r["name"], FOLDER / r["path"], FOLDER / r["sample"])
        for r in json.loads(manifest.read_text())
        if Path(r["path"]).parent.name not in LATER_FOLDERS and not LATER_OPERATORS & set(r["ops"])
    ]


MODELS = found()
ABSENT = pytest.mark.skip(reason=f"the real models are not beside the checkout ({FOLDER.parent.name}/{FOLDER.name})")


def every(slow: Collection[str] = ()) -> pytest.MarkDecorator:
    """Parametrises a test over the models; those in `slow` only with the long tests."""
    if not MODELS:
        return pytest.mark.parametrize("real", [pytest.param(None, marks=ABSENT, id="absent")])
    marks = {r.name: [pytest.mark.slow] if r.name in slow else [] for r in MODELS}
    return pytest.mark.parametrize("real", [pytest.param(r, marks=marks[r.name], id=r.name) for r in MODELS])
