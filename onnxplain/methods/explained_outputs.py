"""Which outputs are explained: those that the target names, or else all that a walk can start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import TargetError
from ..graph.graph import Graph
from ..graph.last_activation import explained_value
from ..specs import Spec
from ..targets import per_output
from .base import Method


def outputs_of(graph: Graph, outputs: Mapping[str, Spec]) -> list[str]:
    return [o for o in outputs if o not in graph.constants]


def chosen_outputs(target: Any, graph: Graph, outputs: Mapping[str, Spec], method: Method) -> dict[str, Any]:
    """The outputs to explain: those that a dict names; else all that a walk can start from."""
    if isinstance(target, Mapping):
        chosen = per_output(target, list(outputs))
    else:
        fit = [
            o
            for o in outputs
            if o not in graph.constants
            and not outputs[o].sequence
            and (o in graph.floating or explained_value(graph, o, method.last())[1].skipped)
        ]
        if not fit:
            first = next(iter(outputs))
            raise not_floating(first, outputs[first], graph)
        chosen = per_output(target, fit)
    for o in chosen:
        if outputs[o].sequence:
            raise TargetError(f"output {o!r} is a sequence: explain the tensors in it, with ox.load(..., outputs=…)")
        if o in graph.constants:
            raise TargetError(f"output {o!r} is constant: no input changes it")
    return chosen


def not_floating(output: str, spec: Spec, graph: Graph) -> TargetError:
    near: list[str] = []
    seen: set[str] = set()
    waiting = [output]
    while waiting and not near:
        node = graph.producer.get(waiting.pop(0))
        for v in node.inputs if node else ():
            if v in graph.floating:
                near.append(v)
            elif v not in seen:
                seen.add(v)
                waiting.append(v)
    hint = f": explain the values it is computed from, ox.load(..., outputs={near})" if near else ""
    return TargetError(f"output {output!r} holds {spec.dtype}, from which no relevance can start{hint}")
