"""The two verbs: `load` a model, `explain` its predictions."""

from __future__ import annotations

import math
import os
import secrets
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .assemble import assemble
from .columns import is_table
from .data import frame_labels, n_samples, prepare
from .errors import InputError, first_line
from .explanation import Explanation
from .free_rows import for_many
from .frontend.build import build
from .frontend.passes import simplify
from .frontend.read import read_file
from .frontend.runtime import verifiable
from .graph.graph import Graph
from .graph.sources import filled_in
from .methods.base import Method
from .methods.blackbox.base import BlackBoxMethod
from .methods.context import Context
from .methods.heads import at_named_units
from .methods.layer_names import is_pattern
from .methods.problem import compile_problem
from .methods.run import Runner
from .methods.sums import NonFinite
from .methods.table import method_from
from .model import Model
from .precision import checked_precision, products
from .result import checks
from .sources import as_onnx, is_converted
from .specs import Spec, batch_axes, input_labels, labels_for, make_spec, named_axes, stored_labels

#: share of LRP's relevance below which its attributions are hardly meaningful
LEFT = 0.01
#: part of f(x) − f(baseline) that attributions may miss without a warning
INCOMPLETE = 1e-3
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def load(
    source: Any,
    *,
    example: Any = None,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    batch_axis: int | None | Mapping[str, int | None] = None,
    input_labels: Any = None,
    output_labels: Any = None,
    dtype: Any = "float32",
    device: str | torch.device = "cpu",
    precision: str = "float32",
    verify: str = "auto",
    options: Mapping[str, Any] | None = None,
) -> Model:
    """A model from a path, bytes, a file object or an `onnx.ModelProto`; or from another framework's object or file (an R
    neuralnet's .rds, a dict of layers), which becomes ONNX first.

    `inputs`/`outputs` cut the graph at named values. `batch_axis`: the axis that holds the samples, for all values or
    by name (None: a value without samples); by default axis 0, or the axis with the first input's batch symbol.
    `input_labels`/`output_labels`: names of features/classes; a list, or a dict by name (and by axis).
    `verify`: "auto" compares one forward pass (on `example`, or on made-up data) with onnxruntime's and raises
    `VerificationError` beyond 1e-4 relative, warning where that is impossible; "always" raises there too; "never".
    `precision`: how many digits of float32 factors products read: "float32", all of them; "tf32" (GPUs) and "bfloat16" (CPUs
    that have it) are faster, see the documentation's page on devices. Verification always reads all.
    `options`: of the framework's converter, such as {"activation": "softplus"}.

    Raises `ModelError` (unreadable), `UnsupportedOpError` (lists all operators without a layer), `VerificationError`,
    `ConverterError`.
    """
    if isinstance(source, Model):
        given = (example, inputs, outputs, batch_axis, input_labels, output_labels, options)
        if any(o is not None for o in given) or (dtype, str(device), precision, verify) != ("float32", "cpu", "float32", "auto"):
            raise InputError("this is a loaded model: give load's options where the file itself is loaded")
        return source
    if verify not in ("auto", "always", "never"):
        raise InputError(f"verify={verify!r}: it is 'auto', 'always' or 'never'")
    real_dtype, real_device = _dtype(dtype), _device(device)
    file = read_file(as_onnx(source, example, options, batch_axis))
    proto = file.proto
    graph_name = proto.graph.name
    built = build(proto, inputs, outputs, real_dtype, file.weights)
    raw = _placed(built.graph, real_device)
    graph = _placed(simplify(raw), real_device)
    metadata = {m.key: m.value for m in proto.metadata_props}
    chosen = batch_axis is not None
    if batch_axis is None and (stored := stored_labels(metadata, "batch_axis")):
        batch_axis = {n: axis for n, axis in stored.items() if n in raw.inputs or n in raw.outputs}
    axes = batch_axes(raw.inputs, raw.outputs, built.types, batch_axis)
    texts = built.texts if built.texts.read else dict(built.texts)
    missing = {i for inputs in filled_in(graph).values() for i in inputs}
    of_inputs = labels_for(input_labels, raw.inputs, "input_labels") or stored_labels(metadata, "input_labels") or {}
    layout = stored_labels(metadata, "axes") or {}
    of_outputs = labels_for(output_labels, raw.outputs, "output_labels") or stored_labels(metadata, "output_labels") or {}
    model = Model(
        name=_name(source, graph_name),
        raw=raw,
        graph=graph,
        inputs={
            n: _labelled(named_axes(make_spec(n, built.types.get(n), axes[n], texts, n in missing), layout.get(n), chosen), of_inputs.get(n))
            for n in raw.inputs
        },
        outputs={
            n: named_axes(make_spec(n, built.types.get(n), None if n in raw.constants else axes[n], texts), layout.get(n), chosen)
            for n in raw.outputs
        },
        dtype=real_dtype,
        device=real_device,
        opset=built.opset,
        source=verifiable(file, built) if verify != "never" else None,
        labels={o: tuple(map(str, labels)) for o, labels in of_outputs.items() if o in raw.outputs},
        precision=checked_precision(precision, real_dtype, real_device),
    )
    _check_output_labels(model)
    if verify != "never":
        from .verify import fits
        from .verify import verify as run

        # a converter has used the example; it may hold more than tensors, or other samples than a fixed number of them
        shown = None if is_converted(source) and not fits(model, example) else example
        run(model, shown, strict=verify == "always")
    return model


