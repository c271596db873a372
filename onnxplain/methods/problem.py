"""Problem: one `explain` call, compiled — the edited graph, its sources, a rule per node, the forward and backward plans.

What does not depend on the data is kept with the graph, and is there when the same is asked again.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import n_samples
from ..errors import InputError, OnnxplainError, RuleError
from ..graph.compiled import compiled
from ..graph.control.deciding import deciding
from ..graph.control.kernel import in_kernels
from ..graph.graph import Graph, Node
from ..graph.heads import Dense, large_head
from ..graph.last_activation import Explained, explained_value
from ..graph.lifting import Lifting, lifted
from ..graph.memo import Memo
from ..graph.narrowing import narrowed
from ..graph.plan import Backward, Forward, Trace, walked
from ..graph.sources import Back, IndexWalk, Source, check_inside
from ..rules.base import Rule
from ..rules.deeplift import Rescale
from ..rules.gradient import Adjoint
from ..specs import Spec, fixed_rows
from ..targets import Selected, target_key
from .base import Method
from .chunks import Need, foreseen
from .context import Context
from .explained_outputs import chosen_outputs, not_floating, outputs_of
from .layer_names import matching
from .sample_axes import FIRST, Layout, layouts
from .seeds import Asked, At
from .value_key import NoKeyError, key_of

#: targets given by number or name for which a problem is kept
NAMED = 16


@dataclass(frozen=True, eq=False)
class Problem:
    """`asked`: what is explained, one walk per entry and chunk. `clean`, `path`: forward plans from the inputs, and
    from the sources. `walks[name]`: the way back. `rules`: of every node on it, `said`: as they print. `layouts`: where
    sources that are no inputs hold the samples. `need`: what a sample takes, as far as shapes say it. `lifting`: how walks at
    many points share their first layers, if they do. `fixed`: the rows of a walk, where the model decides that. `heads`: large
    dense layers that make explained values. `beside`: the inputs that are no sources. `named`: the same problem for targets by
    number or name that were asked for. `work`: of one sample, per node, by the shapes of the inputs. `selected`: the targets' units,
    by what is asked, where these are the same for all samples. `notes`: what users are told about where relevance starts and ends."""

    graph: Graph
    inputs: Mapping[str, Spec]
    outputs: Mapping[str, Spec]
    asked: tuple[Asked, ...]
    explained: Mapping[str, Explained]
    sources: tuple[Source, ...]
    layers: tuple[str, ...]
    rules: Mapping[str, Rule]
    said: Mapping[str, str]
    walks: Mapping[str, Backward]
    clean: Forward
    path: Forward
    boundary: Forward | None
    layouts: Mapping[str, Layout | None]
    index_walks: Mapping[tuple[str, str], Back | IndexWalk]
    needs_integers: bool
    per_row: frozenset[str]
    need: Need | None
    lifting: Lifting | None
    fixed: int | None
    heads: Mapping[str, Dense]
    beside: tuple[str, ...]
    named: dict[Hashable, Problem]
    work: Memo
    selected: dict[str, Selected]
    notes: tuple[str, ...]

    def compiled(self) -> Problem:
        """The same, with plans that go through torch.compile."""
        walks = {name: compiled(walk) for name, walk in self.walks.items()}
        return replace(self, clean=compiled(self.clean), path=compiled(self.path), walks=walks, lifting=None)

    def layout(self, source: Source) -> Layout | None:
        """Where a source holds the samples: where the (first) input it stands for has them, if nothing moved them; None:
        nowhere."""
        axis = self.inputs[source.inputs[0]].batch_axis
        return self.layouts.get(source.value, None if axis is None else Layout(axis) if axis else FIRST)

    def feed(self, values: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Samples first → as the model reads it."""
        return {n: self.inputs[n].native(x) for n, x in values.items()}

    def repeat(self, feeds: Mapping[str, Tensor], k: int) -> dict[str, Tensor]:
        """The rows of feeds k times, repetition-major; what has no sample axis as it is."""
        return {
            n: x if k == 1 or self.inputs[n].batch_axis is None else x.repeat(k, *[1] * (x.dim() - 1))
            for n, x in feeds.items()
        }

    def first_row(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self.row(feeds, 0)

    def row(self, feeds: Mapping[str, Tensor], i: int) -> dict[str, Tensor]:
        return {n: x if self.inputs[n].batch_axis is None else x[i : i + 1] for n, x in feeds.items()}

    def to_input(self, source: str, name: str, r: Tensor, trace: Trace) -> Tensor | None:
        """Relevance at a boundary value, (T, rows, …), brought back to the input it stands for, if that is meant."""
        axis = self.inputs[name].batch_axis
        native_r = _native(r, next(self.layout(s) for s in self.sources if s.value == source))
        walk = self.index_walks[source, name]
        if not isinstance(walk, IndexWalk):  # one for all inputs of the value, who share evenly
            native_r = native_r / sum(v == source for v, _ in self.index_walks)
        back = walk.run(trace, native_r)
        return None if back is None else rows_first(back, None if axis is None else Layout(axis))

    def source_feed(self, x: Mapping[str, Tensor], integers: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Feeds of the path plan: sources, samples first, and the integer inputs."""
        layouts = {s.value: self.layout(s) for s in self.sources}
        out = {v: _native(t[None], layouts[v])[0] for v, t in x.items()}
        out.update(self.feed({n: t for n, t in integers.items() if n not in out}))
        return out

    def sources_of(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The values at the sources, samples first."""
        made = {}
        trace: Trace | None = None
        if self.boundary is not None:
            rows = n_samples(self.inputs, feeds)
            if rows > 1 and None in self.layouts.values():  # which are computed for one sample at a time
                parts = [self.sources_of(self.row(feeds, i)) for i in range(rows)]
                return {v: torch.cat([p[v] for p in parts]) for v in parts[0]}
            trace = self.boundary.run(self.feed(feeds))
        for s in self.sources:
            if s.value in feeds:
                x = feeds[s.value]
                made[s.value] = x[None] if self.inputs[s.value].batch_axis is None else x
            else:
                assert trace is not None
                made[s.value] = _rows_of(trace[s.value], self.layout(s))
        return made

    def sources_at(self, trace: Trace) -> dict[str, Tensor]:
        return {s.value: _rows_of(trace[s.value], self.layout(s)) for s in self.sources}


def rows_first(r: Tensor, layout: Layout | None) -> Tensor:
    """(T, *value as the model holds it) → (T, rows, …); one row where it holds no samples."""
    return r[:, None] if layout is None else layout.rows_first(r)


def _rows_of(x: Tensor, layout: Layout | None) -> Tensor:
    """The same of a value, without targets."""
    return x if layout is FIRST or layout == FIRST else rows_first(x[None], layout)[0]


def _native(r: Tensor, layout: Layout | None) -> Tensor:
    """(T, rows, …) → (T, *value)."""
    return r[:, 0] if layout is None else layout.native(r)


def compile_problem(
    graph: Graph,
    inputs: Mapping[str, Spec],
    outputs: Mapping[str, Spec],
    method: Method,
    target: Any,
    layers: Sequence[str],
    context: Context,
) -> Problem:
    """Everything that can be refused is refused here, before any work is done."""

    def make() -> Problem:
        return _planned(graph, inputs, outputs, method, target, layers)

    try:
        key = ("problem", key_of(method), _asked_for(target), tuple(layers), _described(inputs), _described(outputs))
    except NoKeyError:
        planned = make()
    else:
        planned = graph.memo.get(key, make)
    found = _asking(planned, target, inputs, outputs)
    return found if found.boundary is None else replace(found, layouts=_layouts(found.boundary, inputs, context))


def _asking(planned: Problem, target: Any, inputs: Mapping[str, Spec], outputs: Mapping[str, Spec]) -> Problem:
    """The problem for this target, and for these inputs and outputs, which may have other labels than those it was planned for."""
    name, named = target_key(target), planned.named
    found = None if name is None else named.get(name)
    if found is not None and found.inputs is inputs and found.outputs is outputs:
        return found
    each = target if isinstance(target, Mapping) else {}
    asked = tuple([Asked(a.name, a.at, each.get(a.name, target)) for a in planned.asked])
    made = replace(planned, inputs=inputs, outputs=outputs, asked=asked, selected={})
    if name is not None:
        if len(named) >= NAMED:
            named.clear()
        named[name] = made
    return made


def _asked_for(target: Any) -> Hashable:
    """As much of a target as plans depend on: which outputs it is for, and whether functions read them."""
    return tuple([(o, callable(t)) for o, t in target.items()]) if isinstance(target, Mapping) else callable(target)


def _described(specs: Mapping[str, Spec]) -> Hashable:
    return tuple([s.key for s in specs.values()])


def _planned(
    graph: Graph,
    inputs: Mapping[str, Spec],
    outputs: Mapping[str, Spec],
    method: Method,
    target: Any,
    layers: Sequence[str],
) -> Problem:
    """The problem without the units of its targets, and without what is found out by means of the data."""
    targets = chosen_outputs(target, graph, outputs, method)
    explained: dict[str, Explained] = {}
    asked: list[Asked] = []
    for output, wanted in targets.items():
        plain = callable(wanted)  # a callable reads the outputs themselves
        graph, at = explained_value(graph, output, method.last() if not plain else ())
        if at.value not in graph.floating:
            raise not_floating(output, outputs[output], graph)
        explained[output] = at
        asked.append(Asked(output, (At(output, at.value, outputs[output].batch_axis),), None))
    if len(asked) > 1 and callable(target):
        asked = [Asked("target", tuple(a.at[0] for a in asked), None)]
    seeds = [v for a in asked for v in a.values]
    check_inside(graph, graph.ancestors(seeds))
    sources = method.sources(graph, seeds, inputs)
    if not sources:
        raise InputError(f"no input of the model leads to floating values: there is nothing to explain in {list(inputs)}")
    names = tuple(s.value for s in sources)
    arranged = method.arrange(graph, frozenset({*seeds, *names}))
    active = arranged.active(names)
    layers = matching(layers, graph.values, _between(arranged, seeds, names, active))
    for v in layers:
        if v not in graph.values:
            raise InputError(f"there is no internal value {v!r}: see model.graph.values (names of values, not of nodes)")
        if v not in arranged.values:
            raise RuleError(f"{method!r} passes relevance around value {v!r}: ask for the activation it goes into")
        if v not in active:
            raise InputError(f"no relevance reaches value {v!r}: it does not depend on the explained inputs, or holds integers")
    if layers and method.layer_factor == "refuse":
        raise RuleError(
            f"{method!r} is defined at inputs only: to explain at {layers[0]!r}, cut the model there with "
            f"ox.load(..., inputs=[{layers[0]!r}]), or use DeepLift, LRP or Gradient"
        )
    graph = arranged
    nodes: dict[str, Node] = {}
    for a in asked:
        nodes.update({n.name: n for n in walked(graph, a.values, names)[1]})
    ordered = [n for n in graph.nodes if n.name in nodes]
    rules = method.walk_rules().assign(graph, ordered, active)
    made = narrowed(graph, {*seeds, *names, *layers})
    placed = {**rules, **dict.fromkeys(made.added, Adjoint())}
    graph, kernels = in_kernels(made.graph, {*seeds, *names, *layers}, placed)
    placed.update(dict.fromkeys(kernels, Adjoint()))
    walks = {a.name: Backward(graph, a.values, names, placed, layers) for a in asked}
    keep = set().union(*(w.keep for w in walks.values())) if walks else set()
    index_walks = {
        (s.value, i): s.back or IndexWalk(graph, s.value, i, s.inputs)
        for s in sources
        if s.value not in graph.inputs
        for i in s.inputs
    }
    read_by_index = set().union(*(w.values() for w in index_walks.values())) if index_walks else set()
    wanted = [*dict.fromkeys([*seeds, *outputs_of(graph, outputs), *names, *layers])]
    boundaries = [s.value for s in sources if s.value not in graph.inputs]
    boundary = Forward(graph, graph.inputs, boundaries, []) if boundaries else None
    path_feeds = [*graph.inputs, *boundaries]
    rest = graph.ancestors(seeds, stop=names)
    integers = set(graph.inputs) - set(names)
    clean = Forward(graph, graph.inputs, wanted, keep | read_by_index)
    lifting = _lifting(graph, inputs, sources, asked, placed) if method.lifts and not layers else None
    return Problem(
        graph=graph,
        inputs=inputs,
        outputs=outputs,
        asked=tuple(asked),
        explained=explained,
        sources=tuple(sources),
        layers=tuple(layers),
        rules=placed,
        said=_said(rules),
        walks=walks,
        clean=clean,
        path=Forward(graph, path_feeds, [*seeds, *layers], keep),
        boundary=boundary,
        layouts={},
        index_walks=index_walks,
        needs_integers=any(v in integers for n in rest for v in n.inputs),
        per_row=graph.descendants(names),
        need=foreseen(graph, clean, list(walks.values()), [*names, *layers, *(lifting.ends.values() if lifting else ())]),
        lifting=lifting,
        fixed=_fixed(graph, inputs, sources),
        heads={a.name: n for a in asked if (n := large_head(graph, a.values[0])) is not None},
        beside=tuple([i for i in inputs if i not in names]),
        named={},
        work=Memo(),
        selected={},
        notes=_notes(graph, inputs, explained, sources),
    )


def _fixed(graph: Graph, inputs: Mapping[str, Spec], sources: Sequence[Source]) -> int | None:
    """The number of rows the model insists on; 1 where an input that is floating, or explained, is shared by all samples, so that
    each sample gets its own attribution of it, and where a sample's numbers decide what is run, or how others are rounded."""
    if (rows := fixed_rows(inputs)) is not None:
        return rows
    if any(inputs[v].batch_axis is not None for v in deciding(graph)) or graph.joins_samples:
        return 1
    shared = [n for n, s in inputs.items() if s.batch_axis is None]
    explained = {n for s in sources for n in s.inputs}
    return 1 if any(inputs[n].floating or n in explained for n in shared) or len(shared) == len(inputs) else None


def _lifting(
    graph: Graph, inputs: Mapping[str, Spec], sources: Sequence[Source], asked: Sequence[Asked], rules: Mapping[str, Rule]
) -> Lifting | None:
    if not all(s.value in inputs and inputs[s.value].batch_axis == 0 for s in sources):
        return None
    return lifted(graph, [s.value for s in sources], {a.name: a.values for a in asked}, rules, Adjoint(), (Adjoint, Rescale))


def _notes(graph: Graph, inputs: Mapping[str, Spec], explained: Mapping[str, Explained], sources: Sequence[Source]) -> tuple[str, ...]:
    notes = [f"output {x.output!r} is explained before its {x.skipped} (node {x.node!r})" for x in explained.values() if x.skipped]
    reached = {i: s.value for s in sources for i in s.inputs}
    for i, v in reached.items():
        if v != i and i not in graph.floating:
            kind = "text" if inputs[i].dtype == "string" else "integer"
            notes.append(f"{kind} input {i!r} is explained at the floating value {v!r} computed from it")
    notes += [f"input {i!r} leads to no floating value: it gets no attribution" for i in inputs if i not in reached and i not in graph.floating]
    return tuple(notes)


def _said(rules: Mapping[str, Rule]) -> dict[str, str]:
    once: dict[int, str] = {}  # most nodes share a few rules
    return {name: once.get(id(r)) or once.setdefault(id(r), repr(r)) for name, r in rules.items()}


def _layouts(boundary: Forward, inputs: Mapping[str, Spec], context: Context) -> dict[str, Layout | None]:
    """Where values computed from integer inputs hold the samples: an embedding of turned, or of flattened, indices has
    them elsewhere. None where the model takes one sample only, which such a value then holds as a whole."""

    def at(rows: np.ndarray) -> Trace:
        return boundary.run({n: inputs[n].native(x) for n, x in context.take(context.feeds, rows % context.n).items()})

    try:
        with torch.inference_mode():
            found = layouts(boundary.wanted, at, 2, None)
    except OnnxplainError:  # the model insists on its number of samples
        return dict.fromkeys(boundary.wanted) if fixed_rows(inputs) == 1 else {}
    return {v: layout for v, layout in found.items() if layout is not None}


def _between(graph: Graph, seeds: Sequence[str], sources: Sequence[str], active: frozenset[str]) -> list[str]:
    """The internal values that a walk passes, in the order they are computed."""
    read = {v for n in walked(graph, seeds, sources)[1] for i, v in enumerate(n.inputs) if n.layer.carries(i)}
    return [v for v in graph.values if (v in read or v in seeds) and v in active and v not in graph.inputs]
