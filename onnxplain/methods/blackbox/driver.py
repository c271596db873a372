"""The driver: the questions of many samples' games, joined into forward passes of as many rows as fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .base import BlackBoxMethod, Game, Masks, Play, Shares
from .players import Players, find_players, same_for_all

GAME = 4  # purpose number of the games' generators

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Replacements:
    """`rows` by input: of one for all samples, of one per sample (`per_sample`), or of a set that all samples meet."""

    rows: Arrays
    per_sample: bool = False

    def of(self, sample: int) -> dict[str, np.ndarray]:
        return {i: r[sample : sample + 1] if self.per_sample else r for i, r in self.rows.items()}


@dataclass(eq=False)
class Question:
    """A game that waits for the outputs at its masks: every mask with every replacement is a row."""

    sample: int
    play: Play
    masks: Masks
    replacements: Arrays
    answer: np.ndarray | None = None

    @property
    def count(self) -> int:
        return len(next(iter(self.replacements.values())))

    @property
    def rows(self) -> int:
        return self.masks.n * self.count

    def copies(self, start: int, stop: int, x: Arrays) -> dict[str, np.ndarray]:
        """Rows start … stop−1: masked copies of the sample, by changed input."""
        k = self.count
        masks = np.arange(start // k, -(-stop // k))
        row = np.arange(start, stop)
        out = {}
        shown = self.masks.of(masks)
        for i, r in self.replacements.items():
            if i not in shown:
                out[i] = np.broadcast_to(x[i], (len(row), *x[i].shape))
                continue
            mask, other = shown[i][row // k - masks[0]], r[row % k]
            out[i] = np.where(mask, x[i], other) if mask.dtype == bool else other + mask.astype(other.dtype) * (x[i] - other)
        return out

    def add(self, start: int, values: np.ndarray) -> None:
        """The target values of rows start, start + 1, … (rows, targets)."""
        if self.answer is None:
            self.answer = np.zeros((self.masks.n, values.shape[1]))
        np.add.at(self.answer, np.arange(start, start + len(values)) // self.count, values / self.count)


#: the question before the first
NOTHING = Masks(0, lambda rows: {})


def _ask(q: Question) -> Question | Shares:
    """The game's next question, or its end."""
    try:
        return Question(q.sample, q.play, q.play.send(q.answer), q.replacements)  # type: ignore[arg-type]
    except StopIteration as end:
        shares: Shares = end.value
        return shares


@dataclass(frozen=True, eq=False)
class Driver:
    """`x`: the data by input, samples first; of those in `fixed` one value for all rows. `changed`: inputs that masks
    reach. `evaluate(feeds, samples)`: the target values (rows, targets) of rows that are copies of these samples.
    `full`: the target values of the samples themselves. `rows`: of one forward pass. `axes`: names
    of a sample's axes by input, where they are known."""

    method: BlackBoxMethod
    x: Arrays
    fixed: Arrays
    changed: tuple[str, ...]
    replacements: Replacements
    full: np.ndarray
    evaluate: Callable[[Arrays, np.ndarray], np.ndarray]
    rows: int
    seed: int
    axes: Mapping[str, Sequence[str]]
    done: Callable[[int], None] | None = None

    def run(self) -> Iterator[tuple[int, Shares]]:
        """(sample, its shares), in the order in which games end."""
        waiting: list[Question] = []
        samples = iter(range(len(self.full)))
        while True:
            while sum(q.rows for q in waiting) < self.rows and (s := next(samples, None)) is not None:
                asked = _ask(Question(s, self.method.play(self._game(s)), NOTHING, self.replacements.of(s)))
                if isinstance(asked, Shares):
                    yield self._finished(s, asked)
                else:
                    waiting.append(asked)
            if not waiting:
                return
            self._answer(waiting)
            still = []
            for q in waiting:
                asked = _ask(q)
                if isinstance(asked, Shares):
                    yield self._finished(q.sample, asked)
                else:
                    still.append(asked)
            waiting = still

    def _finished(self, sample: int, shares: Shares) -> tuple[int, Shares]:
        if self.done is not None:
            self.done(1)
        return sample, shares

    def _game(self, s: int) -> Game:
        x = {i: self.x[i][s] for i in self.changed}
        return Game(x, self.replacements.of(s), self.full[s], self._players(x, s), np.random.default_rng([self.seed, GAME, s]), self.axes)

    def _players(self, x: Arrays, s: int) -> Players:
        return self._common or find_players(self.method.segmentation(), x, s, len(self.full), self.axes)

    @cached_property
    def _common(self) -> Players | None:
        """The players of every sample, where they are the same."""
        segments, n = self.method.segmentation(), len(self.full)
        first = {i: self.x[i][0] for i in self.changed}
        same = same_for_all(segments, n, {i: v.shape for i, v in first.items()})
        return find_players(segments, first, 0, n, self.axes) if same else None

    def _answer(self, questions: list[Question]) -> None:
        """Forward passes over all rows of all questions, `rows` at a time."""
        spans: list[tuple[Question, int, int]] = []
        free = self.rows
        for q in questions:
            start = 0
            while start < q.rows:
                stop = min(q.rows, start + free)
                spans.append((q, start, stop))
                free -= stop - start
                start = stop
                if not free:
                    self._forward(spans)
                    spans, free = [], self.rows
        if spans:
            self._forward(spans)

    def _forward(self, spans: list[tuple[Question, int, int]]) -> None:
        copies = [q.copies(a, b, {i: self.x[i][q.sample] for i in self.changed}) for q, a, b in spans]
        samples = np.repeat([q.sample for q, _, _ in spans], [b - a for _, a, b in spans])
        feeds = {i: np.concatenate([c[i] for c in copies]) if i in self.changed else x[samples] for i, x in self.x.items()}
        values = self.evaluate({**feeds, **self.fixed}, samples)
        at = 0
        for q, a, b in spans:
            q.add(a, values[at : at + b - a])
            at += b - a
