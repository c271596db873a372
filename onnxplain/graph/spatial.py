"""Maps over the places of an internal value: where the last one is, and how one gets back to an input's pixels."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from ..layers.kinds import Additive, Affine, Elementwise
from .graph import Graph, Node
from .pairing import Values

#: (values (N, C, *places), gradients (T, N, C, *places)) → (T, N, *places)
Combine = Callable[[Tensor, Tensor], Tensor]
MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


@dataclass(frozen=True, eq=False)
class MapBack:
    """Gradients at `value` → a map over its places, spread out linearly over those of `input`, the same in every
    channel. `channel`: the channel axis of the value; `input_channel`: that of the input, None where it has none."""

    value: str
    input: str
    combine: Combine
    channel: int
    input_channel: int | None
    upsample: bool
    relu: bool

    def values(self) -> set[str]:
        return {self.value}

    def at_source(self, trace: Values, gradient: Tensor) -> Tensor:
        """The map as it is: the value's shape, with a channel axis of size 1."""
        return self._map(trace, gradient).unsqueeze(1 + self.channel)

    def run(self, trace: Values, gradient: Tensor) -> Tensor | None:
        """The map in the input's shape; None where it is not to be spread out."""
        if not self.upsample:
            return None
        shape, m = trace[self.input].shape, self._map(trace, gradient)
        size = [n for axis, n in enumerate(shape) if axis not in (0, self.input_channel)]
        flat = m.reshape(-1, 1, *m.shape[2:])
        m = F.interpolate(flat, size, mode=MODES[len(size)], align_corners=False).reshape(*m.shape[:2], *size)
        return (m if self.input_channel is None else m.unsqueeze(1 + self.input_channel)).expand(m.shape[0], *shape)

    def _map(self, trace: Values, gradient: Tensor) -> Tensor:
        m = self.combine(trace[self.value].movedim(self.channel, 1), gradient.movedim(1 + self.channel, 2))
        return m.clamp(min=0) if self.relu else m


def last_convolution(graph: Graph, seeds: Collection[str]) -> tuple[str, Node] | None:
    """(value, convolution): the last convolution's output after the normalisation, sum and activation that follow."""
    found = [n for n in graph.ancestors(seeds) if isinstance(n.layer, Affine) and n.layer.family == "convolution"]
    if not found:
        return None
    value = found[-1].outputs[0]
    while len(readers := graph.consumers[value]) == 1 and _keeps_places(readers[0], several=True):
        if readers[0].outputs[0] in seeds:
            break
        value = readers[0].outputs[0]
    return value, found[-1]


def channel_of_input(graph: Graph, value: str, rank: int) -> int | None:
    """The axis of an input that reaches its first convolution as axis 1; None where the graph does not tell."""
    axes = list(range(rank))
    while len(readers := graph.consumers[value]) == 1:
        (node,) = readers
        if isinstance(node.layer, Affine) and node.layer.family == "convolution":
            return axes[1]
        if node.op == "Transpose":
            perm = getattr(node.layer, "perm", None) or list(reversed(range(rank)))
            axes = [axes[p] for p in perm]
        elif not _keeps_places(node, several=False) and node.op not in ("Identity", "Cast"):
            return None
        value = node.outputs[0]
    return None


def _keeps_places(node: Node, several: bool) -> bool:
    """Each place of its output is made of the same place of its input (or inputs, of a sum)."""
    layer = node.layer
    if isinstance(layer, Additive):
        return several or len(node.inputs) == 1
    return isinstance(layer, Elementwise) or (isinstance(layer, Affine) and layer.family in ("batch_norm", "scale"))
