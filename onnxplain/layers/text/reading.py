"""The base of layers that look into texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer
from .lexicon import Lexicon


class Reading(Integer):
    """Something made of texts. A subclass gives `forward`."""

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.node = node
        self.lexicon = Lexicon() if node.texts is None else node.texts
        self.lexicon.read = True

    @classmethod
    def build(cls, node: OnnxNode) -> Reading | None:
        return cls(node)

    def texts(self, inputs: Sequence[Tensor]) -> list[Any]:
        """The texts of every ONNX input."""
        return [None if x is None else self.lexicon.texts(x.cpu().numpy()) for x in self.full(inputs)]

    def coded(self, texts: np.ndarray, like: Tensor | None = None) -> Tensor:
        """Codes of texts, on the device of `like`."""
        made = torch.from_numpy(self.lexicon.codes(texts))
        return made if like is None else made.to(like.device)


def padded(rows: Sequence[Sequence[str]], shape: Sequence[int], pad: str) -> np.ndarray:
    """Lists of texts as an array (*shape, longest), filled up at their ends."""
    longest = max((len(r) for r in rows), default=0)
    out = np.full((len(rows), longest), pad, dtype=object)
    for k, r in enumerate(rows):
        out[k, : len(r)] = r
    return out.reshape(*shape, longest)
