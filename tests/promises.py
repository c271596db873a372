"""What every method promises on every model, checked on a model and data: each helper ends in an assertion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

import onnxplain as ox
from onnxplain.data import prepare
from onnxplain.frontend.passes import simplify
from onnxplain.graph.graph import Graph
from onnxplain.graph.last_activation import LAST, Explained, explained_value
from onnxplain.graph.plan import Forward
from onnxplain.graph.sources import find_sources
from onnxplain.layers.additive import WeightedSum
from onnxplain.layers.affine.batch_norm import BatchNorm
from onnxplain.layers.affine.conv import Conv
from onnxplain.layers.affine.conv_transpose import ConvTranspose
from onnxplain.layers.affine.linear import Linear
from onnxplain.layers.normalization import Normalizer
from onnxplain.model import Model

Data = Mapping[str, np.ndarray]


def assert_close(ours: Any, theirs: Any, rtol: float, what: str = "values") -> None:
    """max |a − b| ≤ rtol · max |b|, shapes equal."""
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    assert a.shape == b.shape, f"{what}: shapes {a.shape} and {b.shape}"
    worst, size = float(np.abs(a - b).max(initial=0.0)), float(np.abs(b).max(initial=0.0))
    assert worst <= rtol * max(size, 1e-30), (
        f"{what}: off by {worst:.3g}, largest value {size:.3g}, allowed {rtol:g} of it"
    )


def units_of(model: Model, data: Data, count: int = 2, ignore: bool = True) -> dict[str, list[int]]:
    """A few units of every output that can be explained: the largest of the first sample, and others spread evenly."""
    chosen = {}
    for name, y in model.predict(data).items():
        if name in model.graph.constants:
            continue
        if y.dtype.kind != "f":  # an ArgMax, explained at what it chose from
            value = explained_as_read(model, name, ignore)[1].value
            if value == name:
                continue
            y = Straight(model, data, name, True).first()
        size = y[0].size
        chosen[name] = list(dict.fromkeys([int(y[0].argmax()), *np.linspace(0, size - 1, count).astype(int).tolist()]))[
            :count
        ]
    return chosen


def explained_as_read(model: Model, output: str, ignore: bool) -> tuple[Graph, Explained]:
    """(graph, where `output` is explained) with nothing merged; an activation that is written out ends where the merged
    one does."""
    merged = explained_value(model.graph, output, LAST if ignore else ())[1]
    return (model.raw, merged) if merged.value in model.raw.values else explained_value(model.raw, output, LAST if ignore else ())


class Straight:
    """The explained value of one output as plain torch of the sources, one sample at a time: nothing is merged, nothing
    is walked backwards."""

    def __init__(self, model: Model, data: Data, output: str, ignore_last_activation: bool) -> None:
        graph, at = explained_as_read(model, output, ignore_last_activation)
        self.value, sources = at.value, find_sources(graph)
        self.inside = [s.value for s in sources if s.value not in graph.inputs]
        self.names = [s.value for s in sources]
        feeds = prepare(model.inputs, data, model.dtype, model.device)
        self.n = next(iter(feeds.values())).shape[0]
        self.copies = model.fixed_rows or 1  # a model that insists on several samples gets the same one several times
        self.rows = [{k: x[i : i + 1].clone() for k, x in feeds.items()} for i in range(self.n)]
        if self.inside:
            before = Forward(graph, graph.inputs, self.inside, None)
            for row in self.rows:
                trace = before.run(self.repeated(row))
                row.update({v: trace[v][:1].clone() for v in self.inside})
        self.plan = Forward(graph, [*graph.inputs, *self.inside], [self.value], None)

    def at(self, row: Mapping[str, Tensor]) -> Tensor:
        return self.plan.run(self.repeated(row))[self.value].reshape(self.copies, -1)[0]

    def repeated(self, row: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {v: x.expand(self.copies, *x.shape[1:]) for v, x in row.items()}

    def first(self) -> np.ndarray:
        """The explained value of the first sample: (1, units)."""
        with torch.inference_mode():
            return self.at(self.rows[0])[None].numpy()

    def gradients(self, units: Sequence[int]) -> dict[str, np.ndarray]:
        """By autograd: {source: (samples, *shape, units)}."""
        found: dict[str, list[np.ndarray]] = {v: [] for v in self.names}
        for row in self.rows:
            leaves = {v: row[v].clone().requires_grad_() for v in self.names}
            y = self.at({**row, **leaves})
            per_unit = [
                torch.autograd.grad(
                    y[u], list(leaves.values()), retain_graph=True, allow_unused=True, materialize_grads=True
                )
                for u in units
            ]
            for k, v in enumerate(self.names):
                found[v].append(torch.stack([g[k][0] for g in per_unit], -1).numpy())
        return {v: np.stack(parts) for v, parts in found.items()}

    def difference(self, row: int, direction: Mapping[str, Tensor], h: float, unit: int) -> float:
        """(f(x + h·v) − f(x − h·v)) / 2h."""
        x = self.rows[row]
        with torch.inference_mode():
            up, down = (self.at({**x, **{v: x[v] + s * h * d for v, d in direction.items()}})[unit] for s in (1, -1))
        return float(up - down) / (2 * h)


def explained_at_sources(e: ox.Explanation, name: str, output: str) -> np.ndarray:
    """An attribution at a source: an input, or the value an integer input is embedded to."""
    kept = e.layer_attributions.get((name, output))
    return (kept if kept is not None else e.attributions[name, output]).values


def gradient_equals_autograd(
    model: Model, data: Data, rtol: float = 1e-10, ignore: bool = True, count: int = 2
) -> None:
    for output, units in units_of(model, data, count, ignore).items():
        straight = Straight(model, data, output, ignore)
        method = ox.Gradient(ignore_last_activation=ignore)
        e = ox.explain(model, data, method, target={output: units}, layers=straight.inside)
        for v, expected in straight.gradients(units).items():
            assert_close(explained_at_sources(e, v, output), expected, rtol, f"gradient of {output!r} at {v!r}")


def gradient_equals_differences(model: Model, data: Data, rtol: float = 1e-4, h: float = 1e-8) -> None:
    """Along the gradient itself plus as much noise, so that what is compared is not small beside what is rounded."""
    generator = torch.Generator().manual_seed(0)
    for output, (unit, *_) in units_of(model, data, 1).items():
        straight = Straight(model, data, output, True)
        e = ox.explain(model, data, ox.Gradient(), target={output: [unit]}, layers=straight.inside)
        for i in range(straight.n):
            g = {v: torch.from_numpy(explained_at_sources(e, v, output)[i : i + 1, ..., 0]) for v in straight.names}
            size = float(torch.cat([q.reshape(-1) for q in g.values()]).norm())
            if size == 0:
                continue
            noise = {v: torch.randn(q.shape, generator=generator, dtype=q.dtype) for v, q in g.items()}
            direction = {v: q / size + noise[v] / noise[v].numel() ** 0.5 for v, q in g.items()}
            scale = max(1.0, *(float(straight.rows[i][v].abs().max()) for v in g))
            expected = straight.difference(i, direction, h * scale, unit)
            ours = float(sum((g[v] * d).sum() for v, d in direction.items()))
            assert abs(ours - expected) <= rtol * size, (
                f"{output!r}, sample {i}: {ours:.9g} along a direction, differences {expected:.9g}"
            )


def deep_lift_is_complete(
    model: Model,
    data: Data,
    rtol: float,
    baseline: Any = 0.0,
    ignore: bool = True,
    units: Mapping[str, Any] | None = None,
) -> None:
    chosen = dict(units or units_of(model, data, 2, ignore))
    e = ox.explain(model, data, ox.DeepLift(baseline=baseline, ignore_last_activation=ignore), target=chosen)
    for output, delta in e.delta.items():
        assert np.isfinite(e.goals[output]).all(), f"{output!r} has no goals"
        assert np.abs(delta).max() <= rtol, f"{output!r}: sums {e.sums[output]}, goals {e.goals[output]}, delta {delta}"


def audit_accounts(e: ox.Explanation, rtol: float = 1e-9) -> None:
    """Σ goals = Σ lost over all nodes + Σ attributions, to the rounding of the relevance that was moved."""
    rows = e.audit_rows
    goals, sums = (float(sum(v.sum(dtype=np.float64) for v in t.values())) for t in (e.goals, e.sums))
    lost = sum(r["lost"] for r in rows if r["kind"] != "Control")  # what happens inside has rows of its own
    moved = max([abs(goals), *(abs(r[k]) for r in rows for k in ("relevance_in", "relevance_out"))])
    spread = sum(np.abs(a.values).sum(dtype=np.float64) for a in e.attributions.values())
    assert rows and np.isfinite(lost)
    assert abs(goals - sums - lost) <= rtol * max(moved, spread), (
        f"goals {goals:.9g}, sums {sums:.9g}, lost {lost:.9g}, moved {moved:.3g}"
    )


def relevance_is_accounted_for(model: Model, data: Data, method: Any = None, rtol: float = 1e-9) -> ox.Explanation:
    e = ox.explain(model, data, method or ox.LRP(), target=units_of(model, data))
    audit_accounts(e, rtol)
    return e


def targets_together_equal_one_at_a_time(
    model: Model, data: Data, method: Any, output: str, units: Sequence[int], rtol: float
) -> None:
    together = ox.explain(model, data, method, target={output: list(units)})
    for k, u in enumerate(units):
        alone = ox.explain(model, data, method, target={output: u})
        for key, a in alone.attributions.items():
            assert_close(
                together.attributions[key].values[..., k],
                a.values[..., 0],
                rtol,
                f"unit {u} of {output!r} at {key[0]!r}",
            )


def without_biases(model: Model) -> Model:
    """The same model with every bias, normalisation offset and added constant at zero: z = J x all the way."""
    nodes = []
    for n in model.graph.nodes:
        layer = deepcopy(n.layer)
        if isinstance(layer, BatchNorm):
            layer = BatchNorm(layer.scale, torch.zeros_like(layer.shift), model.dtype)
        elif isinstance(layer, (Conv, ConvTranspose, Linear)):
            layer.b = None
        elif isinstance(layer, Normalizer):
            layer.beta = None
        elif isinstance(layer, WeightedSum):
            for i in layer.constant_slots:
                setattr(layer, f"constant_{i}", torch.zeros_like(getattr(layer, f"constant_{i}")))
        nodes.append(replace(n, layer=layer))
    graph = simplify(replace(model.graph, nodes=tuple(nodes)))
    return replace(model, raw=graph, graph=graph, source=None)
