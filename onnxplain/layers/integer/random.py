"""Random numbers, the same at every call: drawn by a node's seed, or by its name where the file leaves the seed open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
import torch
from numpy.random import RandomState
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer
from ..parameters import dtype_of

#: a node's attributes, its generator, its input → the numbers
Draw = Callable[[Mapping[str, Any], RandomState, Any], Any]


def generator(node: OnnxNode) -> RandomState:
    """Numpy's, as ONNX's reference evaluator takes it; without a seed, from the node's name."""
    seed = node.attr("seed")
    if seed is None or np.isnan(seed):
        return RandomState(crc32(node.name.encode()))
    return RandomState(int(seed) % 2**32)


def _normal(a: Mapping[str, Any], rng: RandomState, shape: Sequence[int]) -> Any:
    return rng.standard_normal(tuple(shape)) * a.get("scale", 1.0) + a.get("mean", 0.0)


def _uniform(a: Mapping[str, Any], rng: RandomState, shape: Sequence[int]) -> Any:
    low, high = a.get("low", 0.0), a.get("high", 1.0)
    return rng.random_sample(tuple(shape)) * (high - low) + low


def _bernoulli(a: Mapping[str, Any], rng: RandomState, p: np.ndarray) -> Any:
    return (rng.random_sample(p.shape) < p).astype(np.float64)


def _multinomial(a: Mapping[str, Any], rng: RandomState, scores: np.ndarray) -> Any:
    """Of each row's classes, so many as `sample_size` says, with chances exp(score) / Σ exp(score)."""
    chances = np.exp(scores - scores.max(1, keepdims=True, initial=-np.inf))
    ends = np.cumsum(chances, 1) / chances.sum(1, keepdims=True)
    drawn = rng.random_sample((len(scores), int(a.get("sample_size", 1))))
    return np.minimum((drawn[:, :, None] >= ends[:, None, :]).sum(2), scores.shape[1] - 1)


_FREE: dict[str, Draw] = {"RandomNormal": _normal, "RandomUniform": _uniform}
_LIKE: dict[str, Draw] = {"RandomNormalLike": _normal, "RandomUniformLike": _uniform}
_BY_VALUE: dict[str, Draw] = {"Bernoulli": _bernoulli, "Multinomial": _multinomial}


class Drawn(Integer):
    """Numbers of a shape that the file states. They carry no relevance."""

    onnx = {"RandomNormal": 1, "RandomUniform": 1}
    draws = True
    note = "draws random numbers"

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.node, self.dtype = node, dtype_of(node.attr("dtype", 1), node)

    @classmethod
    def build(cls, node: OnnxNode) -> Drawn:
        return cls(node)

    def forward(self) -> Tensor:
        a = self.node.attributes
        return torch.from_numpy(np.asarray(_FREE[self.node.op](a, generator(self.node), a["shape"]))).to(self.dtype)


class DrawnFor(Integer):
    """Numbers of an input's shape, or by the chances that an input holds; row by row, so that a row's numbers depend on
    its place among the others. They carry no relevance."""

    onnx = {"RandomNormalLike": 1, "RandomUniformLike": 1, "Bernoulli": 15, "Multinomial": 7}
    draws = True
    joins_samples = True
    note = "draws random numbers"

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.node = node
        stated = node.attr("dtype", 6 if node.op == "Multinomial" else None)
        self.dtype = None if stated is None else dtype_of(stated, node)

    @classmethod
    def build(cls, node: OnnxNode) -> DrawnFor:
        return cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = self.full(inputs)
        op, a, rng = self.node.op, self.node.attributes, generator(self.node)
        if op in _LIKE:
            drawn = _LIKE[op](a, rng, tuple(x.shape))
        else:
            drawn = _BY_VALUE[op](a, rng, x.detach().cpu().double().numpy())
        return torch.from_numpy(np.asarray(drawn)).to(self.dtype or x.dtype).to(x.device)


class Kept(Integer):
    """True where a Dropout in training mode keeps x, everywhere in another mode. Not an operator of ONNX: what the mask of
    a Dropout is written as."""

    onnx = {"onnxplain:Kept": 1}
    draws = True
    joins_samples = True

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.node = node

    @classmethod
    def build(cls, node: OnnxNode) -> Kept:
        return cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        x, ratio, training = (*self.full(inputs), None, None)[:3]
        if training is None or not bool(training.any()):
            return torch.ones_like(x, dtype=torch.bool)
        return kept(self.node, x, 0.5 if ratio is None else float(ratio))


def kept(node: OnnxNode, x: Tensor, ratio: float) -> Tensor:
    """Which elements of x a Dropout in training mode keeps."""
    return torch.from_numpy(generator(node).random_sample(tuple(x.shape)) >= ratio).to(x.device)
