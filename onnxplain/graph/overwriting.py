"""Which max(x, 0) and which sums may be written over a value that they read.

Values are never written to: a walk reads them, and views of them are values too. The exception is proven here from the graph: a
value that its maker made anew, or that was made for this pass alone, that one node reads once, and that nobody keeps is gone
after that node in any case. To write over it takes half the time of writing beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable

import torch
from torch import Tensor

from ..layers.base import Layer
from ..layers.kinds import Additive, Affine, Elementwise
from ..layers.shapes import sum_over
from .graph import Node


def overwriting(
    nodes: Iterable[Node], kept: Collection[str], spent: Collection[str] = ()
) -> dict[str, Callable[..., Tensor]]:
    """Of a forward pass the nodes, by name, that may be written over what they read, and the functions that do so; `kept`: the
    values given to it or read after it; `spent`: those given to it alone."""
    nodes = list(nodes)
    readers = Counter(v for n in nodes for v in n.inputs)
    made = {v for n in nodes if _makes_anew(n.layer) for v in n.outputs}
    fresh = {v for v in made.union(spent) if readers[v] == 1 and v not in kept}
    found: dict[str, Callable[..., Tensor]] = {}
    for n in nodes:
        if isinstance(n.layer, Elementwise) and n.layer.rectifies and n.inputs[0] in fresh:
            found[n.name] = torch.relu_
        elif isinstance(n.layer, Additive) and n.layer.of_two and not fresh.isdisjoint(n.inputs):
            found[n.name] = sum_over if n.inputs[0] in fresh else _sum_over_second
    return found


def _sum_over_second(a: Tensor, b: Tensor) -> Tensor:
    return sum_over(b, a)


def _makes_anew(layer: Layer) -> bool:
    """Whether its output shares memory with no other tensor: products and sums of several values."""
    return layer.makes_anew if isinstance(layer, Affine) else isinstance(layer, Additive) and layer.n_slots > 1
