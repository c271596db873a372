"""Which max(x, 0) may be written over the value that it reads.

Values are never written to: a walk reads them, and views of them are values too. The exception is proven here from the graph: a
value that its maker made anew, or that was made for this pass alone, that one node reads once, and that nobody keeps is gone
after that node in any case. To write over it takes half the time of writing beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from ..layers.base import Layer
from ..layers.kinds import Additive, Affine, Elementwise
from .graph import Node


def overwriting(nodes: Iterable[Node], kept: Collection[str], spent: Collection[str] = ()) -> set[str]:
    """Names of the max(x, 0) of a forward pass that may be written over x; `kept`: the values given to it or read after it;
    `spent`: those given to it alone."""
    nodes = list(nodes)
    readers = Counter(v for n in nodes for v in n.inputs)
    made = {v for n in nodes if _makes_anew(n.layer) for v in n.outputs}
    fresh = {v for v in made.union(spent) if readers[v] == 1 and v not in kept}
    return {n.name for n in nodes if isinstance(n.layer, Elementwise) and n.layer.rectifies and n.inputs[0] in fresh}


def _makes_anew(layer: Layer) -> bool:
    """Whether its output shares memory with no other tensor: products and sums of several values."""
    return layer.makes_anew if isinstance(layer, Affine) else isinstance(layer, Additive) and layer.n_slots > 1
