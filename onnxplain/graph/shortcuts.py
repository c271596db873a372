"""What one node of a walk does for the next, where nobody sees the relevance between them.

A max(x, 0) with a pool behind it lets through what reaches its elements above 0: that is asked of the pool's winners, which are few,
before relevance is spread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from torch import Tensor

from ..layers.kinds import Elementwise, Pooling
from ..rules.base import Single
from .visit import Visit


def masked(visits: Sequence[Visit], seen: Collection[str]) -> dict[int, tuple[Single, Single]]:
    """By the number of a visit, functions that stand for `single` and `over`: of pools that mask relevance for the max(x, 0) before
    them, and of that, which then has nothing to do. Not where relevance between the two is `seen`, or others send theirs there."""
    senders = Counter(v.node.inputs[i] for v in visits for i, _ in v.leaves)
    takers = {o: k for k, v in enumerate(visits) for o in v.node.outputs}
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


def _rectifies(visit: Visit) -> bool:
    layer = visit.node.layer
    return visit.single is not None and visit.rule.transposes() and isinstance(layer, Elementwise) and layer.rectifies


def _masking(pool: Pooling) -> Single:
    return lambda r, x, y: pool.pull_rectified(r, x)


def left_out(r: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """What is done elsewhere."""
    return r
