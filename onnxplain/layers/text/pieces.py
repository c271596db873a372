"""Texts cut into pieces: StringSplit and onnxruntime's Tokenizer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..base import OnnxNode
from .reading import Reading, padded

#: what stands before and after the tokens of each text, where it is asked for
START, END = "\x02", "\x03"


class StringSplit(Reading):
    """Each text's pieces between delimiters (white space, where there is none) along a new last axis, filled up with "";
    and how many each has."""

    onnx = {"StringSplit": 20}

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        (x,) = self.texts(inputs)
        delimiter, most = self.node.attr("delimiter") or None, self.node.attr("maxsplit")
        rows = [t.split(delimiter, -1 if most is None else int(most)) for t in x.reshape(-1).tolist()]
        counts = np.array([len(r) for r in rows], np.int64).reshape(x.shape)
        return self.coded(padded(rows, x.shape, "")), torch.from_numpy(counts)

    def back(self, cotangents: Sequence[Tensor | None], inputs: Sequence[Tensor]) -> Tensor | None:
        parts = [g.sum(-1) if k == 0 else g for k, g in enumerate(cotangents) if g is not None]
        return torch.stack(parts).sum(0) if parts else None


class Tokenizer(Reading):
    """Each text's tokens along a new last axis, filled up with `pad_value`: matches of `tokenexp`, or what lies between
    matches of the `separators`, one after the other; single characters for the separator "". Shorter ones than
    `mincharnum` are left out."""

    onnx = {"com.microsoft:Tokenizer": 1}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.separators = list(node.attr("separators") or [])
        self.expression = re.compile(node.attr("tokenexp"), re.ASCII) if node.attr("tokenexp") else None
        self.least = max(1, int(node.attr("mincharnum", 1)))
        self.by_character = self.separators == [""]
        self.cuts = [] if self.by_character else [re.compile(s, re.ASCII) for s in self.separators]

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = self.texts(inputs)
        rows = [list(self.tokens(t)) for t in x.reshape(-1).tolist()]
        if int(self.node.attr("mark", 0)):
            rows = [[START, *r, END] for r in rows]
        return self.coded(padded(rows, x.shape, self.node.attr("pad_value", "")))

    def tokens(self, text: str) -> Iterator[str]:
        if self.by_character:
            yield from text
            return
        if self.expression is not None:
            found = [m.group() for m in self.expression.finditer(text)]
        else:
            found = [text]
            for cut in self.cuts:
                found = [piece for t in found for piece in _between(cut, t)]
        yield from (t for t in found if len(t) >= self.least)

    def back(self, cotangents: Sequence[Tensor | None], inputs: Sequence[Tensor]) -> Tensor | None:
        g = cotangents[0]
        return None if g is None else g.sum(-1)


def _between(cut: re.Pattern[str], text: str) -> Iterator[str]:
    """What lies between matches; groups of the expression are no pieces."""
    at = 0
    for m in cut.finditer(text):
        if m.end() > m.start():
            yield text[at : m.start()]
            at = m.end()
    yield text[at:]
