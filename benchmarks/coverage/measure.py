"""One exported model: does it load, agree with onnxruntime, and are its explanations exact? Run as a process of its own."""

from __future__ import annotations

import json
import math
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

import onnxplain as ox
from onnxplain.data import prepare
from onnxplain.frontend.runtime import session
from onnxplain.frontend.stored import Stored
from onnxplain.graph.plan import Forward, walked
from onnxplain.graph.sources import find_sources
from onnxplain.layers.control import Control
from onnxplain.layers.kinds import Affine
from onnxplain.model import Model
from onnxplain.rules.matching import Walk
from onnxplain.verify import relative_difference
from tests.promises import explained_as_read, explained_at_sources, units_of

Data = Mapping[str, np.ndarray]
#: steps of the finite differences, relative to the data
STEPS = (1e-5, 1e-6, 1e-7, 1e-8)
GIGABYTES = 10


def measured(path: Path) -> dict[str, Any]:
    """Everything about one model; what fails is its error's first lines instead of a number."""
    with np.load(path.with_name(path.name + ".npz")) as z:
        data = dict(z)
    source = path.with_name(path.name + ".onnx")
    row: dict[str, Any] = {}

    def note(name: str, compute: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        try:
            row[name] = compute()
        except Exception as error:  # noqa: BLE001 — what is wrong is the result
            row[f"{name}_error"] = f"{type(error).__name__}: {error}"[:1500]
            return None
        finally:
            row.setdefault("spent", {})[name] = round(time.perf_counter() - start, 2)
        return row[name]

    models: dict[str, Model] = {}
    about = json.loads(path.with_name(path.name + ".json").read_text())
    whole = {o.name: None for o in onnx.load(source).graph.output} if about.get("alone") else None

    def load() -> int:
        models["float32"] = ox.load(source, example=data, verify="always", batch_axis=whole)
        return len(models["float32"].graph.nodes)

    if note("nodes", load) is None:
        if "VerificationError" not in row["nodes_error"]:
            return row
        models["float32"] = ox.load(source, verify="never", batch_axis=whole)
    single = models["float32"]
    note("parity", lambda: parity(single, source, data))
    data = {k: x for k, x in data.items() if k in single.inputs}
    double = ox.load(source, dtype="float64", verify="never", batch_axis=whole)
    try:
        units = units_of(double, data, 1)
    except Exception as error:  # noqa: BLE001 — as above
        row["units_error"] = f"{type(error).__name__}: {error}"[:1500]
        return row
    row["outputs"] = len(units)
    note("gradient", lambda: gradient(double, data, units))
    note("deeplift_64", lambda: deep_lift(double, data, units))
    note("deeplift_32", lambda: deep_lift(single, data, units))
    note("lrp", lambda: lrp(double, data, units, ox.LRP()))
    if any(n.kind == "Softmax" for n in double.graph.every_node()):
        note("attnlrp", lambda: lrp(double, data, units, ox.LRP(ox.AttnLRP())))
    note("seconds", lambda: seconds(single, data, units))
    return row


def parity(model: Model, source: Path, data: Data) -> float:
    """The largest difference from onnxruntime's outputs, relative to the largest value of each."""
    runtime = session(Stored(source.read_bytes()))
    feeds = {i.name: data[i.name] for i in runtime.get_inputs()}
    theirs = dict(zip(model.outputs, runtime.run(list(model.outputs), feeds), strict=True))
    ours = model.predict({k: data[k] for k in model.inputs})
    return max(relative_difference(ours[o], y) for o, y in theirs.items())


def gradient(model: Model, data: Data, units: Mapping[str, list[int]]) -> float:
    """Along a random direction: |g·d − differences| / ‖g‖, the best of a few steps; the worst of outputs and samples.

    Masks stay as they are: 10³⁸ times an attention mask has no differences that numbers could show.
    """
    generator = torch.Generator().manual_seed(0)
    sources = find_sources(model.graph)
    masks = {s.value for s in sources if all(_is_mask(data[i]) for i in s.inputs)}
    inside = [s.value for s in sources if s.value not in model.inputs]
    worst, flat = 0.0, True
    for output, (unit, *_) in units.items():
        for i in range(len(next(iter(data.values())))):
            row = {k: x[i : i + 1] for k, x in data.items()}
            line = Line(model, row, output, unit)
            e = ox.explain(model, row, ox.Gradient(), target={output: [unit]}, layers=inside)
            found = {v: explained_at_sources(e, v, output)[..., 0] for v in line.start if v not in masks}
            g = {v: torch.from_numpy(r).reshape(line.start[v].shape) for v, r in found.items()}
            size = float(torch.cat([q.reshape(-1) for q in g.values()]).norm())
            if size == 0:
                continue
            flat = False
            noise = {v: torch.randn(q.shape, generator=generator, dtype=q.dtype) for v, q in g.items()}
            direction = {v: q / size + noise[v] / noise[v].numel() ** 0.5 for v, q in g.items()}
            scale = max(1e-3, *(float(line.start[v].abs().max()) for v in g))
            ours = float(sum((g[v] * d).sum() for v, d in direction.items()))
            worst = max(worst, min(abs(ours - line.slope(direction, h * scale)) / size for h in STEPS))
    return math.nan if flat else worst


class Line:
    """One unit of one sample as a function of the sources: `start`, the values there. Nothing is merged."""

    def __init__(self, model: Model, row: Data, output: str, unit: int) -> None:
        graph, at = explained_as_read(model, output, True)
        feeds = prepare(model.inputs, dict(row), model.dtype, model.device)
        self.feeds = {n: model.inputs[n].native(x) for n, x in feeds.items()}
        self.value, self.unit = at.value, unit
        names = [s.value for s in find_sources(graph)]
        with torch.inference_mode():
            before = Forward(graph, graph.inputs, names, []).run(dict(self.feeds))
        self.start = {v: before[v].clone() for v in names}
        self.plan = Forward(graph, [*graph.inputs, *(v for v in names if v not in graph.inputs)], [at.value], [])

    def slope(self, direction: Mapping[str, torch.Tensor], h: float) -> float:
        """(f(x + h·d) − f(x − h·d)) / 2h."""
        with torch.inference_mode():
            ends = [
                self.plan.run(
                    {**self.feeds, **self.start, **{v: self.start[v] + s * h * d for v, d in direction.items()}}
                )
                for s in (1, -1)
            ]
        up, down = (t[self.value].reshape(-1)[self.unit] for t in ends)
        return float(up - down) / (2 * h)


def deep_lift(model: Model, data: Data, units: Mapping[str, list[int]]) -> float:
    """|Σ contributions − (f(x) − f(x̄))| relative, from a baseline that is not zero."""
    e = ox.explain(model, data, ox.DeepLift(baseline=baseline(data)), target=dict(units))
    return float(max(np.abs(d).max() for d in e.delta.values()))


def baseline(data: Data) -> dict[str, np.ndarray]:
    """Other numbers of the same sort: the data backwards, a third as large; ids backwards; masks as they are."""
    out = {}
    for name, x in data.items():
        back = np.flip(x, tuple(range(1, x.ndim)))
        out[name] = 0.3 * back + 0.01 if x.dtype.kind == "f" else x if _is_mask(x) else back.copy()
    return out


def _is_mask(x: np.ndarray) -> bool:
    return x.dtype.kind != "f" and bool(x.max(initial=0) <= 1)


def lrp(model: Model, data: Data, units: Mapping[str, list[int]], method: ox.LRP) -> dict[str, float]:
    """`elsewhere`: relevance lost by nodes that lose none by design, as a share of the largest that any node passes;
    `unaccounted`: goals − sums − all losses, likewise. `where`: the operator that loses most of it."""
    e = ox.explain(model, data, method, target=dict(units))
    rows, meant = [r for r in e.audit_rows if r["kind"] != Control.kind], by_design(model)  # a loop's parts have rows
    moved = max((abs(r[k]) for r in rows for k in ("relevance_in", "relevance_out")), default=0.0)
    goals, sums = (float(sum(v.sum(dtype=np.float64) for v in t.values())) for t in (e.goals, e.sums))
    moved = max(moved, abs(goals), 1e-300)
    elsewhere = [r for r in rows if r["node"] not in meant]
    worst = max(elsewhere, key=lambda r: abs(r["lost"]), default=None)
    found: dict[str, Any] = {
        "elsewhere": sum(abs(r["lost"]) for r in elsewhere) / moved,
        "unaccounted": abs(goals - sums - sum(r["lost"] for r in rows)) / moved,
        "goal": goals,
        "sum": sums,
        "moved": moved,
    }
    if worst is not None and abs(worst["lost"]) > 1e-9 * moved:
        found["where"] = (
            f"{worst['operator']} {worst['node']!r}, {worst['kind']}, {worst['rule']}, {worst['lost'] / moved:.2g}"
        )
    return found


def by_design(model: Model) -> set[str]:
    """The nodes that docs/methods/transformers.md lists: softmax; biases and offsets; sums with, and choices among,
    what no relevance reaches."""
    graph = model.graph
    active, nodes = walked(graph, graph.outputs, [s.value for s in find_sources(graph)])
    return set(_meant(Walk(graph, list(nodes), active)))


def _meant(walk: Walk) -> Iterator[str]:
    for n in walk.nodes:
        if isinstance(n.layer, Control):
            for inside in walk.inside(n):
                yield from _meant(inside)
            continue
        constant = bool(getattr(n.layer, "constant_slots", ())) or any(
            v not in walk.active for v in n.inputs if v in walk.graph.floating
        )
        biased = isinstance(n.layer, Affine) and any(k in ("b", "bias", "shift") for k, _ in n.layer.named_buffers())
        offset = n.kind == "Normalization" and getattr(n.layer, "beta", None) is not None
        if n.kind == "Softmax" or biased or offset or (constant and n.kind in ("Additive", "Routing", "Pooling")):
            yield n.name


def seconds(model: Model, data: Data, units: Mapping[str, list[int]]) -> dict[str, float]:
    """Of one forward pass, and of each method in units of it: the whole `explain` of one output, the better of two."""
    plan = Forward(model.graph, model.graph.inputs, model.graph.outputs, [])
    feeds = prepare(model.inputs, dict(data), model.dtype, model.device)
    native = {n: model.inputs[n].native(x) for n, x in feeds.items()}

    def forward() -> None:
        with torch.inference_mode():
            plan.run(dict(native))

    one = dict([next(iter(units.items()))])
    methods = {"gradient": ox.Gradient(), "deeplift": ox.DeepLift(baseline=baseline(data)), "lrp": ox.LRP()}
    floor = _best(forward, 4)
    found = {"forward": floor}
    for name, method in methods.items():
        try:
            found[name] = _best(lambda m=method: ox.explain(model, data, m, target=one), 2) / floor  # type: ignore[misc]
        except ox.OnnxplainError:
            found[name] = math.nan
    return found


def _best(call: Callable[[], Any], rounds: int) -> float:
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES * 2**30,) * 2)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    path, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.write_text(json.dumps(measured(path)))


if __name__ == "__main__":
    main()
