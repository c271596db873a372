"""Method: a weighted sum of walks. It says where each walk starts from (`steps`), by which rules, and how it ends.

The driver (run.py) forms the forward passes, seeds and chunks; a method never sees targets or the graph.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from ..conventions import Preset, SeedOf, preset_of
from ..errors import RuleError
from ..graph.sources import Source, find_sources
from ..rules.composites import Composite
from .streams import Stream

if TYPE_CHECKING:
    from ..graph.graph import Graph
    from ..specs import Spec
    from .context import Context
    from .problem import Problem

#: how a seed at the target unit is made: 1, the unit's value, a number, or an array (samples, targets)
Seed = Literal["one", "output"] | float | np.ndarray | SeedOf
#: what an internal value's relevance is multiplied by to be an attribution
LayerFactor = Literal["none", "value", "difference", "refuse"]
#: what is made of a method's walks: their weighted mean, that of their squares, or the variance
Statistic = Literal["mean", "square", "variance"]


@dataclass(frozen=True, eq=False)
class Line:
    """Points start + at · (end − start) between values of the sources: `end` n rows, `start` as many, or 1; `at` (k,). Or each
    point with a start of its own: `which` (k·n,) rows of `start`, and `at` (k, n)."""

    start: Mapping[str, Tensor]
    end: Mapping[str, Tensor]
    at: Tensor
    which: Tensor | None = None

    def points(self, start: Mapping[str, Tensor], end: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same points, k·n rows, of values that are affine in the sources, given at start and end."""
        made = {}
        for v, y in end.items():
            at = self.at.reshape(*self.at.shape, *[1] * (y.dim() + 1 - self.at.dim()))
            if self.which is None:
                made[v] = torch.lerp(start[v][None], y[None], at).flatten(0, 1)
            else:
                made[v] = start[v].index_select(0, self.which).unflatten(0, self.at.shape).lerp_(y[None], at).flatten(0, 1)
        return made


@dataclass(eq=False)
class Step:
    """One walk, or `k` at once: rows are repetition-major (row r·n + s is sample s).

    `x`: values of the sources, k·n rows; None: the samples themselves, whose forward pass is already made; `line`: k·n points
    on a line instead.
    `x0`: the baseline of a walk over differences: n·k rows, n rows, 1 row, or any number with `pairs` (then every
    sample meets every baseline, and k is their number); `which` of the method's references these are. `weights` (k,): of each
    repetition in the sum.
    `factor`: what each source's relevance is multiplied by, k·n rows, or n for all repetitions alike; None: nothing.
    """

    x: Mapping[str, Tensor] | None = None
    x0: Mapping[str, Tensor] | None = None
    k: int = 1
    weights: Tensor | None = None
    factor: Mapping[str, Tensor] | None = None
    pairs: bool = False
    which: slice | None = None
    line: Line | None = None

    def parts(self, size: int, n: int) -> list[Step]:
        """Its sums for so many of its repetitions each, of n samples."""
        counts = [min(size, self.k - first) for first in range(0, self.k, size)]
        factors: dict[str, Sequence[Tensor]] = {}
        for v, f in (self.factor or {}).items():
            each = f.repeat(self.k, *[1] * (f.dim() - 1)) if f.shape[0] == n < n * self.k else f
            factors[v] = each.split(size * n)
        weights: Sequence[Tensor | None] = [None] * len(counts) if self.weights is None else self.weights.split(size)
        return [
            Step(k=k, factor={v: parts[i] for v, parts in factors.items()}, weights=weights[i]) for i, k in enumerate(counts)
        ]


