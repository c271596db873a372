"""Texts changed, joined and matched: StringNormalizer, StringConcat, RegexFullMatch."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ..base import OnnxNode
from .reading import Reading

_CASES: dict[str, Callable[[str], str]] = {"NONE": str, "LOWER": str.lower, "UPPER": str.upper}


class StringNormalizer(Reading):
    """Texts without those that are stop words, in upper or lower case: one "" where none is left.

    A text is one of the stop words as a whole, as onnxruntime takes it.
    """

    onnx = {"StringNormalizer": 10}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.change = _CASES[node.attr("case_change_action", "NONE")]
        self.key = str if node.attr("is_case_sensitive", 0) else str.lower
        self.stops = {self.key(t) for t in node.attr("stopwords") or []}

    def kept(self, x: np.ndarray) -> np.ndarray:
        """The places, on the last axis, of what is no stop word."""
        return np.array([k for k, t in enumerate(x.reshape(-1).tolist()) if self.key(t) not in self.stops], np.int64)

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = self.texts(inputs)
        if x.ndim > 2 or (x.ndim == 2 and len(x) != 1):
            raise ValueError(f"it takes one axis, or two of which the first is 1, not shape {x.shape}")
        left = [self.change(t) for t in x.reshape(-1)[self.kept(x)].tolist()] or [""]
        return self.coded(np.array(left, dtype=object).reshape(*x.shape[:-1], -1))

    def back(self, cotangents: Sequence[Tensor | None], inputs: Sequence[Tensor]) -> Tensor | None:
        g = cotangents[0]
        if g is None:
            return None
        (x,) = self.texts(inputs)
        places = self.kept(x)
        if not len(places):  # the "" is no text's own
            return (g.sum(-1, keepdim=True) / x.size).expand(g.shape[0], *x.shape)
        return g.new_zeros((g.shape[0], *x.shape)).index_copy(-1, torch.from_numpy(places).to(g.device), g)


class StringConcat(Reading):
    """x followed by y, with broadcasting."""

    onnx = {"StringConcat": 20}

    def forward(self, *inputs: Tensor) -> Tensor:
        x, y = self.texts(inputs)
        return self.coded(np.asarray(x + y, dtype=object))


class RegexFullMatch(Reading):
    """Whether a text as a whole matches an expression."""

    onnx = {"RegexFullMatch": 20}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.expression = re.compile(node.attr("pattern", ""), re.ASCII)

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = self.texts(inputs)
        found = [self.expression.fullmatch(t) is not None for t in x.reshape(-1).tolist()]
        return torch.tensor(found, dtype=torch.bool).reshape(x.shape)
