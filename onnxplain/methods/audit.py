"""What every node did with the relevance it was given; and which node first made a number that is not finite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ModelError, OnnxplainError, RuleError
from ..graph.graph import Node
from ..graph.plan import Forward
from ..layers.shapes import tensors
from ..rules.base import Relevances, Site, ratio
from .problem import Problem
from .run import Runner


def keeping_all(problem: Problem) -> Problem:
    """The same problem with forward passes that free nothing: an audit reads every value."""
    clean = Forward(problem.graph, problem.clean.feeds, problem.clean.index, None)
    return replace(problem, clean=clean, path=Forward(problem.graph, problem.path.feeds, problem.path.wanted, None))


def audit_rows(runner: Runner) -> list[dict[str, Any]]:
    """Per node, in graph order: relevance in, out and lost, summed over samples, targets and walks.

    What a method carries backwards is made comparable: relevance as it is (LRP, connection weights), gradients times
    values, DeepLIFT's multipliers times differences. `rounding`, of nodes that round: the part of the relevance in that
    is due to what rounding added to the value.
    """
    method = runner.method
    plain = method.promise == "conserving" or method.name == "connection_weights"
    table: dict[str, dict[str, Any]] = {}

    def total(rs: Relevances, xs: Any, xs0: Any, weights: Tensor | None) -> float:
        out = 0.0
        for i, whole in enumerate(rs):
            values: Any = tensors(xs[i]) if not plain else ()
            values0: Any = None if xs0 is None or plain else tensors(xs0[i])
            for k, r in enumerate(() if whole is None else tensors(whole)):
                if r is None:
                    continue
                if not plain:
                    r = r * (values[k] if values0 is None else values[k] - values0[k])
                if weights is not None and len(weights) > 1:
                    r = torch.einsum("tk...,k->t...", r.reshape(r.shape[0], len(weights), -1), weights)
                elif weights is not None:
                    r = r * weights[0]
                out += float(r.sum(dtype=torch.float64))
        return out

    def sink(node: Node, site: Site, given: Relevances, pulled: Relevances, weights: Tensor | None) -> None:
        start = {"node": node.name, "operator": node.op, "kind": node.kind, "rule": repr(runner.problem.rules[node.name])}
        row = table.setdefault(node.name, {**start, "relevance_in": 0.0, "relevance_out": 0.0})
        row["relevance_in"] += total(given, site.outputs, site.outputs0, weights)
        row["relevance_out"] += total(pulled, site.inputs, site.inputs0, weights)
        if (e := _rounding(site, site.inputs, site.outputs)) is not None and given[0] is not None:
            e0 = None if site.inputs0 is None else _rounding(site, site.inputs0, site.outputs0)
            part = given[0] * ratio(e, site.outputs[0]) if plain else given[0]
            row["rounding"] = row.get("rounding", 0.0) + total((part,), (e,), None if e0 is None else (e0,), weights)

    replace(runner, audit=sink, progress=None, problem=keeping_all(runner.problem)).run()
    rows = [table[n.name] for n in runner.problem.graph.every_node() if n.name in table]
    for row in rows:
        row["lost"] = row["relevance_in"] - row["relevance_out"]
        row["share_lost"] = row["lost"] / row["relevance_in"] if row["relevance_in"] else 0.0
    return rows


def _rounding(site: Site, xs: Any, ys: Any) -> Tensor | None:
    rounding = getattr(site.layer, "rounding", None)  # of elementwise layers, the only ones that round
    return None if rounding is None else rounding(xs[0], ys[0])


def not_finite(runner: Runner, what: str) -> OnnxplainError:
    """The error for non-finite results, naming the first node whose values, or else whose relevance, are not finite."""
    problem = keeping_all(runner.problem)
    with torch.inference_mode():
        for i in range(runner.context.n):
            rows = np.full(runner.fixed or 1, i)
            trace = problem.clean.run(problem.feed(runner.take(rows)))
            for n in problem.graph.nodes:
                for v in n.outputs:
                    # -inf is how masks are written: only what comes of it can be wrong
                    if v in trace and trace[v].is_floating_point() and not bool((trace[v] < torch.inf).all()):
                        return ModelError(f"{what} is not finite: node {n.name!r} ({n.op}) computes NaN or infinity from sample {i}")
    found: list[str] = []

    def watch(node: Node, site: Site, given: Relevances, pulled: Relevances, weights: Tensor | None) -> None:
        fine = all(g is None or bool(g.isfinite().all()) for g in given)
        if not found and fine and any(q is not None and not bool(q.isfinite().all()) for q in pulled):
            found.append(f"node {node.name!r} ({node.op}) under {problem.rules[node.name]!r}")

    try:
        replace(runner, audit=watch, progress=None).run()
    except OnnxplainError:
        pass  # it fails for the same reason as before; what matters is what was seen on the way
    return RuleError(f"{what} is not finite: the first to make NaN or infinity is {found[0] if found else 'not found'}")