@dataclass(eq=False)
class Chunk:
    """Some samples: `x[source]` their values, samples first; `samples` their numbers in the whole data.

    `max_k` repetitions of all rows fit into memory at once. `clean`: x are the samples themselves, not noisy copies.
    """

    x: Mapping[str, Tensor]
    samples: np.ndarray
    max_k: int
    seed: int
    context: Context
    clean: bool = True

    @property
    def n(self) -> int:
        return len(self.samples)

    def stream(self, purpose: int, source: int = 0) -> Stream:
        """Random words for what draws them: the same whatever the chunks are."""
        return Stream([self.seed, purpose, source])

    def parts(self, total: int) -> Iterator[range]:
        """Repetitions 0 … total−1 in runs that fit."""
        for start in range(0, total, self.max_k):
            yield range(start, min(total, start + self.max_k))


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Method:
    """Base of all methods; subclasses are frozen dataclasses that print as they were written.

    `promise`: "exact" or "approximate": attributions sum to `goal`; "conserving": they do but for what the audit
    lists; None: nothing is promised. `goal`: "value" f(x) of the seed, "difference" f(x) − f(baseline), or None.
    """

    name: ClassVar[str] = ""
    promise: ClassVar[str | None] = None
    goal: ClassVar[str | None] = None
    layer_factor: ClassVar[LayerFactor] = "none"
    needs_data: ClassVar[bool] = True
    draws: ClassVar[bool] = False  # whether it takes random numbers
    statistic: ClassVar[Statistic] = "mean"
    lifts: ClassVar[bool] = False  # whether it sums up walks at many points, so that affine first layers may wait for the sum
    of_data: ClassVar[frozenset[str]] = frozenset()  # fields that only `prepare`, `steps` and seeds read: no rule or graph

    ignore_last_activation: bool = True
    convention: str | None = None

    def __post_init__(self) -> None:
        for name, value in self.preset.settings(self).items():
            object.__setattr__(self, name, value)
        self.validate()

    @property
    def preset(self) -> Preset:
        """What `convention` changes."""
        return preset_of(self)

    def walk_rules(self) -> Composite:
        """The rules of a walk: the convention's, or the method's own."""
        return self.rules() if self.preset.rules is None else self.preset.rules(self)

    def validate(self) -> None:
        """Raises `RuleError` for parameters out of range."""

    def fitted(self, context: Context) -> Method:
        """This method with what it must know of model and data before rules are chosen."""
        return self

    def rules(self) -> Composite:
        raise NotImplementedError(type(self).__name__)

    def values(self) -> tuple[str, ...]:
        """Internal values that it names: they must exist in the graph it gets."""
        return ()

    def variants(self) -> tuple[str, ...]:
        """Names of the ways in which every target is explained, side by side on the target axis; none: one, unnamed."""
        return ()

    def arrange(self, graph: Graph, keep: frozenset[str]) -> Graph:
        """The graph as this method sees it; the values `keep` must stay. Raises `RuleError` where it cannot be used."""
        return graph

    def sources(self, graph: Graph, seeds: Sequence[str], inputs: Mapping[str, Spec]) -> list[Source]:
        """Where attributions are read: by default the floating inputs, or what integer inputs are embedded to."""
        return find_sources(graph)

    def notes(self, problem: Problem) -> tuple[str, ...]:
        """What the user is told about choices that were made."""
        return ()

    def last(self) -> frozenset[str]:
        """The operators that an output is explained before, if it ends in one."""
        return self.preset.last if self.ignore_last_activation else frozenset()

    def seeding(self) -> Seed:
        return "one"

    def prepare(self, context: Context) -> Any:
        """What all chunks share (baselines, references), from the whole data."""
        return None

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        raise NotImplementedError(type(self).__name__)

    def n_walks(self, prepared: Any) -> int:
        """Walks per sample, for the progress bar."""
        return 1

    def walks_often(self) -> bool:
        """Whether it takes more than one walk per sample, whatever the data."""
        return type(self).n_walks is not Method.n_walks

    def references(self, prepared: Any, samples: np.ndarray) -> Mapping[str, Tensor] | None:
        """The baselines whose mean output `goal = "difference"` subtracts: rows 1, one per sample, or
        a set shared by all samples (see `shared_references`)."""
        return None

    def shared_references(self, prepared: Any) -> bool:
        return False

    def __repr__(self) -> str:
        shown = []
        for name, default in _shown(type(self)):  # type: ignore[arg-type]
            value = getattr(self, name)
            same = value is default or (isinstance(value, (int, float, str, bool, tuple)) and value == default)
            if not same:
                shown.append(f"{name}={_short(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


@cache
def _shown(kind: type[Method]) -> tuple[tuple[str, Any], ...]:
    """(name, default) of the fields that are printed."""
    return tuple([(f.name, None if f.default is dataclasses.MISSING else f.default) for f in dataclasses.fields(kind) if f.repr])


def _short(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None and not isinstance(value, (int, float)):
        return f"<{type(value).__name__} {tuple(shape)}>"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k!r}: {_short(v)}" for k, v in value.items()) + "}"
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return repr(value)


def positive(method: Method, **numbers: float) -> None:
    """Each number is a whole one ≥ 1; else `RuleError`."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise RuleError(f"{type(method).__name__} needs {name} >= 1, a whole number, got {value!r}")


def nonnegative(method: Method, **numbers: float) -> None:
    for name, value in numbers.items():
        if not isinstance(value, (int, float, np.number)) or not np.isfinite(value) or value < 0:
            raise RuleError(f"{type(method).__name__} needs {name} >= 0, got {value!r}")


def as_weights(weights: np.ndarray | list[float], like: Tensor) -> Tensor:
    return torch.as_tensor(np.asarray(weights), dtype=like.dtype, device=like.device)
