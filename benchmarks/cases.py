"""The cases: nets, data, methods, and who takes part. A case is measured in units of a floor."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import onnxplain as ox

from . import nets, ours, peers

Call = Callable[[], Any]
Compare = Callable[[], dict[str, float]]
SINGLE = ("gradient", "epsilon", "zplus", "alpha2beta1", "gamma", "deeplift")


@dataclass(frozen=True)
class Row:
    """One line of the table: a method on a case. `calls[who]` runs it; `differences` compares the numbers.

    `floor`: what "1" is. `nodes`: where the time per node is asked for, their number.
    """

    case: str
    method: str
    floor: Call
    calls: dict[str, Call]
    differences: Compare
    nodes: int | None = None


@dataclass(frozen=True)
class Case:
    """A net at some data, explained for some targets. `quick`: part of a quick run."""

    name: str
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    methods: tuple[str, ...] = SINGLE
    targets: tuple[int, ...] = (3,)
    quick: bool = True
    per_node: bool = False

    def rows(self, who: Sequence[str]) -> Iterator[Row]:
        net = nets.made(self.make)
        x = torch.randn(self.shape, generator=torch.Generator().manual_seed(1))
        source = nets.as_onnx(net, x)
        model = ox.load(source, verify="never")
        others: dict[str, Any] = {w: kind(net) for w, kind in OTHERS.items() if w in who}
        for method in self.methods:
            known = {w: o for w, o in others.items() if o.knows(method)}
            yield self._row(method, net, model, x, known, partial(self._differences, method, net, source, x, who))

    def _row(
        self, method: str, net: nn.Module, model: ox.Model, x: Tensor, others: dict[str, Any], differences: Compare
    ) -> Row:
        data, targets, options = x.numpy(), list(self.targets), self._options(method, x)
        calls: dict[str, Call] = {w: partial(o.run, method, x, targets, **options) for w, o in others.items()}
        if len(targets) > 1 and method == "gradient":
            calls = {"autograd": lambda: peers.autograd(net, x, targets), **calls}
        explain: dict[str, Call] = {"onnxplain": lambda: ours.run(model, method, data, targets, **options)}
        if self.per_node:
            explain = {"onnxplain": ours.walk(model, method, data, targets), "explain()": explain["onnxplain"]}
        nodes = len(model.graph.nodes) if self.per_node else None
        return Row(self.name, method, lambda: peers.autograd(net, x, targets[:1]), {**explain, **calls}, differences, nodes)

    def _differences(self, method: str, net: nn.Module, source: bytes, x: Tensor, who: Sequence[str]) -> dict[str, float]:
        """max |ours − theirs| / max |theirs| in float64 (in float32 a ReLU near 0 may fall on either side), one target."""
        alike = [w for w in ("autograd", *who) if (w, method) in ALIKE]
        if not alike:
            return {}
        net, x, targets = copy.deepcopy(net).double(), x.double(), list(self.targets[:1])
        options = self._options(method, x)
        mine = ours.values(ours.run(ox.load(source, verify="never", dtype="float64"), method, x.numpy(), targets, **options))
        found = {}
        for w in alike:
            if w == "autograd":
                theirs = peers.autograd(net, x, targets)
            elif (other := OTHERS[w](net)).knows(method):
                theirs = other.run(method, x, targets, **options).detach()
            else:
                continue
            found[w] = float((mine - theirs).abs().max() / theirs.abs().max())
        return found

    def _options(self, method: str, x: Tensor) -> dict[str, Any]:
        if method == "deepshap":
            return {"references": torch.randn((100, *x.shape[1:]), generator=torch.Generator().manual_seed(2)).to(x.dtype)}
        # captum's best chunk of steps was one to two batches
        return {"rows": max(x.shape[0], min(2 * x.shape[0], 512))} if method == "ig" else {}


OTHERS: dict[str, Any] = {"captum": peers.Captum, "zennit": peers.Zennit}
#: who computes the same numbers as we do
ALIKE = {
    ("autograd", "gradient"),
    ("zennit", "epsilon"),
    ("zennit", "zplus"),
    ("zennit", "alpha2beta1"),
    ("zennit", "gamma"),
    ("captum", "ig"),
    ("captum", "deepshap"),
}
TEN = tuple(range(10))

CASES = (
    Case("VGG-16, 1 × 224²", nets.vgg16, (1, 3, 224, 224), quick=False),
    Case("ResNet-50, 1 × 224²", nets.resnet50, (1, 3, 224, 224), quick=False),
    Case("small conv, 8 × 64²", nets.small_conv, (8, 3, 64, 64)),
    Case("MLP, 200 × 100", nets.mlp, (200, 100), ("gradient", "epsilon", "deeplift")),
    Case("MLP, 10,000 × 100", nets.mlp, (10_000, 100), ("gradient", "epsilon", "deeplift")),
    Case("MLP, 10,000 × 100, ten targets", nets.mlp, (10_000, 100), ("gradient", "epsilon", "deeplift"), TEN),
    Case("ResNet-50, ten targets", nets.resnet50, (1, 3, 224, 224), ("gradient", "epsilon"), TEN, quick=False),
    Case("small conv, 100 targets", nets.small_conv, (8, 3, 64, 64), ("gradient", "epsilon"), tuple(range(100)), quick=False),
    Case("small conv, 50-step IG", nets.small_conv, (8, 3, 64, 64), ("ig",)),
    Case("MLP, 1,000 × 100, 50-step IG", nets.mlp, (1_000, 100), ("ig",)),
    Case("small MLP, DeepShap 200 × 100 × 10", nets.small_mlp, (200, 100), ("deepshap",), TEN),
    Case("chain of 1,000 nodes", nets.chain, (1, 4), ("gradient", "epsilon"), (3,), per_node=True),
)
