"""Visit: a node's place in a walk, and how relevance passes it.

Relevance that nobody else holds is its node's own, which may write over it: that takes half the time of writing beside it. A walk
keeps book: what a rule made anew is owned, and so is a sum that the walk made; what walks begin with, what is read off
them, what several nodes are given and what an observer sees is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..layers.base import Layer
from ..layers.shapes import sum_over
from ..rules.base import Mixed, Prepared, Relevances, Rule, Single, Site
from .graph import Node
from .pairing import Pairing, steady

if TYPE_CHECKING:
    from .plan import Trace

#: (node, relevance at its outputs, relevance at its inputs, site): sees every node of a walk
Observer = Callable[[Node, Relevances, Relevances, Site], None]
#: what a `Site` is told beside its values: `nonnegative`, `active`, `rectified`, `positive`, `mixed`
Known = tuple[tuple[bool, ...], tuple[bool, ...], bool, bool, Mixed | None]


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """A node's place in a walk. `reads`, `makes`: the values its site holds, `inputs_in`, `outputs_in` take them out of
    their slots. Relevance arrives in the slots `arrives` (of which `frees` are then empty) and leaves for `leaves`,
    (position in the rule's result, slot). `direct`: the rule as a function that needs no site, if it is one; `single`:
    as a function of three tensors, `over`: as one that may write over the relevance. `sends`: whether what it sends on is then
    nobody else's, where the relevance was not, and where it was. `blind`: it looks at no number of the values, only at their
    shapes; `one_row`: and does the same to each row. `pointwise`: the rule in two, where it is a factor for each element."""

    node: Node
    rule: Rule
    direct: Callable[..., Relevances] | None
    single: Single | None
    over: Single | None
    sends: tuple[bool, bool]
    blind: bool
    one_row: bool
    pointwise: Prepared | None
    settles: bool
    reads: tuple[str, ...]
    makes: tuple[str, ...]
    inputs_in: Callable[[list[Any]], Sequence[Any]]
    outputs_in: Callable[[list[Any]], Sequence[Any]]
    arrives: tuple[int, ...]
    leaves: tuple[tuple[int, int], ...]
    frees: tuple[int, ...]
    active: tuple[bool, ...]
    known: Known

    def site(self, trace: Trace, trace0: Trace | None, pairing: Pairing | None, owned: bool = False) -> Site:
        """The node with its values in a forward pass, beside those of the baseline's if there is one."""
        layer, reads = self.node.layer, self.reads
        if self.settles:
            layer, reads = layer.settle([trace[v] for v in reads]), reads[:1]
        if trace0 is None:
            slots = trace.slots  # a walk reads no value that its forward pass did not make
            ins = self.inputs_in(slots)[:1] if self.settles else self.inputs_in(slots)
            return Site(layer, ins, self.outputs_in(slots), None, None, *self.known)
        pair, (slots, slots0) = pairing or Pairing(), (trace.slots, trace0.slots)
        ins, ins0 = self.inputs_in(slots), self.inputs_in(slots0)
        if self.settles and self.node.layer.strict:
            steady(*pair.of(self.reads[1:], ins[1:], ins0[1:]))
        xs, xs0 = pair.of(reads, ins[: len(reads)], ins0[: len(reads)])
        ys, ys0 = pair.of(self.makes, self.outputs_in(slots), self.outputs_in(slots0))
        return Site(layer, xs, ys, xs0, ys0, *self.known, owned)

    def across(self, trace: Trace, trace0: Trace | None, pairing: Pairing | None) -> Site | None:
        """Where all rows at x meet all rows at the baseline, the node with axes (baseline, row, …): its values side by side,
        none of them copied. None where they meet otherwise, or where what it makes is larger than what it reads."""
        if trace0 is None or pairing is None or not pairing.crosses or self.reads[0] not in pairing.per_row:
            return None
        if trace[self.reads[0]].shape != trace[self.makes[0]].shape:
            return None
        (xs, xs0), (ys, ys0) = (pairing.cross(names, trace, trace0) for names in (self.reads, self.makes))
        return Site(self.node.layer, xs, ys, xs0, ys0, *self.known)


def step(
    visit: Visit,
    relevance: list[Tensor | None],
    owned: list[bool],
    trace: Trace,
    trace0: Trace | None,
    pairing: Pairing | None,
    observe: Observer | None,
) -> None:
    """One node of a walk: relevance moves from the slots of its outputs to those of its inputs."""
    arrives = visit.arrives
    given = (relevance[arrives[0]],) if len(arrives) == 1 else tuple([relevance[o] for o in arrives])
    if given[0] is None and all(r is None for r in given):
        return
    mine = observe is None and owned[arrives[0]] and len(arrives) == 1 == len(visit.frees)
    if visit.direct is not None and trace0 is None and observe is None:
        pulled = visit.direct(given, visit.inputs_in(trace.slots), visit.outputs_in(trace.slots))
    elif visit.blind and visit.direct is not None and observe is None and trace0 is not None and pairing is not None:
        shaped = pairing.shaped
        pulled = visit.direct(given, shaped(visit.reads, trace, trace0), shaped(visit.makes, trace, trace0))
    elif visit.pointwise is not None and observe is None and (site := visit.across(trace, trace0, pairing)) is not None:
        apply = visit.pointwise.over if mine and visit.pointwise.over is not None else visit.pointwise.apply
        pulled = apply(given, [part.flatten(0, 1) for part in visit.pointwise.parts(site)])
    else:
        site = visit.site(trace, trace0, pairing, mine)
        pulled = (visit.rule if observe is None else visit.rule.watched(observe))(site, given)
        if observe is not None:
            carried = [p if a else None for p, a in zip(pulled, site.active, strict=False)]
            observe(visit.node, given, tuple(carried), site)
    pass_on(visit, relevance, owned, pulled, observe is None and visit.sends[mine])


def pass_on(visit: Visit, relevance: list[Tensor | None], owned: list[bool], pulled: Relevances, mine: bool) -> None:
    """A node's relevances into the slots of its inputs; `mine`: nobody else holds them."""
    for o in visit.frees:
        relevance[o] = None
    n = len(pulled)
    for i, slot in visit.leaves:
        if i < n and (p := pulled[i]) is not None:
            add(relevance, owned, slot, p, mine)


def add(relevance: list[Tensor | None], owned: list[bool], slot: int, p: Tensor, mine: bool) -> None:
    """Relevance p into a slot, to what is there already."""
    before = relevance[slot]
    if before is None:
        relevance[slot], owned[slot] = p, mine
    else:
        relevance[slot] = sum_over(p, before) if mine else sum_over(before, p) if owned[slot] else before + p
        owned[slot] = True


def sending(node: Node, rule: Rule, alone: bool) -> tuple[bool, bool]:
    """`Visit.sends`; `alone`: relevance arrives at one output, and is gone from there afterwards."""
    sends = "shared" if settles(node) else rule.sends(node.layer)
    return sends == "anew", sends == "anew" or (sends == "given" and alone and len(node.inputs) == 1)


def settles(node: Node) -> bool:
    """Whether the layer's constants depend on its inputs: it is affine in the first, given the others."""
    return type(node.layer).settle is not Layer.settle
