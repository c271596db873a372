"""Context: the model and the whole data of one `explain` call, as methods see them. And baselines in every form."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import by_input, n_samples, prepare
from ..errors import InputError
from ..graph.graph import Graph
from ..specs import Spec
from .baselines import BaselineSet, Blur, made


@dataclass(eq=False)
class Context:
    """`feeds`: the data by model input, samples first. `sources_of(feeds)`: the values at the sources, samples first."""

    specs: Mapping[str, Spec]
    graph: Graph
    feeds: Mapping[str, Tensor]
    n: int
    dtype: torch.dtype
    device: torch.device
    seed: int
    sources_of: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
    data: Any = None

    @property
    def sample_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of one sample, by input."""
        return tuple([x.shape[1:] if self.specs[n].batch_axis is not None else x.shape for n, x in self.feeds.items()])

    def baseline(self, spec: Any) -> dict[str, Tensor]:
        """Feeds of the baseline, 1 row (shared) or n rows: from a number, a row, rows per sample, a dict of these by
        input (inputs left out: zeros), or a callable that gets the data and returns any of these; in a dict, a
        callable gets that input's data."""
        if isinstance(spec, BaselineSet):
            raise InputError(f"baseline={spec!r}: IntegratedGradients takes a set of them; for DeepLIFT that is DeepShap(data_ref=…)")
        if _makes(spec):
            spec = made(spec, self.data, self.specs)
        if isinstance(spec, (int, float, np.number)) and not isinstance(spec, bool):
            given: dict[str, Any] = dict.fromkeys(self.specs, spec)
        elif isinstance(spec, Mapping):
            unknown = [k for k in spec if k not in self.specs]
            if unknown:
                raise InputError(f"the baseline names inputs {unknown}; the model has {list(self.specs)}")
            own = by_input(self.specs, self.data) if any(_makes(b) for b in spec.values()) else {}
            each = {n: spec.get(n, 0) for n in self.specs}
            given = {n: made(b, {n: own[n]}, {n: self.specs[n]})[n] if isinstance(b, Blur) else b(own[n]) if _makes(b) else b for n, b in each.items()}
        else:
            given = by_input(self.specs, spec, "baseline")
        rows = {n: self._rows(self.specs[n], b) for n, b in given.items()}
        counts = {n: r.shape[0] for n, r in rows.items() if self.specs[n].batch_axis is not None}
        size = max(counts.values(), default=1)
        return {
            n: r.expand(size, *r.shape[1:]) if n in counts and r.shape[0] != size else r for n, r in rows.items()
        }

    def _rows(self, spec: Spec, baseline: Any) -> Tensor:
        like = self.feeds[spec.name]
        if isinstance(baseline, str):
            baseline = np.full(like[:1].shape, baseline, dtype=object)
        if isinstance(baseline, (int, float, np.number)) and not isinstance(baseline, bool):
            if not math.isfinite(baseline):
                raise InputError(f"the baseline of input {spec.name!r} is {baseline}")
            if not like.is_floating_point() and float(baseline) != int(baseline):
                raise InputError(f"the baseline of the integer input {spec.name!r} is {baseline}: give a whole number")
            if spec.batch_axis is None:
                return torch.full_like(like, float(baseline))
            return like.new_full((1, *like.shape[1:]), float(baseline))
        if spec.batch_axis is None:
            return prepare({spec.name: spec}, {spec.name: baseline}, self.dtype, self.device, "baseline")[spec.name]
        shape = np.shape(baseline)
        if len(shape) == like.dim() - 1:
            baseline = baseline[None] if hasattr(baseline, "__getitem__") and not isinstance(baseline, (list, tuple)) else np.asarray(baseline)[None]
            if spec.batch_axis:
                baseline = np.moveaxis(np.asarray(baseline), 0, spec.batch_axis)
        rows = prepare({spec.name: spec}, {spec.name: baseline}, self.dtype, self.device, "baseline")[spec.name]
        if rows.shape[0] not in (1, self.n) or rows.shape[1:] != like.shape[1:]:
            raise InputError(
                f"the baseline of input {spec.name!r} has {rows.shape[0]} rows of shape {tuple(rows.shape[1:])}: "
                f"give one row of shape {tuple(like.shape[1:])}, or {self.n} (one per sample)"
            )
        return rows

    def references(self, data_ref: Any) -> dict[str, Tensor]:
        """Feeds of a reference set (`data_ref`), in every form that data may have; any number of rows."""
        if data_ref is None:
            raise InputError("data_ref is missing: give reference samples in the same form as the data")
        refs = prepare(self.specs, data_ref, self.dtype, self.device, "data_ref")
        for n, r in refs.items():
            if self.specs[n].batch_axis is not None and r.shape[1:] != self.feeds[n].shape[1:]:
                raise InputError(
                    f"data_ref of input {n!r} has rows of shape {tuple(r.shape[1:])}, the data {tuple(self.feeds[n].shape[1:])}"
                )
        return refs

    def reference_rows(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The values of a reference set at the sources, one row per reference, what references share included."""
        rows = self.count(feeds)
        return {v: b.expand(rows, *b.shape[1:]) for v, b in self.sources_of(feeds).items()}

    def count(self, feeds: Mapping[str, Tensor]) -> int:
        return n_samples(self.specs, feeds)

    def take(self, feeds: Mapping[str, Tensor], rows: Any) -> dict[str, Tensor]:
        """Some rows of feeds; inputs without a sample axis as they are."""
        return {n: x if self.specs[n].batch_axis is None else x[rows] for n, x in feeds.items()}


def _makes(baseline: Any) -> bool:
    return callable(baseline) and not isinstance(baseline, Tensor)


def rows_of(values: Mapping[str, Tensor], samples: np.ndarray) -> dict[str, Tensor]:
    """The rows of some samples; a single row is shared by all."""
    if all(x.shape[0] == 1 for x in values.values()):
        return dict(values)
    index = torch.from_numpy(np.ascontiguousarray(samples)).long()
    return {v: x if x.shape[0] == 1 else x[index.to(x.device)] for v, x in values.items()}


def index_of(rows: np.ndarray) -> slice | Tensor:
    """What takes these rows of a tensor: rows that follow each other, of which nothing is copied, or, where a model insists on
    more, begin again or repeat the last."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else torch.from_numpy(rows)
