"""Conditions that are known when a model is loaded, because the sizes they ask for are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..layers.base import Bound
from ..layers.control import Control
from ..layers.kinds import Routing
from .fold import NOT_FITTING

if TYPE_CHECKING:
    from .build import Builder

#: two stand-ins for a size that is not known: what is the same with both, and was only moved, does not depend on it
UNKNOWN = (7907, 7919)
Pair = tuple[Tensor, Tensor]


def always(b: Builder, condition: str) -> bool | None:
    """The value of a condition; None where it is not known."""
    found = _pair(b, condition, {})
    if found is None or not _same(found):
        return None
    return bool(found[0].reshape(-1)[0])


def _pair(b: Builder, value: str, known: dict[str, Pair | None]) -> Pair | None:
    """A value for each of the stand-ins; None where it depends on numbers of the input, or on what was made of them."""
    if value in b.constants:
        return b.constants[value], b.constants[value]
    if value not in known:
        known[value] = None
        try:
            known[value] = _made(b, value, known)
        except NOT_FITTING:
            pass
    return known[value]


def _made(b: Builder, value: str, known: dict[str, Pair | None]) -> Pair | None:
    node = b.made.get(value)
    if node is None or len(node.outputs) != 1 or isinstance(node.layer, Control):
        return None
    if node.op in ("Shape", "Size"):
        t = b.types.get(node.inputs[0])
        if t is None or t.sizes is None:
            return None
        shapes = [[u if s is None else s for s in t.sizes] for u in UNKNOWN]
        first, second = (node.layer.forward(torch.zeros(()).expand(s)) for s in shapes)
        return first, second
    inputs = [_pair(b, v, known) for v in node.inputs]
    found = [p for p in inputs if p is not None]
    if len(found) < len(inputs):
        return None
    moved = isinstance(node.layer, Routing) and (node.op == "Concat" or _first_only(node.layer))
    free = len(found) if node.op == "Concat" else 1
    if not all(_same(p) for p in (found[free:] if moved else found)):
        return None
    return node.layer.forward(*[p[0] for p in found]), node.layer.forward(*[p[1] for p in found])


def _first_only(layer: Bound) -> bool:
    """Its first input are the values that move."""
    return bool(layer.slots) and layer.slots[0] == 0


def _same(pair: Pair) -> bool:
    return pair[0] is pair[1] or (pair[0].shape == pair[1].shape and bool(torch.equal(pair[0], pair[1])))
