"""SmoothGrad, and the same averaging over noise for any method."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import RuleError
from ..graph.graph import Graph
from ..rules.composites import Composite, everywhere
from ..rules.gradient import Adjoint
from .base import Chunk, Method, Seed, Step, as_weights, nonnegative, positive
from .context import Context
from .normal import normal
from .problem import Problem
from .streams import Stream

NOISE = 1  # purpose number of the noise's generators
AHEAD = 256  # numbers that a sample draws at once, at least


def _batch_range(x: Tensor) -> Tensor:
    """max − min of all samples together; 1 where nothing varies."""
    width = x.amax() - x.amin()
    return torch.where(width == 0, 1.0, width)


#: what the noise is measured in
SPREADS: dict[str, Any] = {"sample": None, "batch": _batch_range, "absolute": lambda x: x.new_ones(())}


def noisy(
    chunk: Chunk, noise_level: float, repetitions: Iterator[range], ranges: Mapping[str, Tensor] | None = None
) -> Iterator[tuple[range, dict[str, Tensor]]]:
    """x + N(0, σ²) with σ = noise_level · range; the range of each source is max − min of each sample, unless given.

    k·n rows a time. The numbers of a copy of a sample do not depend on the chunks.
    """
    streams = {v: chunk.stream(NOISE, i) for i, v in enumerate(chunk.x)}
    sigma = {}
    for v, x in chunk.x.items():
        flat = x.reshape(x.shape[0], -1)
        own = (flat.amax(1) - flat.amin(1)).reshape(-1, *[1] * (x.dim() - 1))
        sigma[v] = noise_level * (own if ranges is None else ranges[v])
    drawn = dict.fromkeys(chunk.x, range(0))
    noise: dict[str, Tensor] = {}
    for part in repetitions:
        made = {}
        for v, x in chunk.x.items():
            if part.stop > drawn[v].stop:  # more of them where they are few numbers: a call takes its time
                drawn[v] = range(part.start, part.start + max(len(part), AHEAD // max(x[0].numel(), 1)))
                noise[v] = _normal(streams[v], x, drawn[v], chunk.samples)
            own = noise[v][part.start - drawn[v].start : part.stop - drawn[v].start]  # (k, n, …)
            made[v] = torch.addcmul(x, sigma[v], own).flatten(0, 1)
        yield part, made


def _normal(stream: Stream, x: Tensor, copies: range, samples: np.ndarray) -> Tensor:
    """(copies, n, …) as x is; numbers of half precision are those of single precision, rounded."""
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    made = normal(stream, copies, samples, x[0].numel(), dtype)
    return made.to(dtype=x.dtype, device=x.device).reshape(-1, *x.shape)


@dataclass(frozen=True, repr=False, eq=False)
class NoisyGradients(Method):
    """Gradients at `n_samples` copies x + noise, σ = noise_level · (max − min) per sample and input; with `times_input`
    each gradient is multiplied by its noisy input. The final classes below say what is made of them.

    `spread`: what max − min is taken over, "sample", "batch" (all samples), or "absolute": σ = noise_level.
    """

    layer_factor = "none"
    draws = True

    n_samples: int = 50
    noise_level: float = 0.1
    times_input: bool = False
    spread: str = "sample"

    def validate(self) -> None:
        positive(self, n_samples=self.n_samples)
        nonnegative(self, noise_level=self.noise_level)
        if self.spread not in SPREADS:
            raise RuleError(f"{type(self).__name__} has no spread {self.spread!r}: it has {', '.join(SPREADS)}")

    def rules(self) -> Composite:
        return everywhere(Adjoint())

    def prepare(self, context: Context) -> dict[str, Tensor] | None:
        return None if self.spread == "sample" else {v: SPREADS[self.spread](x) for v, x in context.sources_of(context.feeds).items()}

    def n_walks(self, prepared: Any) -> int:
        return self.n_samples

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        some = next(iter(chunk.x.values()))
        for part, x in noisy(chunk, self.noise_level, chunk.parts(self.n_samples), prepared):
            weights = as_weights(np.full(len(part), 1 / self.n_samples), some)
            yield Step(x=x, k=len(part), weights=weights, factor=x if self.times_input else None)


@dataclass(frozen=True, repr=False, eq=False)
class SmoothGrad(NoisyGradients):
    """Mean over `n_samples` of the gradient at x + noise (Smilkov et al. 2017), σ = noise_level · (max − min) per
    sample and input; with `times_input` each gradient is multiplied by its noisy input.

    `spread`: what max − min is taken over, "sample", "batch" (all samples), or "absolute": σ = noise_level.
    """

    name = "smoothgrad"
    lifts = True


@dataclass(frozen=True, repr=False, eq=False)
class SmoothGradSquared(NoisyGradients):
    """Mean over `n_samples` of the squared gradient at x + noise (Hooker et al. 2019, section 3); else as `SmoothGrad`."""

    name = "smoothgrad_squared"
    statistic = "square"


@dataclass(frozen=True, repr=False, eq=False)
class VarGrad(NoisyGradients):
    """Variance over `n_samples` of the gradient at x + noise: mean of squares − square of the mean (Adebayo et al.
    2018, section 3); else as `SmoothGrad`. At an integer input the variances of its embedding's parts are summed."""

    name = "vargrad"
    statistic = "variance"


@dataclass(frozen=True, repr=False, eq=False)
class Smooth(Method):
    """Mean of any method over `n_samples` noisy copies of the data: `Smooth(LRP(), n_samples=20)`."""

    name = "smooth"
    layer_factor = "refuse"
    draws = True

    method: Method = None  # type: ignore[assignment]
    n_samples: int = 20
    noise_level: float = 0.1

    def validate(self) -> None:
        if not isinstance(self.method, Method):
            raise RuleError(f"Smooth needs a method to average, as in Smooth(LRP()), got {self.method!r}")
        if not self.method.needs_data or isinstance(self.method, Smooth):
            raise RuleError(f"Smooth({self.method!r}): averaging it over noise changes nothing")
        if self.method.statistic != "mean" or type(self.method).sources is not Method.sources:
            raise RuleError(f"Smooth({self.method!r}): what comes of its walks is no mean over copies of the inputs")
        positive(self, n_samples=self.n_samples)
        nonnegative(self, noise_level=self.noise_level)
        if self.ignore_last_activation != self.method.ignore_last_activation:
            object.__setattr__(self, "ignore_last_activation", self.method.ignore_last_activation)

    def rules(self) -> Composite:
        return self.method.walk_rules()

    def values(self) -> tuple[str, ...]:
        return self.method.values()

    def variants(self) -> tuple[str, ...]:
        return self.method.variants()

    def arrange(self, graph: Graph, keep: frozenset[str]) -> Graph:
        return self.method.arrange(graph, keep)

    def notes(self, problem: Problem) -> tuple[str, ...]:
        return self.method.notes(problem)

    def seeding(self) -> Seed:
        return self.method.seeding()

    def prepare(self, context: Context) -> Any:
        return self.method.prepare(context)

    def n_walks(self, prepared: Any) -> int:
        return self.n_samples * self.method.n_walks(prepared)

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        for _, x in noisy(chunk, self.noise_level, (range(i, i + 1) for i in range(self.n_samples))):
            for step in self.method.steps(dataclasses.replace(chunk, x=x, clean=False), prepared):
                some = next(iter(x.values()))
                weights = some.new_ones(step.k) if step.weights is None else step.weights
                at = x if step.x is None and step.line is None else step.x
                yield dataclasses.replace(step, x=at, weights=weights / self.n_samples)
