"""Many samples through a model that was exported for one: its graph freed, where that is proven equal on the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from .data import n_samples
from .errors import InputError
from .frontend.passes.free_rows import freed
from .graph.control.deciding import deciding
from .model import Model
from .specs import Spec

#: largest difference between samples passed together and one by one, relative to the largest value
EQUAL = {torch.float32: 1e-5, torch.float64: 1e-10}


def for_many(model: Model, feeds: Mapping[str, Tensor]) -> Model:
    """The same model for any number of samples, if it takes one and two samples passed together give what each gives
    alone; else the model itself, which takes them one by one."""
    if model.fixed_rows != 1:
        return model
    if any(model.inputs[v].batch_axis is not None for v in deciding(model.graph)):
        return model  # what one sample decides must not be decided for all
    raw, graph = (g.memo.get("freed", partial(freed, g)) for g in (model.raw, model.graph))
    if raw is None or graph is None:
        return model
    free = replace(model, raw=raw, graph=graph, inputs=_free(model.inputs), outputs=_free(model.outputs))
    return free if _equal(model, free, _two(model, feeds)) else model


def _free(specs: Mapping[str, Spec]) -> dict[str, Spec]:
    return {
        n: replace(s, shape=tuple(None if i == s.batch_axis else d for i, d in enumerate(s.shape))) for n, s in specs.items()
    }


def _two(model: Model, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Two samples: the first two; of one alone, itself and itself turned round."""
    alone = n_samples(model.inputs, feeds) == 1
    return {
        n: x if model.inputs[n].batch_axis is None else torch.cat([x, x.flatten().flip(0).view_as(x)]) if alone else x[:2]
        for n, x in feeds.items()
    }


def _equal(model: Model, free: Model, feeds: Mapping[str, Tensor]) -> bool:
    if any(s.batch_axis is None and o not in model.graph.constants for o, s in model.outputs.items()):
        return False
    try:
        together = free.forward(feeds)
    except InputError:
        return False
    apart = model.forward(feeds)
    return all(_close(together[o], y) for o, y in apart.items())


def _close(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if not a.is_floating_point():
        return torch.equal(a, b)
    finite = b[b.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(a, b, rtol=0.0, atol=EQUAL.get(b.dtype, 1e-5) * largest, equal_nan=True)