def explain(
    model: Any,
    data: Any = None,
    method: str | Method = "lrp",
    *,
    target: Any = "predicted",
    layers: Sequence[str] = (),
    chunk_size: Any = "auto",
    max_memory: Any = None,
    progress: bool | str = "auto",
    seed: int | None = None,
    compile: bool = False,
) -> Explanation:
    """Attributions of `data` for `target` by `method`.

    `model`: what `load` gave, or anything it takes; for methods that only call the model also a function, or a
    `BlackBox`. `data`: one array (single input), a dict by input name, a tuple in input order, a DataFrame for a tabular
    input, torch tensors, DLPack objects; samples on the model's sample axis.
    `target`: "predicted", "all", a unit (number, label, or a position tuple), a list of units, `PerSample`, `Contrast`,
    `Top`, {output: any of these}, or a callable of the outputs that gives one value per sample.
    `layers`: internal values that get attributions as well, by name or pattern ("encoder/*"), or "all".
    `chunk_size`: samples per walk, or (samples, targets); the numbers do not depend on it. `max_memory`: bytes, or "2GB". `seed`: for methods that draw random numbers. `compile`: plans go through torch.compile, each from the second
    time on that its shapes are met; compiling takes minutes, for many calls on data of one shape (methods that walk only).

    Raises `InputError`, `TargetError`, `RuleError`.
    """
    chosen = method_from(method)
    names = [layers] if isinstance(layers, str) else layers
    if not isinstance(names, (list, tuple)) or not all(isinstance(v, str) for v in names):
        raise InputError(f"layers={layers!r}: give a list of names of internal values")
    if isinstance(chosen, BlackBoxMethod):
        from .black_box.explain import explain as black_box

        if names:
            raise InputError(f"{chosen!r} only calls the model: it knows no internal values {list(names)}")
        if compile:
            raise InputError(f"compile=True is for methods that walk; {chosen!r} only calls the model, in onnxruntime")
        bar_for = partial(_progress, progress, method=chosen)
        return black_box(model, data, chosen, target, chunk_size, max_memory, _seed(seed), load, bar_for)
    model = model if isinstance(model, Model) else load(model, example=data if is_converted(model) else None)
    with products(model.precision, model.device):
        return _explained(model, data, chosen, target, names, chunk_size, max_memory, progress, _seed(seed), compile)


def _explained(
    model: Model,
    data: Any,
    chosen: Method,
    target: Any,
    names: Sequence[str],
    chunk_size: Any,
    max_memory: Any,
    progress: bool | str,
    seed: int,
    compile: bool,
) -> Explanation:
    """What `explain` gives, by a method that walks."""
    feeds, given = _feeds(model, data, chosen)
    n = n_samples(model.inputs, feeds)
    if n > 1 or chosen.walks_often():
        model = for_many(model, feeds)
    exact = [v for v in (*names, *chosen.values()) if not is_pattern(v, model.raw.values)]
    graph = model.graph_with(exact, chosen.preset.merged)
    context = Context(
        specs=model.inputs,
        graph=graph,
        feeds=feeds,
        n=n,
        dtype=model.dtype,
        device=model.device,
        seed=seed,
        sources_of=lambda f: problem.sources_of(f),
        data=given,
    )
    chosen = chosen.fitted(context)
    problem = compile_problem(graph, model.inputs, model.outputs, chosen, target, names, context)
    if compile:
        problem = problem.compiled()
    walked = problem if compile else at_named_units(problem, chosen, model.labels)
    with torch.inference_mode():
        prepared = chosen.prepare(context)
        bar = _progress(progress, context.n * chosen.n_walks(prepared), chosen)
        runner = Runner(problem, chosen, context, prepared, model.labels, chunk_size, max_memory, bar)
        try:
            results = (runner if walked is problem else replace(runner, problem=walked)).run()
        except NonFinite as error:
            from .methods.audit import not_finite

            raise not_finite(runner, str(error)) from error
        finally:
            if bar is not None:
                bar.close()
    e = assemble(model, runner, results, _axis_labels(model, given))
    _warn_incomplete(e, chosen)
    return e


class _Bar:
    """A tqdm bar that the driver advances."""

    def __init__(self, total: int, label: str) -> None:
        from tqdm import tqdm

        self.bar = tqdm(total=total, desc=label, unit="walk", leave=False)

    def __call__(self, n: int) -> None:
        self.bar.update(n)

    def close(self) -> None:
        self.bar.close()


def _progress(progress: bool | str, total: int, method: Method) -> _Bar | None:
    if not isinstance(progress, (bool, str)) or progress not in (True, False, "auto"):
        raise InputError(f"progress={progress!r}: it is True, False or 'auto'")
    if progress is False or (progress == "auto" and (total <= 1 or not sys.stderr.isatty())):
        return None
    return _Bar(total, type(method).__name__)


