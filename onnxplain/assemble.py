"""A run's tensors → an Explanation with names, axes and labels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from .columns import texts
from .data import by_input
from .explanation import Attribution, Explanation
from .methods.audit import audit_rows
from .methods.results import Results, arrays, as_array
from .methods.run import Runner
from .model import Model
from .specs import axis_names


def assemble(
    model: Model, runner: Runner, results: Results, axis_labels: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> Explanation:
    """`axis_labels`: coordinates by input and axis."""
    problem, n = runner.problem, runner.context.n
    of_inputs, of_layers = arrays(results.attributions), arrays(results.layers)
    attributions: dict[tuple[str, str], Attribution] = {}
    for asked in (a.name for a in problem.asked):
        targets = results.labels[asked]
        for name, spec in model.inputs.items():
            x = runner.context.feeds[name]
            x = x[None].expand(n, *x.shape) if spec.batch_axis is None else x
            found = of_inputs.get((name, asked))
            shape = tuple(x.shape)
            dims = ("sample", *axis_names(shape[1:], spec.axes), "target")
            known = {k: v for k, v in axis_labels.get(name, {}).items() if k in dims and len(v) == shape[dims.index(k)]}
            attributions[name, asked] = Attribution(
                values=_zeros(x, len(targets), model) if found is None else found,
                dims=dims,
                labels={**known, "target": targets},
                input=name,
                output=asked,
                connected=found is not None,
                data=_texts(runner, name, shape) if spec.dtype == "string" else as_array(x),
            )
    layers = {
        (v, asked): Attribution(
            values=values,
            dims=("sample", *axis_names(values.shape[1:-1]), "target"),
            labels={"target": results.labels[asked]},
            input=v,
            output=asked,
        )
        for (v, asked), values in of_layers.items()
    }
    return Explanation(
        attributions=attributions,
        layer_attributions=layers,
        predictions=results.predictions,
        goals=results.goals,
        sums=results.sums,
        target_units=results.units,
        target_labels=results.labels,
        method=repr(runner.method),
        complete=runner.method.promise is not None,
        model=model.name,
        notes=_notes(runner),
        rules=dict(problem.said),
        audit_source=partial(_audit, runner),
    )


def _zeros(x: torch.Tensor, targets: int, model: Model) -> np.ndarray:
    return np.zeros((*x.shape, targets), np.float64 if model.dtype == torch.float64 else np.float32)


def _texts(runner: Runner, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The texts that an input was given, samples first."""
    given, spec = texts(by_input(runner.problem.inputs, runner.context.data)[name]).astype(str), runner.problem.inputs[name]
    if spec.batch_axis is None:
        return np.broadcast_to(given, shape)
    return np.moveaxis(given, spec.batch_axis, 0)


def _audit(runner: Runner) -> list[dict[str, Any]]:
    with torch.inference_mode():
        return audit_rows(runner)


def _notes(runner: Runner) -> tuple[str, ...]:
    notes = (*runner.problem.notes, *runner.method.notes(runner.problem))
    return (*notes, f"seed {runner.context.seed}") if runner.method.draws else notes
