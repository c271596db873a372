"""Rule: how relevance at a node's outputs becomes relevance at its inputs. Site: the node with its values at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from ..errors import RuleError
from ..layers.base import Layer
from ..layers.kinds import Affine
from ..layers.shapes import number
from .temporaries import over

if TYPE_CHECKING:
    from ..graph.graph import Node
    from ..graph.plan import Backward, Trace
    from ..graph.visit import Observer
    from .matching import Walk

Relevances = tuple[Tensor | None, ...]
#: a rule on a layer with one input x and one output y: (relevance at y, x, y) → relevance at x
Single = Callable[[Tensor, Tensor, Tensor], Tensor | None]
#: whose memory a rule's results are in: "anew", nobody else's, and each its own; "given", likewise, or that of the relevance
#: it was given; "shared", perhaps others', too
Sends = Literal["anew", "given", "shared"]

NOTHING: frozenset[str] = frozenset()
INPUTS: frozenset[str] = frozenset({"inputs"})
INPUTS_AND_OUTPUTS: frozenset[str] = frozenset({"inputs", "outputs"})


@dataclass(frozen=True)
class Mixed:
    """A value that was put together along `axis`, counted from the end, of this size: only in these ranges of it may it be
    below 0."""

    axis: int
    size: int
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A layer at one place of a forward pass: the values it read and made, and those of the baseline if there is one.

    Where a rule said it does not read inputs (or outputs), they are stand-ins: right shape, no numbers.
    `rectified`: `outputs[0]` is max(z, 0) in place of the layer's output z, and no relevance arrived where it is 0.
    `positive`: relevance arrived only where the layer's output is > 0, and the output is there to be read. `mixed`: where input 0 may be below 0, if not all over.
    `nonnegative[i]`: input i is known to be ≥ 0 by data flow. `active[i]`: input i depends on what is explained; an
    input that does not (a mask made from shapes, say) acts like a constant and gets no relevance. `owned`: nobody else holds
    the relevance, it may be written over.
    """

    layer: Layer
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    inputs0: Sequence[Tensor] | None = None
    outputs0: Sequence[Tensor] | None = None
    nonnegative: tuple[bool, ...] = ()
    active: tuple[bool, ...] = ()
    rectified: bool = False
    positive: bool = False
    mixed: Mixed | None = None
    owned: bool = False

    def is_active(self, i: int) -> bool:
        return not self.active or self.active[i]

    def is_nonnegative(self, i: int) -> bool:
        return bool(self.nonnegative) and self.nonnegative[i]


class Prepared(NamedTuple):
    """A rule in two. `parts`: what it takes from the values alone, each as many rows as they have, so that it can be made
    for many steps at once; `apply`: what it then does with relevance, and with the rows of one step; `over`: the same, where it
    may write over the relevance.

    What it comes to, where that can be said from the parts: `factors`, one for each input, numbers or tensors by which relevance is
    multiplied, number by number, on its way there, or None where nothing goes; `around`, of an Affine layer, by what relevance is
    multiplied before and after Jᵀ, if at all; `own`: it is the layer's own adjoint.
    """

    parts: Callable[[Site], Sequence[Tensor]]
    apply: Callable[[Relevances, Sequence[Tensor]], Relevances]
    over: Callable[[Relevances, Sequence[Tensor]], Relevances] | None = None
    factors: Callable[[Sequence[Tensor]], Sequence[Tensor | float | None]] | None = None
    around: Callable[[Sequence[Tensor]], tuple[Tensor | None, Tensor | None]] | None = None
    own: bool = False


def factors_of(apply: Callable[[Relevances, Sequence[Tensor]], Relevances]) -> Callable[[Sequence[Tensor]], list[Tensor | None]]:
    """`Prepared.factors` of an `apply` that only multiplies: what it makes of ones."""

    def factors(parts: Sequence[Tensor]) -> list[Tensor | None]:
        ones = parts[0].new_ones((1,) * (1 + parts[0].dim()))
        return [None if p is None else p[0] for p in apply((ones,), parts)]

    return factors


@dataclass(frozen=True, eq=False)
class Hot:
    """Relevance that is zero but at one unit of each row, flattened: `amount` (T, rows, 1) at `units` (T, rows); one row of units
    may stand for all, or, of values with one axis of units, a number. What a dense layer on top makes of it are rows of its weights."""

    units: Tensor | int
    amount: Tensor

    def times(self, factor: Tensor | float) -> Hot:
        return Hot(self.units, self.amount * factor)

    def of(self, y: Tensor) -> Tensor:
        """(T, rows, 1): a value (rows, …) at the units."""
        if isinstance(self.units, int):
            return y.narrow(1, self.units, 1)[None]
        flat = y if y.dim() == 2 else y.flatten(1)
        # target after target: what is made of it then passes a product as one matrix
        return flat.gather(1, self.units.expand(-1, y.shape[0]).T).T.contiguous()[..., None]

    def through(self, layer: Affine, x: Tensor) -> Tensor:
        """Jᵀ of it, (T, *x): anew."""
        rows = layer.picked(self.units, x)
        return self.amount * rows if x.dim() == 2 else self.amount.reshape(*self.amount.shape[:2], *[1] * (x.dim() - 1)) * rows


