"""Affine layers with their explicit matrices, and rules applied to single layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from onnxplain.layers.base import Layer, OnnxNode, layer_for
from onnxplain.layers.kinds import Affine
from onnxplain.layers.shapes import stand_in
from onnxplain.rules import Rule, Site
from tests.layers.harness import C, Case, normal, outputs_of, uniform

T = 3


def site(layer: Layer, *inputs: Tensor, baseline: Sequence[Tensor] = (), **known: tuple[bool, ...]) -> Site:
    outputs0 = outputs_of(layer, baseline) if baseline else None
    return Site(layer, inputs, outputs_of(layer, inputs), baseline or None, outputs0, **known)


def apply(rule: Rule, at: Site, *relevance: Tensor | None) -> tuple[Tensor | None, ...]:
    """The rule at a site where everything it says it does not read is a stand-in, as in a walk."""
    reads = rule.reads(at.layer)
    freed = Site(
        at.layer,
        at.inputs if "inputs" in reads else [stand_in(x) for x in at.inputs],
        at.outputs if "outputs" in reads else [stand_in(y) for y in at.outputs],
        at.inputs0,
        at.outputs0,
        at.nonnegative,
        at.active,
    )
    assert rule.covers(at.layer)
    n_targets = next(r.shape[0] for r in relevance if r is not None)
    before = [x.clone() for x in (*at.inputs, *at.outputs)]
    with torch.inference_mode():
        pulled = rule(freed, relevance)
    assert all(torch.equal(x, b) for x, b in zip((*at.inputs, *at.outputs), before, strict=True))
    assert len(pulled) == len(at.inputs)
    for p, x in zip(pulled, at.inputs, strict=True):
        assert p is None or (tuple(p.shape) == (n_targets, *x.shape) and p.dtype == x.dtype)
    return pulled


def built(op: str, attributes: dict[str, Any], *inputs: Tensor | None) -> Layer:
    """The operator's layer: a tensor is a constant, None varies."""
    made = layer_for(
        OnnxNode(
            op,
            23,
            attributes=attributes,
            constants=inputs,
            dynamic=tuple(c is None for c in inputs),
            floating=(True,) * len(inputs),
            dtype=torch.float64,
        )
    )
    assert made is not None
    return made


def relevance_at(y: Tensor, seed: int = 7) -> Tensor:
    """Relevance that has nothing to do with y."""
    g = torch.Generator().manual_seed(seed)
    return torch.randn(T, *y.shape, generator=g, dtype=y.dtype)


@dataclass(frozen=True)
class Problem:
    """An Affine layer at an input, with its matrix by evaluating the layer, whole batch as one flat sample."""

    name: str
    case: Case

    @cached_property
    def layer(self) -> Affine:
        layer = self.case.layer()
        assert isinstance(layer, Affine)
        return layer

    def x(self, positive: bool) -> Tensor:
        (x,) = self.case.tensors()
        return x.abs() if positive else x

    @cached_property
    def matrix(self) -> tuple[Tensor, Tensor, Tensor]:
        """(w (n, m), b (m,), reads (n, m))"""
        x = self.x(False)
        b = outputs_of(self.layer, (torch.zeros_like(x),))[0].flatten()
        rows = [outputs_of(self.layer, (e.reshape(x.shape),))[0].flatten() - b for e in torch.eye(x.numel()).double()]
        w = torch.stack(rows)
        w = torch.where(w.abs() < 1e-13, 0.0, w)
        return w, b, w != 0


PROBLEMS = [
    Problem("dense", Case("Gemm", [normal(3, 5), C(normal(5, 4, seed=1)), C(normal(4, seed=2))])),
    Problem("dense_without_bias", Case("MatMul", [normal(2, 3, 5), C(normal(5, 4, seed=1))])),
    Problem(
        "conv_stride_padding",
        Case(
            "Conv",
            [normal(2, 2, 6, 5), C(normal(3, 2, 3, 3, seed=1)), C(normal(3, seed=2))],
            {"strides": [2, 2], "pads": [1, 1, 1, 1]},
        ),
    ),
    Problem(
        "conv_groups",
        Case("Conv", [normal(2, 4, 7), C(normal(6, 2, 3, seed=1)), C(normal(6, seed=2))], {"group": 2, "pads": [2, 0]}),
    ),
    Problem(
        "conv_transpose",
        Case(
            "ConvTranspose",
            [normal(2, 3, 4), C(normal(3, 2, 3, seed=1)), C(normal(2, seed=2))],
            {"strides": [2], "pads": [1, 1]},
        ),
    ),
    Problem(
        "average_pool",
        Case("AveragePool", [normal(2, 2, 5, 6)], {"kernel_shape": [2, 3], "strides": [1, 2], "pads": [1, 1, 0, 0]}),
    ),
    Problem(
        "batch_norm",
        Case(
            "BatchNormalization",
            [normal(3, 4, 2), C(normal(4, seed=1)), C(normal(4, seed=2)), C(normal(4, seed=3)), C(uniform(4, seed=4))],
        ),
    ),
]


def golden(root: str = "golden_torch") -> dict[str, Tensor]:
    """What other libraries computed, by key."""
    folder = Path(__file__).parent.parent / "golden" / "peers"
    with np.load(folder / f"{root}.npz") as arrays:
        return {k: torch.from_numpy(arrays[k]) for k in arrays.files}
