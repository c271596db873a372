"""Where relevance falls on positive values only: there a rule knows the sign, and may read a ReLU's output in place of its
input, which then need not be kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..layers.kinds import Elementwise
from ..rules.base import Rule
from .graph import Node


def rectified(
    walk: Iterable[Node], rules: Mapping[str, Rule], seeds: Iterable[str], active: frozenset[str]
) -> dict[str, str]:
    """{z: y} for every z whose relevance all comes from y = max(z, 0) unchanged, and is 0 wherever y is 0; {z: z} where y is
    another function that is 0 wherever z ≤ 0.

    `walk`: nodes in the order of the walk, outputs to inputs. By data flow: R vanishes with y where every rule that
    sends relevance to y is of the form y ⊙ (…), or moves relevance that vanishes with the value it comes from.
    """
    vanishes = dict.fromkeys(seeds, False)
    senders: dict[str, int] = {}
    found: dict[str, str] = {}
    for n in walk:
        rule = rules[n.name]
        before = all(vanishes.get(v, True) for v in n.outputs)
        after = rule.vanishes(n.layer, before)
        for i, v in enumerate(n.inputs):
            if v in active and n.layer.carries(i):
                vanishes[v] = vanishes.get(v, True) and after
                senders[v] = senders.get(v, 0) + 1
        if before and rule.passes and isinstance(n.layer, Elementwise) and n.layer.zero_below:
            found[n.inputs[0]] = (n.outputs if n.layer.rectifies else n.inputs)[0]
    return {z: y for z, y in found.items() if senders[z] == 1 and z not in seeds}
