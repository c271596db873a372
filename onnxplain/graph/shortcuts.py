"""What one node of a walk leaves to the next, where nobody sees the relevance between them.

A max(x, 0) with a pool behind it lets through what reaches its elements above 0: that is asked of the pool's winners, which are few,
before relevance is spread. And where a rule multiplies by a value by which the next divides, relevance goes without it, through
ReLU, pool and reshape; what is left is one factor, the same for all targets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from torch import Tensor

from ..layers.kinds import Elementwise, Pooling, Routing
from ..rules.base import Single
from .visit import Visit

#: of a visit by its number: its rule as a function, and as one that may write over relevance
Forms = dict[int, tuple[Single, Single]]


class Links:
    """Who sends relevance to a value, and who takes it from there: where that is one node each, and the value is not `seen`."""

    def __init__(self, visits: Sequence[Visit], seen: Collection[str]) -> None:
        sent = [(v.node.inputs[i], k) for k, v in enumerate(visits) for i, _ in v.leaves]
        count = Counter(value for value, _ in sent)
        self.sender = {value: k for value, k in sent if count[value] == 1 and value not in seen}
        self.taker = {o: k for k, v in enumerate(visits) for o in v.node.outputs}
        self.visits = visits

    def after(self, k: int) -> int | None:
        """The visit that takes what this one sends, all of it, from one value to another."""
        (value,) = self.visits[k].node.inputs if self.visits[k].single is not None else (None,)
        then = self.taker.get(value) if value is not None and self.sender.get(value) == k else None
        return then if then is not None and self.visits[then].single is not None else None


def masked(visits: Sequence[Visit], links: Links) -> Forms:
    """Pools that mask relevance for the max(x, 0) before them, which then have nothing to do."""
    forms: Forms = {}
    for k, visit in enumerate(visits):
        layer = visit.node.layer
        if not visit.rule.transposes() or not isinstance(layer, Pooling) or not layer.pulls_rectified:
            continue
        then = links.after(k)
        if then is not None and visits[then].rule.transposes() and _rectifies(visits[then]):
            forms[k], forms[then] = (_masking(layer),) * 2, (left_out,) * 2
    return forms


def carried(visits: Sequence[Visit], links: Links) -> Forms:
    """Rules whose factor of a value is left to the next. Not the first: walks may start there at single units."""
    left = {k: then for k in range(1, len(visits)) if (then := _heir(visits, links, k)) is not None}
    arriving = set(left.values())
    forms: Forms = {}
    for k in {*left, *arriving}:
        v = visits[k]
        plain, over = (v.rule.carrying(v.node.layer, k in arriving, k in left, v.known[2], owned) for owned in (False, True))
        assert plain is not None and over is not None
        forms[k] = plain, over if v.frees else plain
    return forms


def _heir(visits: Sequence[Visit], links: Links, k: int) -> int | None:
    """Who divides by the factor that visit k multiplies by; None where that is not sure."""
    if not _carries(visits[k], leaves=True):
        return None
    through: Visit | None = None
    then = links.after(k)
    while then is not None and _hands_on(visits[then]):
        through, then = visits[then], links.after(then)
    fits = then is not None and through is not None and _rectifies(through) and visits[then].makes == through.node.outputs
    return then if fits and then is not None and _carries(visits[then], leaves=False) else None


def _carries(visit: Visit, leaves: bool) -> bool:
    form = visit.rule.carrying(visit.node.layer, not leaves, leaves, visit.known[2], False)
    return visit.single is not None and form is not None


def _hands_on(visit: Visit) -> bool:
    """Whether relevance goes through unchanged, to elements that have the value of those that it comes from."""
    layer, rule = visit.node.layer, visit.rule
    if isinstance(layer, Elementwise):
        return rule.passes and _rectifies(visit)
    moves = isinstance(layer, Pooling) or (isinstance(layer, Routing) and not layer.constant_slots)
    return moves and rule.transposes()


def _rectifies(visit: Visit) -> bool:
    return isinstance(visit.node.layer, Elementwise) and visit.node.layer.rectifies


def _masking(layer: Pooling) -> Single:
    return lambda r, x, y: layer.pull_rectified(r, x)


def left_out(r: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """What is done elsewhere."""
    return r
