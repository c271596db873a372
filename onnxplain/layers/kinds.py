"""The kinds: what rules are written against. An operator's class is final and belongs to one kind.

Every kind states in its docstring what a subclass must give. All cotangents and relevances have a leading target
axis; `x0`, `y0` are the values at the baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, TypeGuard

import torch
from torch import Tensor

from .base import Bound, Cotangents, Layer, Placed, Pulled
from .shapes import Place, Shape, sum_to

#: J itself; its positive part; its negative part; its square, its size, elementwise; ones wherever J has an entry
Part = Literal["all", "positive", "negative", "square", "absolute", "ones"]


class Affine(Layer):
    """y = J x + b with J and b constant, x the only dynamic input.

    A subclass gives `forward`, `linear(x, part)` = J x, `transpose(r, like, part)` = Jᵀ r with `like` a value of
    x's shape (its numbers are not read), `bias(like)` = b broadcastable against y, or None; and its `family`.
    It may give `picked` with `at_units`, `pulling`, `reweighted` and `weight_axes`.
    """

    kind = "Affine"
    adjoint_reads: ClassVar[frozenset[str]] = frozenset()
    makes_anew: ClassVar[bool] = False  # True where `forward` and `transpose` return memory that no other tensor shares
    family: ClassVar[str] = "other"  # convolution | dense | average | scale | batch_norm | resize | other
    picks: int = 0  # how many units y has at each position, where J is the same matrix at all; `picked`, `at_units` are given then

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        raise NotImplementedError

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        raise NotImplementedError

    def pulling(self) -> Callable[[Tensor, Tensor], Tensor]:
        """`transpose(r, like)` as one function, for walks that pass the layer often. A hook, for where something can be done
        beforehand; the layer must not move to another device afterwards."""
        return self.transpose

    def bias(self, like: Tensor) -> Tensor | None:
        return None

    def picked(self, units: Tensor | int, like: Tensor) -> Tensor:
        """The rows of J for some units of one sample's y, flattened: (*units, *axes of one sample's x), or for one, where `like` has
        two axes; `like` is an x, (rows, …), whose numbers are not read. Nobody may write to what it gives. A hook."""
        raise NotImplementedError

    def at_units(self, x: Tensor, units: Tensor) -> Tensor:
        """(rows, units): y at some units of each sample's, flattened. A hook."""
        raise NotImplementedError

    def reweighted(self, change: Callable[[Tensor], Tensor], bias: Tensor) -> Affine | None:
        """The same layer over weights change(w) and this bias (it broadcasts against y), so that one kernel computes
        it all; None where there is no kernel that does. `change` is hashable, and equal to whatever makes the same. A
        hook: by default None."""
        return None

    @property
    def weight_axes(self) -> tuple[int, int, int] | None:
        """Axes along which `reweighted` takes several sets of weights one after the other: those of the weights for the
        inputs and the outputs, and that of the values, counted from the end; a bias of one number always fits then, and
        `makes_anew` holds. A hook: by default None."""
        return None

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        (g,) = cotangents
        assert g is not None
        return (self.transpose(g, inputs[0]),)


def positive_part(w: Tensor) -> Tensor:
    return w.clamp(min=0)


def negative_part(w: Tensor) -> Tensor:
    return w.clamp(max=0)


PARTS: dict[Part, Callable[[Tensor], Tensor]] = {"positive": positive_part, "negative": negative_part, "absolute": torch.abs}


def part_of(w: Tensor, part: Part) -> Tensor:
    """The part of explicit weights w that a rule asks for."""
    if part == "all":
        return w
    if part in PARTS:
        return PARTS[part](w)
    return w * w if part == "square" else torch.ones_like(w)


def one_for_all_rows(layer: Layer) -> bool:
    """Whether a layer's constants broadcast over the rows of values with two axes or more."""
    return all(c.dim() <= 1 for c in layer.buffers())