def _feeds(model: Model, data: Any, method: Method) -> tuple[dict[str, torch.Tensor], Any]:
    if data is not None:
        return prepare(model.inputs, data, model.dtype, model.device), data
    if method.needs_data:
        raise InputError(f"{method!r} needs data; the model's inputs are " + ", ".join(f"{s.name!r} {s.described()}" for s in model.inputs.values()))
    made = {}
    for n, s in model.inputs.items():
        shape = (1, *s.sample_shape) if s.batch_axis is not None else s.shape
        known = [d for d in shape if d is not None]
        if len(known) < len(shape) or not s.rank_known:
            raise InputError(f"{method!r} without data: input {n!r} has free axes, {s.described()}; give data for its shape")
        made[n] = torch.zeros(known, dtype=model.dtype if s.floating else torch.int64, device=model.device)
    return made, None


def _seed(seed: int | None) -> int:
    if seed is None:
        return secrets.randbits(32)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"seed={seed!r}: give a whole number >= 0, or None")
    return int(seed)


def _dtype(dtype: Any) -> torch.dtype:
    name = str(dtype).removeprefix("torch.").removeprefix("<class 'numpy.").removesuffix("'>")
    name = {"float": "float32", "double": "float64"}.get(name, name)
    if name not in DTYPES:
        raise InputError(f"dtype={dtype!r}: models are computed in 'float32' or 'float64'")
    return DTYPES[name]


def _device(device: str | torch.device) -> torch.device:
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        raise InputError(f"device={device!r} cannot be used here: {first_line(error)}") from error
    return found


def _name(source: Any, graph_name: str) -> str:
    return Path(source).name if isinstance(source, (str, os.PathLike)) else graph_name or "model"


def _placed(graph: Graph, device: torch.device) -> Graph:
    """The graph on this device; what was built is on the CPU."""
    return graph if device.type == "cpu" else graph.to(device)


def _labelled(spec: Spec, labels: Any) -> Spec:
    return replace(spec, labels=input_labels(labels, spec.name, spec.sample_shape, spec.axes)) if labels is not None else spec


def _check_output_labels(model: Model) -> None:
    for o, labels in (model.labels or {}).items():
        shape = model.outputs[o].sample_shape
        known = [d for d in shape if d is not None]
        size = math.prod(known) if len(known) == len(shape) else None
        last = shape[-1] if shape else None
        if size is not None and model.outputs[o].rank_known and model.outputs[o].floating and len(labels) not in (size, last):
            raise InputError(f"{len(labels)} labels for output {o!r}, which has {size} units")


def _axis_labels(model: Model, data: Any) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Input labels by axis; a table's own column names where the model has none."""
    if isinstance(data, (np.ndarray, torch.Tensor)):
        return {n: s.labels for n, s in model.inputs.items()}
    if is_table(data) and len(model.inputs) > 1:  # a column per input, which is its feature
        return {n: {"feature": (n,), **s.labels} for n, s in model.inputs.items()}
    out = {n: dict(s.labels) for n, s in model.inputs.items()}
    given = data if isinstance(data, Mapping) else dict(zip(model.inputs, data, strict=False)) if isinstance(data, tuple) else {next(iter(model.inputs)): data}
    for n, x in given.items():
        if n in model.inputs and (columns := frame_labels(x, model.inputs[n])) is not None:
            out[n]["feature"] = columns
    return out


def _warn_lost(e: Explanation) -> None:
    """Relevance that shrinks to nothing on the way is no error of a rule, but hardly what was meant."""
    if checks.mostly_left(e.sums, e.goals, LEFT):
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        left = [np.abs(e.sums[o] / e.goals[o]) for o in e.goals if np.isfinite(e.goals[o]).all() and e.goals[o].any()]
    if left and max(float(np.nanmedian(share)) for share in left) < LEFT:
        warnings.warn(
            f"{e.method}: less than {LEFT:.0%} of the relevance reached the inputs, the rest went to biases and the like "
            "(e.audit() shows where); composites take bias='ignore', which keeps it",
            UserWarning,
            stacklevel=5,
        )


def _warn_incomplete(e: Explanation, method: Method) -> None:
    if method.convention is not None:
        return  # what another library leaves incomplete is its own
    if method.promise == "conserving" and not method.values():  # what a condition stops is meant to be lost
        _warn_lost(e)
    if method.promise not in ("exact", "approximate") or checks.near(e.sums, e.goals, INCOMPLETE):
        return
    worst = max((float(np.nanmax(np.abs(d))) for d in e.delta.values() if np.isfinite(d).any()), default=0.0)
    if worst > INCOMPLETE:
        hint = "take more n_steps" if method.promise == "approximate" else "e.audit() shows where it was lost"
        warnings.warn(
            f"{method!r}: attributions miss f(x) − f(baseline) by up to {worst:.2g} of it; {hint}", UserWarning, stacklevel=4
        )
