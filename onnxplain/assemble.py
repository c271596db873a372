"""A run's tensors → an Explanation with names, axes and labels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .explanation import Attribution, Explanation
from .methods.run import Results, Runner
from .model import Model
from .specs import axis_names


def assemble(model: Model, runner: Runner, results: Results, axis_labels: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Explanation:
    problem = runner.problem
    labels = {a.name: results.selections[a.name][0].labels for a in problem.asked}
    attributions: dict[tuple[str, str], Attribution] = {}
    for a in problem.asked:
        for name, spec in model.inputs.items():
            parts = results.attributions.get((name, a.name))
            x = runner.context.feeds[name]
            x = x[None] if spec.batch_axis is None else x
            if parts is None:
                values = np.zeros((runner.context.n, *x.shape[1:], len(labels[a.name])), _numpy(model.dtype))
            else:
                values = _numpy_of(parts)
            dims = ("sample", *axis_names(_sizes(spec.sample_shape, x.shape[1:])), "target")
            known = {k: v for k, v in axis_labels.get(name, {}).items() if k in dims and len(v) == values.shape[dims.index(k)]}
            data = x.expand(runner.context.n, *x.shape[1:]) if spec.batch_axis is None else x
            attributions[name, a.name] = Attribution(
                values=values,
                dims=dims,
                labels={**known, "target": labels[a.name]},
                input=name,
                output=a.name,
                connected=parts is not None,
                data=data.cpu().numpy(),
            )
    layers = {}
    for v in problem.layers:
        for a in problem.asked:
            parts = results.layers.get((v, a.name))
            if parts is None:
                continue
            values = _numpy_of(parts)
            dims = ("sample", *axis_names(values.shape[1:-1]), "target")
            layers[v, a.name] = Attribution(values=values, dims=dims, labels={"target": labels[a.name]}, input=v, output=a.name)
    audit: Any = None
    from .methods.audit import audit_rows

    audit = partial(_audit, runner, audit_rows)
    return Explanation(
        attributions=attributions,
        layer_attributions=layers,
        predictions={k: _numpy_of(v) for k, v in results.predictions.items()},
        goals={k: _numpy_of(v) for k, v in results.goals.items()},
        sums={k: _numpy_of(v) for k, v in results.sums.items()},
        target_units={k: np.concatenate([s.units() if s.terms else np.full((len(results.predictions[k][i]), 1), -1) for i, s in enumerate(v)]) for k, v in results.selections.items()},
        target_labels=labels,
        method=repr(runner.method),
        complete=runner.method.promise is not None,
        model=model.name,
        notes=_notes(runner),
        rules={n: repr(r) for n, r in problem.rules.items()},
        audit_source=audit,
    )


def _audit(runner: Runner, rows: Any) -> list[dict[str, Any]]:
    with torch.inference_mode():
        return rows(runner)


def _notes(runner: Runner) -> tuple[str, ...]:
    notes = [
        f"output {x.output!r} is explained before its {x.skipped} (node {x.node!r})"
        for x in runner.problem.explained.values()
        if x.skipped
    ]
    reached = {i for s in runner.problem.sources for i in s.inputs}
    boundary = {i: s.value for s in runner.problem.sources for i in s.inputs if s.value != i}
    notes += [f"integer input {i!r} is explained at the floating value {v!r} computed from it" for i, v in boundary.items()]
    notes += [f"input {i!r} leads to no floating value: it gets no attribution" for i in runner.problem.inputs if i not in reached]
    if runner.method.n_walks(runner.prepared) > 1:
        notes.append(f"seed {runner.context.seed}")
    return tuple(notes)


def _numpy_of(parts: list[Tensor]) -> np.ndarray:
    t = parts[0] if len(parts) == 1 else torch.cat(parts)
    return np.ascontiguousarray(t.cpu().numpy())


def _numpy(dtype: torch.dtype) -> Any:
    return np.float64 if dtype == torch.float64 else np.float32


def _sizes(spec: tuple[int | None, ...], actual: Any) -> tuple[int | None, ...]:
    return tuple(actual) if len(spec) != len(actual) else tuple(a for a in actual)