class Elementwise(Layer):
    """y_i = f(x_i): one dynamic input, further parameters constant (they may broadcast x).

    A subclass gives `forward` and `derivative(x, y)` = f′(x); and `slope(x, x0, y, y0)` = (f(x) − f(x0)) / (x − x0)
    where a better quotient than `secant` is known. It may give `pull`, `pull_over`, `multipliers`, `gain` and `rounding`.
    """

    kind = "Elementwise"
    slope_reads: ClassVar[frozenset[str]] = frozenset({"inputs", "outputs"})  # what `slope` reads numbers of
    rectifies: ClassVar[bool] = False  # True where f(x) = max(x, 0)
    zero_below: bool = False  # True where f(x) = 0 for all x ≤ 0
    fills: bool = False  # True where NaN becomes a number
    rectifying: bool = False  # True where f, whatever it is for, also cuts off what is below 0

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError

    def pull(self, g: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """g ⊙ f′(x), in memory of its own. A hook, for where there is a kernel that does it in one."""
        return g * self.derivative(x, y)

    def pull_over(self, g: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """The same, which may be written over g. A hook: by default it is not."""
        return self.pull(g, x, y)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return self.secant(x, x0, y, y0)

    def keeps_rows(self) -> bool:
        alone = type(self).multipliers is Elementwise.multipliers and not self.joins_samples
        return alone and one_for_all_rows(self)

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        return (self, [place]) if alone(self) and self.keeps_rows() and not self.draws else None

    def multipliers(self, r: Tensor, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        """DeepLIFT's m, with Σ m·Δx = Σ r·Δy. A hook, for where elements depend on each other after all."""
        return sum_to(r * self.slope(x, x0, y, y0), x.shape)

    def gain(self, x: Tensor) -> Tensor | float:
        """What f multiplies by, were it not for rounding; its numbers are not read. A hook: by default 1."""
        return 1.0

    def rounding(self, x: Tensor, y: Tensor) -> Tensor | None:
        """The part of y that rounding added, where f rounds. A hook."""
        return None

    def without_rounding(self, before: Layer | None) -> Elementwise | None:
        """f where it rounds, as if it did not; where the layer `before` does it for f, both as one. A hook."""
        return None

    def secant(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        """Δy/Δx; where |Δx| is below ∛eps the derivative at the midpoint, whose error there is below rounding."""
        dx = x - x0
        tiny = dx.abs() <= torch.finfo(x.dtype).eps ** (1 / 3) * (1 + torch.maximum(x.abs(), x0.abs()))
        middle = (x + x0) / 2
        return torch.where(tiny, self.derivative(middle, self.forward(middle)), (y - y0) / torch.where(tiny, 1.0, dx))

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        (g,) = cotangents
        assert g is not None
        return (sum_to(self.pull(g, inputs[0], outputs[0]), inputs[0].shape),)


def alone(layer: Layer) -> TypeGuard[Elementwise]:
    """Whether a layer is Elementwise without constants of its own, by which x could be broadcast: y has x's shape."""
    return isinstance(layer, Elementwise) and next(layer.buffers(), None) is None


class Additive(Bound):
    """y = Σᵢ cᵢ xᵢ + b, with broadcasting: a sum of several values; constant operands are the bias b.

    A subclass gives `forward` and `coefficients`, one number per dynamic input. `of_two`: y = x₁ + x₂, and no more.
    """

    kind = "Additive"
    adjoint_reads: ClassVar[frozenset[str]] = frozenset()
    coefficients: tuple[float, ...]
    of_two = False

    def terms(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """cᵢ xᵢ, each in its own shape."""
        return tuple(x if c == 1 else c * x for c, x in zip(self.coefficients, inputs, strict=True))

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        (g,) = cotangents
        assert g is not None
        return tuple(
            sum_to(g if c == 1 else c * g, x.shape) for c, x in zip(self.coefficients, inputs, strict=True)
        )


class Routing(Bound):
    """Values move, unchanged: every output element is one input element, or a constant. Relevance moves with them.

    A subclass gives `forward` and `adjoint`.
    """

    kind = "Routing"
    adjoint_reads: ClassVar[frozenset[str]] = frozenset()
    joined: int | None = None  # the axis along which all its operands lie one after the other, where they do
    cut: int | None = None  # the axis along which its outputs are all of its only input, one after the other, where they are

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        constants = [getattr(self, f"constant_{i}") for i in self.constant_slots]
        return all(inputs) and all(bool((c >= 0).all()) for c in constants if c.is_floating_point())


class Pooling(Bound):
    """The largest (or smallest) of several elements: y = pick(inputs, winners(inputs)).

    A subclass gives `forward`, `winners(inputs)`: for every output element which element won, first of ties;
    `pick(inputs, index)`: the inputs' values at such an index; `place(r, index, inputs)`: its transpose, adding up
    where one element won several times; `window_sum(inputs)`: the sum over each output's candidates, and
    `window_transpose(r, inputs)`: its transpose. It may give `pull_rectified`.
    """

    kind = "Pooling"
    ranked: ClassVar[bool] = False  # True where an output need not be the extreme of its window (TopK)
    makes_anew: ClassVar[bool] = False  # True where `place` returns memory that no other tensor shares

    def winners(self, inputs: Sequence[Tensor]) -> Tensor:
        raise NotImplementedError

    @property
    def pulls_rectified(self) -> bool:
        """Whether `pull_rectified` is given."""
        return False

    def pull_rectified(self, r: Tensor, x: Tensor) -> Tensor:
        """`place` of r at x's winners that are above 0, and 0 at the others: the way back through the pool and a max(·, 0) that made
        x. A hook, of layers with one input."""
        raise NotImplementedError

    def pick(self, inputs: Sequence[Tensor], index: Tensor) -> Tensor:
        raise NotImplementedError

    def place(self, r: Tensor, index: Tensor, inputs: Sequence[Tensor]) -> Pulled:
        raise NotImplementedError

    def window_sum(self, inputs: Sequence[Tensor]) -> Tensor:
        raise NotImplementedError

    def window_transpose(self, r: Tensor, inputs: Sequence[Tensor]) -> Pulled:
        raise NotImplementedError

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        g = cotangents[0]
        assert g is not None
        return self.place(g, self.winners(inputs), inputs)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and not self.constant_slots


class Product(Layer):
    """A product or quotient of two activations (a, b), both inputs dynamic; or of the elements of one.

    A subclass gives `forward`, `partial(g, inputs, i)`: the adjoint for input i at `inputs`, and
    `symmetric(g, inputs, inputs0)`: DeepLIFT's multipliers (m_a, m_b), with m_a·Δa + m_b·Δb = g·Δy exactly.
    It may give `count`.
    """

    kind = "Product"
    adjoint_reads: ClassVar[frozenset[str]] = frozenset({"inputs"})
    entrywise: ClassVar[bool] = True  # True where each output element is made of one element of each factor
    makes_anew: ClassVar[bool] = False  # True where `partial` returns memory that no other tensor shares

    def count(self, inputs: Sequence[Tensor]) -> Tensor | int:
        """How many factors of each output come from one and the same input. A hook: by default 1."""
        return 1

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        raise NotImplementedError

    def symmetric(self, g: Tensor, inputs: Sequence[Tensor], inputs0: Sequence[Tensor]) -> Pulled:
        raise NotImplementedError

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        (g,) = cotangents
        assert g is not None
        return tuple(self.partial(g, inputs, i) for i in range(len(inputs)))


class Bilinear(Product):
    """A product that is linear in each factor: m_a = ∂/∂a at the mean of b and b̄, and the other way round."""

    bilinear = True
    entrywise = False

    def symmetric(self, g: Tensor, inputs: Sequence[Tensor], inputs0: Sequence[Tensor]) -> Pulled:
        middle = [(x + x0).mul_(0.5) for x, x0 in zip(inputs, inputs0, strict=True)]
        return tuple(self.partial(g, middle, i) for i in range(len(middle)))


class SoftmaxKind(Layer):
    """s = softmax(x), or log s, over one or several axes.

    A subclass gives `forward`, `adjoint`, `probabilities(y)` = s, `total(v)` = Σ over the softmax axes,
    `decompose(g, x, x0, by_parts)`: DeepLIFT's exact multipliers through log-ratios, m with Σ m·Δx = Σ g·Δy; and `log`.
    """

    kind = "Softmax"
    log: ClassVar[bool] = False  # True where y = log s

    def probabilities(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def total(self, v: Tensor) -> Tensor:
        """Σ over the softmax axes, kept as size 1; v has a leading target axis."""
        raise NotImplementedError

    def decompose(self, g: Tensor, x: Tensor, x0: Tensor, by_parts: bool = False) -> Tensor:
        raise NotImplementedError


class Normalization(Layer):
    """y = γ·v·(x − μ) + β with statistics μ and v taken from x itself (μ = 0 where it does not centre).

    A subclass gives `forward`, `adjoint`; `frozen_transpose(g, x)`: the adjoint with v held constant (μ, where there
    is one, stays linear in x); and `symmetric(g, x, x0)`: DeepLIFT's exact multipliers of the first output.
    """

    kind = "Normalization"

    def frozen_transpose(self, g: Tensor, x: Tensor) -> Tensor:
        raise NotImplementedError

    def symmetric(self, g: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        raise NotImplementedError


class Trees(Layer):
    """y = b + Σ over leaves of weights[leaf]·[x meets all that is asked on the leaf's path]: a sum of products of
    conditions, each on one feature; no derivative.

    What is asked of one feature on a path is a slot of the leaf. A subclass gives `forward`; `weights` (leaf, target);
    `slots` (leaf, slot): the feature of each, −1 where a leaf has fewer; `met(x)` (rows, leaf, word): which slots x meets,
    as bits, `full` (leaf, word): all of them, `unpacked(bits)` (…, slot) of truth values; `visits(x)`: how many rows come
    through each node, `covers()`: that number as the file has it, or None, and `shares(covers)` (leaf, slot): the part of
    what comes to a slot's nodes that goes on along the path.
    """

    kind = "Trees"
    weights: Tensor
    slots: Tensor
    full: Tensor

    def met(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def unpacked(self, bits: Tensor) -> Tensor:
        raise NotImplementedError

    def visits(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def covers(self) -> Tensor | None:
        raise NotImplementedError

    def shares(self, covers: Tensor) -> Tensor:
        raise NotImplementedError


class Integer(Bound):
    """Shapes, indices, comparisons, logic: computed, but no relevance flows through."""

    kind = "Integer"
    adjoint_reads: ClassVar[frozenset[str]] = frozenset()

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        return (None,) * len(inputs)

    def carries(self, i: int) -> bool:
        return False

    def back(self, cotangents: Sequence[Tensor | None], inputs: Sequence[Tensor]) -> Tensor | None:
        """Relevance of what was made of input 0, (T, *output) each, on its elements, (T, *input). A hook, for where shapes
        do not tell: by default None."""
        return None
