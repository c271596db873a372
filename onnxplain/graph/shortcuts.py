"""What one node of a walk does for the next, where nobody sees the relevance between them.

A max(x, 0) with a pool behind it lets through what reaches its elements above 0: that is asked of the pool's winners, which are few,
before relevance is spread.

LRP-ε multiplies by a layer's inputs x, and divides by the outputs z of the layer below. Where x are elements of max(z, 0), these are the
same numbers wherever there is relevance: one factor x / (x + ε) does both, for all targets, and on the small side of a pool.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from torch import Tensor

from ..layers.kinds import Elementwise, Pooling, Routing
from ..rules.base import Single
from .visit import Visit


def masked(visits: Sequence[Visit], seen: Collection[str]) -> dict[int, tuple[Single, Single]]:
    """By the number of a visit, functions that stand for `single` and `over`: of pools that mask relevance for the max(x, 0) before
    them, and of that, which then has nothing to do. Not where relevance between the two is `seen`, or others send theirs there."""
    senders, takers = _ends(visits)
    forms: dict[int, tuple[Single, Single]] = {}
    for k, visit in enumerate(visits):
        pool = visit.node.layer
        if visit.single is None or not visit.rule.transposes() or not isinstance(pool, Pooling) or not pool.pulls_rectified:
            continue
        (between,) = visit.node.inputs
        then = takers.get(between)
        if then is not None and senders[between] == 1 and between not in seen and _rectifies(visits[then]):
            forms[k], forms[then] = (_masking(pool),) * 2, (left_out,) * 2
    return forms


def _ends(visits: Sequence[Visit]) -> tuple[Counter[str], dict[str, int]]:
    """By value: how many visits send relevance there, and the number of the one that takes it."""
    return Counter(v.node.inputs[i] for v in visits for i, _ in v.leaves), {o: k for k, v in enumerate(visits) for o in v.node.outputs}


def _rectifies(visit: Visit) -> bool:
    layer = visit.node.layer
    return visit.single is not None and visit.rule.transposes() and isinstance(layer, Elementwise) and layer.rectifies


def _masking(pool: Pooling) -> Single:
    return lambda r, x, y: pool.pull_rectified(r, x)


def left_out(r: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """What is done elsewhere."""
    return r


def shared_factors(visits: Sequence[Visit], seen: Collection[str]) -> tuple[dict[int, tuple[Single, Single]], dict[int, float]]:
    """By the number of a visit, functions that stand for `single` and `over` where layers share such factors; and the ε that the next
    layer leaves to a visit. Not where relevance between the two is `seen`, or others send theirs there."""
    senders, takers = _ends(visits)

    def below(k: int) -> int | None:
        """The visit that a joining one can divide for."""
        rectified = False
        while len(visits[k].node.inputs) == 1:
            between = visits[k].node.inputs[0]
            if between in seen or senders[between] != 1 or (k := takers.get(between, -1)) < 0 or len(visits[k].node.outputs) != 1:
                return None
            v, layer = visits[k], visits[k].node.layer
            if rectified:  # what it makes then stands in the max's place
                return k if v.single is not None and v.known[2] and v.rule.joins(layer) is not None else None
            if isinstance(layer, Elementwise) and layer.rectifies and v.rule.passes:
                rectified = True
            elif not (isinstance(layer, (Pooling, Routing)) and v.rule.transposes()):
                return None
        return None

    after: dict[int, float] = {}
    divided = set()
    for k, visit in enumerate(visits):
        if visit.single is not None and visit.rule.joins(visit.node.layer) is not None and (then := below(k)) is not None:
            epsilon = visits[then].rule.joins(visits[then].node.layer)
            assert epsilon is not None
            after[k] = epsilon
            divided.add(then)
    forms: dict[int, tuple[Single, Single]] = {}
    for k in divided | {*after}:
        visit = visits[k]
        made = [visit.rule.joined(visit.node.layer, visit.known[2], owned, k in divided, after.get(k)) for owned in (False, True)]
        forms[k] = made[0], made[1] if visit.frees else made[0]
    return forms, after
