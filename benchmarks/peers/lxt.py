"""LXT's AttnLRP: gradient × input with its rules in the place of GELU, LayerNorm and attention's products."""

from __future__ import annotations

import importlib.util
import math
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..ask import Ask
from ..nets.transformers import Block, Operations, Transformer
from .autograd import autograd
from .base import Peer, holds


class Lxt(Peer):
    """It patches the classes of HuggingFace's transformers; the nets here have none of these, so that its rules (which its
    patches consist of) are put where its patches put them."""

    library = "lxt"
    methods = frozenset({"attnlrp"})

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        for m in self.net.modules():
            if isinstance(m, Block | Transformer):
                m.operations = Patched(rules())

    @classmethod
    def version(cls) -> str | None:
        return metadata.version("lxt") if importlib.util.find_spec("lxt") else None

    def knows(self, method: str) -> bool:
        return method in self.methods and holds(self.net, Block)

    def one(self, ask: Ask, target: int) -> Tensor:
        return autograd(self.net, ask.x, [target])[0] * ask.x


class Patched(Operations):
    def __init__(self, rules: Any) -> None:
        self.rules = rules

    def gelu(self, x: Tensor) -> Tensor:
        return self.rules.identity_rule_implicit(F.gelu, x)

    def norm(self, layer: nn.LayerNorm, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        deviation = (centred.square().mean(-1, keepdim=True) + layer.eps).sqrt()
        return centred / self.rules.stop_gradient(deviation) * layer.weight + layer.bias

    def attention(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        q, k, v = (self.rules.divide_gradient(t, by) for t, by in ((q, 4), (k, 4), (v, 2)))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return torch.softmax(scores if mask is None else scores + mask, -1) @ v


def rules() -> ModuleType:
    """`lxt.efficient.rules` by its file: the package's own import asks for transformers, which the rules do not use."""
    package = importlib.util.find_spec("lxt")
    assert package is not None and package.submodule_search_locations is not None
    path = Path(package.submodule_search_locations[0]) / "efficient" / "rules.py"
    spec = importlib.util.spec_from_file_location("lxt_rules", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