class Rule:
    """(site, one relevance per output) → one relevance per input; all with a leading target axis, (T, *value shape).

    Subclasses are frozen dataclasses, written against kinds. `kinds`: the kinds it is defined for.
    `reads(layer)`: which stored values it needs beyond their shapes, out of {"inputs", "outputs"}; `reads_where_positive`:
    what it can make use of besides, where relevance falls on positive outputs and the first input may be below 0.
    `vanishes(layer, outputs)`: whether relevance at an input is 0 wherever the input is 0; `outputs`: whether that
    holds at the outputs. `takes_rectified`: the rule is right where its site is `rectified`.
    `direct(layer)`: what the rule comes to on a layer whose flags it does not read, (relevance, inputs, outputs) →
    relevances, or None. `single(layer, rectified)`: the same for a layer of one input and one output, which may be known to
    be `rectified`, or None; `over`: the same for relevance that nobody else holds, over which it may write. `hot(layer)`: the
    same for relevance that is zero but at one unit of each row, or None. `prepared(layer, active)`: the rule in two, for layers
    whose rows have nothing to do with each other, or None. `sends(layer)`: whose memory its results are in, where `makes_anew`
    does not say it for all layers.
    """

    kinds: ClassVar[tuple[type[Layer], ...]] = ()
    takes_rectified: ClassVar[bool] = False
    reads_where_positive: ClassVar[frozenset[str]] = NOTHING
    passes: ClassVar[bool] = False  # relevance goes through unchanged
    makes_anew: ClassVar[bool] = False  # its results are in memory that no other tensor shares

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        raise NotImplementedError(type(self).__name__)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return False

    def direct(self, layer: Layer) -> Callable[..., Relevances] | None:
        return None

    def single(self, layer: Layer, rectified: bool) -> Single | None:
        return None

    def over(self, layer: Layer, rectified: bool) -> Single | None:
        return self.single(layer, rectified)

    def sends(self, layer: Layer) -> Sends:
        return "anew" if self.makes_anew else "given" if self.passes else "shared"

    def hot(self, layer: Layer) -> Callable[[Hot, Tensor, Tensor], Tensor] | None:
        return None

    def prepared(self, layer: Layer, active: Sequence[bool]) -> Prepared | None:
        return None

    def joins(self, layer: Layer) -> float | None:
        """ε, where the rule is x ⊙ Jᵀ(R / st_ε(z)) and no more; `joined` and `hot_joined` are given then."""
        return None

    def joined(self, layer: Layer, rectified: bool, owned: bool, divided: bool, then: float | None) -> Single:
        """`single` (or `over`, where `owned`) of a rule that joins: for R / st_ε(z) in place of R where it was `divided` by the layer
        above, and x / st_then(x) in place of the factor x, where the layer below is not to divide by what x is made of."""
        raise NotImplementedError(type(self).__name__)

    def hot_joined(self, layer: Layer, then: float) -> Callable[[Hot, Tensor, Tensor], Tensor] | None:
        """`hot`, likewise."""
        return None

    def transposes(self) -> bool:
        """Whether it is the layer's own adjoint, whatever the layer."""
        return False

    def covers(self, layer: Layer) -> bool:
        return isinstance(layer, self.kinds)

    def placed(self, walk: Walk, node: Node) -> Rule:
        """The rule at this node of a walk, for rules that need to know what is around it."""
        return self

    def within(self, at: Site) -> Sequence[tuple[Trace, Backward]]:
        """Forward passes and walks inside the node, of which one at a time is in memory."""
        return ()

    def watched(self, observe: Observer) -> Rule:
        """The rule that shows an observer what goes on inside the node, where there is something to see."""
        return self


def only(relevance: Relevances) -> Tensor:
    """The relevance at a layer's first output, for layers whose further outputs (statistics, indices) carry none."""
    r = relevance[0]
    if r is not None and len(relevance) == 1:
        return r
    stray = [i for i, extra in enumerate(relevance) if i and extra is not None]
    if r is None or stray:
        raise RuleError(f"relevance arrived at output {stray[0] if stray else 0}; the rule explains output 0 only")
    return r


def stabilize(z: Tensor, epsilon: float = 0.0) -> Tensor:
    """st_ε(z) = z + ε·sgn(z) with sgn(0) = +1."""
    # copysign is ten times as fast as a comparison; it takes -0 for negative, but to a sum of -0 nothing contributed
    return torch.copysign(number(epsilon, z.dtype, z.device), z).add_(z)  # over ε·sgn(z), which nobody else holds


def ratio(r: Tensor, z: Tensor, epsilon: float = 0.0, nonnegative: bool = False, owned: bool = False) -> Tensor:
    """r / st_ε(z); where ε = 0 and z = 0 the result is 0 (nothing was contributed, nothing is shared out).

    `nonnegative`: z is known to be ≥ 0. `owned`: r may be written over. The one place where 0/0 is decided.
    """
    if epsilon:
        return over(r, z + number(epsilon, z.dtype, z.device) if nonnegative else stabilize(z, epsilon), owned)
    zero = (z == 0).to(z.dtype)
    return r * (1 - zero) / (z + zero)


def require(rule: Rule, **numbers: float) -> None:
    """Raise `RuleError` unless all these parameters of a rule are ≥ 0."""
    for name, value in numbers.items():
        if not value >= 0:
            raise RuleError(f"{type(rule).__name__} needs {name} >= 0, got {value:g}")


def require_one_of(rule: Rule, name: str, value: object, allowed: Sequence[str]) -> None:
    """Raise `RuleError` unless a named option of a rule is one of its choices."""
    if value not in allowed:
        choices = ", ".join(map(repr, allowed))
        raise RuleError(f"{type(rule).__name__} needs {name} to be one of {choices}, got {value!r}")
