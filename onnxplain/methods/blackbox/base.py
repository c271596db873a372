"""BlackBoxMethod: a generator per sample that asks for the outputs at masked copies of it, and ends with attributions.

A method never sees the model, the targets or the chunks; the driver (driver.py) answers many samples' questions at once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...errors import RuleError
from ...rules.composites import Composite
from ..base import Method
from .players import Players

#: masks per question: what a method holds at once, whatever the memory for forward passes is
PART = 512


@dataclass(frozen=True, eq=False)
class Masks:
    """`n` masked copies of a sample. `of(rows)`: for some of them, a mask per input (len(rows), *broadcastable to the
    sample): 1 or True keeps a value, 0 takes the replacement's. Inputs without a mask are kept."""

    n: int
    of: Callable[[np.ndarray], Mapping[str, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Game:
    """One sample: its inputs `x` that may be changed, the `replacements` of each (a row or several, over which outputs
    are averaged), the target values `full` = f(x), (targets,), and a random generator of its own.

    `players` numbers the sample's segments, for methods that have them. `axes`: names of each input's axes, where they are known.
    """

    x: Mapping[str, np.ndarray]
    replacements: Mapping[str, np.ndarray]
    full: np.ndarray
    players: Players
    rng: np.random.Generator
    axes: Mapping[str, Sequence[str]]

    def active(self) -> Players:
        """The players that some replacement changes; the others' contribution is zero."""
        differs = {i: (x[None] != self.replacements[i]).any(0) for i, x in self.x.items()}
        return self.players.where(differs)


@dataclass(frozen=True, eq=False)
class Shares:
    """`values`: (*sample shape, targets) by input. `empty`: the outputs with everything replaced, where the method's
    values sum to f(x) − empty."""

    values: Mapping[str, np.ndarray]
    empty: np.ndarray | None = None


#: masks out, (masks, targets) in
Play = Generator[Masks, np.ndarray, Shares]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class BlackBoxMethod(Method):
    """Base of the methods that only call the model. They explain outputs as they are, a last softmax included.

    `inputs`: names of the inputs that are changed; None: all that hold samples, integers included.
    """

    random: ClassVar[bool] = True

    ignore_last_activation: bool = False
    inputs: Sequence[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ignore_last_activation:
            raise RuleError(f"{type(self).__name__} calls the model as it is: ignore_last_activation does not apply")
        if isinstance(self.inputs, str):
            object.__setattr__(self, "inputs", (self.inputs,))

    def rules(self) -> Composite:
        raise RuleError(f"{type(self).__name__} only calls the model: it has no rules, and cannot be smoothed")

    def replacement(self) -> tuple[str, Any]:
        """What masked values become: ("baseline", one value, row or row per sample) or ("data_ref", rows for all)."""
        raise NotImplementedError(type(self).__name__)

    def segmentation(self) -> Any:
        """How the inputs are cut into players; by default not at all."""
        return "none"

    def play(self, game: Game) -> Play:
        raise NotImplementedError(type(self).__name__)


def parts(n: int, size: int = PART) -> Iterator[slice]:
    """0 … n−1 in runs of `size`."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def by_input(given: Any, name: str) -> Any:
    """A parameter of one input: its entry where the parameter is a dict by input name."""
    return given.get(name) if isinstance(given, Mapping) else given
