"""Class activation maps by gradients: Grad-CAM, Grad-CAM++, LayerCAM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..errors import InputError, RuleError
from ..graph.graph import Graph
from ..graph.sources import Source
from ..graph.spatial import MapBack, channel_of_input, last_convolution
from ..rules.base import ratio
from ..rules.composites import Composite, everywhere
from ..rules.gradient import Adjoint
from ..specs import Spec, axis_names
from .base import Chunk, Method, Step
from .problem import Problem


def _places(x: Tensor) -> list[int]:
    """The axes behind the channels, counted from the end, so that they are the same for values and gradients."""
    return list(range(-(x.dim() - 2), 0))


@dataclass(frozen=True, repr=False, eq=False)
class ClassActivationMap(Method):
    """A map over the places of an internal value A (N, C, *places), from A and ∂f/∂A.

    `at`: the value's name; None takes the last convolution's output after its activation, and the explanation's notes
    say which that is. `channel_axis`: of A. The map, with a channel axis of size 1, is `e.layers[at]`. With `upsample`
    it is spread out linearly over the places of the input that A is computed from, and stands under that input's name
    in the input's shape: the same in every channel. `input`: which input, where several could be meant.
    `relu`: negative values become 0.
    """

    layer_factor = "refuse"

    at: str | None = None
    upsample: bool = True
    relu: bool = True
    channel_axis: int = 1
    input: str | None = None

    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        """Values (N, C, *places) and gradients (T, N, C, *places) → (T, N, *places)."""
        raise NotImplementedError(type(self).__name__)

    def rules(self) -> Composite:
        return everywhere(Adjoint())

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        yield Step()

    def values(self) -> tuple[str, ...]:
        return () if self.at is None else (self.at,)

    def sources(self, graph: Graph, seeds: Sequence[str], inputs: Mapping[str, Spec]) -> list[Source]:
        value = self._value(graph, seeds)
        rank = graph.ranks.get(value)
        channel = self.channel_axis + (rank or 0) if self.channel_axis < 0 else self.channel_axis
        if channel < 1 or (rank is not None and not 3 <= rank > channel):
            raise RuleError(
                f"{self!r} needs a value (samples, channels, *places); {value!r} has {rank or 'an unknown number of'} axes"
            )
        spec = self._input(graph, value, inputs, rank)
        if spec.batch_axis != 0:
            raise RuleError(f"{self!r} needs samples on axis 0; input {spec.name!r} has them on axis {spec.batch_axis}")
        back = MapBack(
            value, spec.name, self.combine, channel, _input_channel(graph, spec, rank), self.upsample, self.relu
        )
        return [Source(value, (spec.name,), back)]

    def notes(self, problem: Problem) -> tuple[str, ...]:
        (source,) = problem.sources
        made = f"made by node {problem.graph.producer[source.value].name!r}"
        where = f", spread out over input {source.inputs[0]!r}" if self.upsample else ""
        return (f"the map is that of value {source.value!r}, {made}{where}",)

    def _value(self, graph: Graph, seeds: Sequence[str]) -> str:
        if self.at is None:
            found = last_convolution(graph, seeds)
            if found is None:
                raise RuleError(f"{self!r}: the model has no convolution; name a value with at=, see model.graph.values")
            return found[0]
        if self.at not in graph.values or self.at in graph.inputs or self.at not in graph.floating:
            from difflib import get_close_matches

            near = get_close_matches(self.at, sorted(graph.floating - set(graph.inputs)), 3)
            raise InputError(f"there is no internal value {self.at!r} with floating numbers; near it: {near}; see model.graph.values")
        if not graph.active([self.at]).intersection(seeds):
            raise RuleError(f"{self!r}: no explained output depends on value {self.at!r}")
        return self.at

    def _input(self, graph: Graph, value: str, inputs: Mapping[str, Spec], rank: int | None) -> Spec:
        """The input whose places the map is spread out over."""
        above = [s for n, s in inputs.items() if n in graph.floating and value in graph.descendants([n])]
        if self.input is not None:
            if self.input not in inputs:
                raise InputError(f"{self!r}: the model has inputs {list(inputs)}")
            above = [s for s in above if s.name == self.input]
        fit = [s for s in above if not self.upsample or rank is None or _n_places(graph, s, rank) == rank - 2]
        if len(fit) == 1 or (fit and not self.upsample):
            return fit[0]
        raise RuleError(
            f"{self!r}: value {value!r} has {(rank or 0) - 2} axes of places; the inputs it is computed from are "
            f"{ {s.name: s.described() for s in above} }: name one with input=, or take upsample=False"
        )


def _n_places(graph: Graph, spec: Spec, rank: int) -> int:
    return len(spec.shape) - 1 - (_input_channel(graph, spec, rank) is not None)


def _input_channel(graph: Graph, spec: Spec, rank: int | None) -> int | None:
    """The input's channel axis: as its data reach the first convolution, else by its axes' names; None where it has
    as many axes of places as the value."""
    if rank is not None and len(spec.shape) - 1 == rank - 2:
        return None
    found = channel_of_input(graph, spec.name, len(spec.shape))
    if found is not None:
        return found
    names = axis_names(spec.sample_shape, spec.axes)
    return 1 + names.index("channel") if "channel" in names else None


@dataclass(frozen=True, repr=False, eq=False)
class GradCam(ClassActivationMap):
    """(Σ_c A_c · mean of ∂f/∂A_c over all places)⁺ (Selvaraju et al. 2017, eq. 1 and 2)."""

    name = "grad_cam"

    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        return (g.mean(_places(a), keepdim=True) * a).sum(2)


@dataclass(frozen=True, repr=False, eq=False)
class GradCamPlusPlus(ClassActivationMap):
    """(Σ_c w_c A_c)⁺, w_c = Σ α·(∂f/∂A_c)⁺ over all places, α = g² / (2g² + g³·ΣA_c), g = ∂f/∂A_c (Chattopadhay et al.
    2018, eq. 10 and 19).

    The paper's factor e^f, the same for a whole map, is left out.
    """

    name = "grad_cam_plus_plus"

    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        places = _places(a)
        alpha = ratio(g**2, 2 * g**2 + g**3 * a.sum(places, keepdim=True))
        return ((alpha * g.clamp(min=0)).sum(places, keepdim=True) * a).sum(2)


@dataclass(frozen=True, repr=False, eq=False)
class LayerCam(ClassActivationMap):
    """(Σ_c A_c ⊙ (∂f/∂A_c)⁺)⁺, each place by its own gradient (Jiang et al. 2021, eq. 5 to 7)."""

    name = "layer_cam"

    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        return (g.clamp(min=0) * a).sum(2)
