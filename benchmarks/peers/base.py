"""What every other library's side has: which methods it knows, and one explanation at a time."""

from __future__ import annotations

import copy
import importlib
from abc import ABC, abstractmethod
from importlib import metadata
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..ask import Ask


class Peer(ABC):
    """A library beside onnxplain. It gets a copy of the very net that onnxplain got as ONNX: what one library
    leaves on its net, no other sees."""

    library: ClassVar[str]
    methods: ClassVar[frozenset[str]]

    def __init__(self, net: nn.Module) -> None:
        self.net = copy.deepcopy(net).requires_grad_(False)

    @classmethod
    def version(cls) -> str | None:
        """None where the library is missing or does not import."""
        try:
            importlib.import_module(cls.library)
            return metadata.version(cls.library)
        except ImportError:
            return None

    def knows(self, method: str) -> bool:
        return method in self.methods

    def run(self, ask: Ask) -> Tensor:
        """(targets, samples, *input)"""
        return torch.stack([self.one(ask, t).detach() for t in ask.targets])

    @abstractmethod
    def one(self, ask: Ask, target: int) -> Tensor:
        """(samples, *input)"""


def holds(net: nn.Module, *kinds: type[nn.Module]) -> bool:
    return any(isinstance(m, kinds) for m in net.modules())
