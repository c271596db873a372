"""The masks of onnxruntime's attention: which keys count, in five forms, as what is added to the scores of others."""

from __future__ import annotations

from collections.abc import Collection

from ..body import Body
from ..heads import at_most, counted
from .parts import cut, listed, whole_numbers


def readable(b: Body, mask: str, ranks: Collection[int]) -> bool:
    """Whether the form of a mask is known: by its rank, and by its length where it has only one axis."""
    return not mask or b.rank(mask) in ranks


def lowered(b: Body, mask: str, x: str, scores: str, amount: float) -> str:
    """The scores, with `amount` added for keys that do not count: a query none of whose keys count attends to all.

    The mask is a condition, so that it is no value to explain. `x`: a value with the sample axis first.
    """
    rank = b.rank(mask)
    counts = (
        _between(b, mask, x, b.length(scores, 3)) if rank == 1 else b("Greater", whole_numbers(b, mask), b.whole(0))
    )
    if rank in (2, 3):
        counts = b.with_axes("Unsqueeze", counts, [1, 2] if rank == 2 else [1])
    return b("Where", counts, scores, b("Add", scores, b.number(amount), at="lowered"), at="scores of keys that count")


def _between(b: Body, mask: str, x: str, keys: str) -> str:
    """From where to where keys count: the ends of all samples, then, in a list twice as long, where they start."""
    places, ends = counted(b, keys), whole_numbers(b, mask)
    if _one_each(b, mask, x):
        return b("Less", places, _column(b, ends))
    n = listed(b, b.length(x, 0))
    twice = b("Mul", n, b.ints(2))
    starts = b("Concat", cut(b, ends, n, twice, 0), b("Expand", b.ints(0), n), axis=0)
    is_twice = whole_numbers(b, b("Equal", b("Shape", mask), twice))
    starts = _column(b, b("Mul", cut(b, starts, b.ints(0), n, 0), is_twice))
    ends = _column(b, cut(b, ends, b.ints(0), n, 0))
    return b("And", b("Less", places, ends), at_most(b, starts, places))


def _one_each(b: Body, mask: str, x: str) -> bool:
    """Whether a list is known to be as long as there are samples."""
    shapes = [t.shape for v in (mask, x) if (t := b.types.get(v)) is not None and t.shape]
    return len(shapes) == 2 and shapes[0][0] is not None and shapes[0][0] == shapes[1][0]


def _column(b: Body, values: str) -> str:
    """(sample, 1, 1, 1)."""
    return b.with_axes("Unsqueeze", values, [1, 2, 3])
