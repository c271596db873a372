"""`explain` for methods that only call the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import InputError, ModelError, VerificationError
from ..explanation import Attribution, Explanation
from ..methods.blackbox.base import BlackBoxMethod
from ..methods.blackbox.driver import Driver
from ..methods.chunks import Need, bytes_from, sizes
from ..model import Model
from ..sources import is_converted, takes_arrays
from ..specs import axis_names
from .model import BlackBox
from .predictor import UNKNOWN, Predictor, input_labels_of
from .replacements import find_replacements
from .session import from_model
from .targets import Asked, finite, resolve_all


def explain(
    model: Any,
    data: Any,
    method: BlackBoxMethod,
    target: Any,
    chunk_size: Any,
    max_memory: Any,
    seed: int,
    load: Callable[..., Model],
    progress: Callable[[int], Any],
) -> Explanation:
    """As `onnxplain.explain`; `progress` makes a bar for a number of samples, or None."""
    if data is None:
        raise InputError(f"{method!r} needs data")
    predictor = find_predictor(model, data, load)
    x, n = predictor.feeds(data)
    changed = _changed(method, predictor)
    rows = _rows(predictor, x, chunk_size, max_memory)
    runs = []
    for start in range(0, n, rows):
        at = slice(start, min(start + rows, n))
        runs.append(predictor.outputs({i: v if i in predictor.held else v[at] for i, v in x.items()}))
    asked = resolve_all(predictor, target, runs, n)

    def values_of(outputs: Mapping[str, np.ndarray], samples: np.ndarray) -> np.ndarray:
        return finite(np.concatenate([a.read(predictor, outputs, samples) for a in asked], axis=1), samples)

    starts = np.cumsum([0, *(len(next(iter(r.values()))) for r in runs)])
    full = np.concatenate([values_of(r, np.arange(a, b)) for r, a, b in zip(runs, starts[:-1], starts[1:], strict=True)])
    del runs
    bar = progress(n)
    driver = Driver(
        method=method,
        x={i: v for i, v in x.items() if i not in predictor.held},
        fixed={i: x[i] for i in predictor.held},
        changed=changed,
        axes={i: predictor.inputs[i].axes for i in changed},
        replacements=find_replacements(method, predictor, {i: x[i] for i in changed}, data, seed),
        full=full,
        evaluate=lambda feeds, samples: values_of(predictor.outputs(feeds), samples),
        rows=rows,
        seed=seed,
        done=bar,
    )
    try:
        return _assemble(predictor, driver, asked, data, n)
    finally:
        if bar is not None:
            bar.close()


def find_predictor(model: Any, data: Any, load: Callable[..., Model]) -> Predictor:
    """A file that cannot be loaded for its operators is run as it is."""
    if isinstance(model, Model):
        return from_model(model, data)
    if is_converted(model) and not takes_arrays(model):  # most frameworks' models can be called too, but not with arrays
        return from_model(load(model, example=data), data)
    if isinstance(model, BlackBox) or callable(model):
        return (model if isinstance(model, BlackBox) else BlackBox(model)).predictor(data)
    try:
        loaded = load(model)
    except (ModelError, VerificationError) as error:
        if hasattr(model, "seek"):
            model.seek(0)
        try:
            return BlackBox(model).predictor(data)
        except ModelError:
            raise error from None
    return from_model(loaded, data)


def _changed(method: BlackBoxMethod, predictor: Predictor) -> tuple[str, ...]:
    free = tuple(i for i in predictor.inputs if i not in predictor.held)
    wanted = free if method.inputs is None else tuple(method.inputs)
    if unknown := [i for i in wanted if i not in free]:
        raise InputError(f"{method!r} cannot change inputs {unknown}; those with samples are {list(free)}")
    if not wanted:
        raise InputError(f"{method!r} changes no input: those with samples are {list(free)}")
    return tuple(i for i in free if i in wanted)


def _rows(predictor: Predictor, x: Mapping[str, np.ndarray], chunk_size: Any, max_memory: Any) -> int:
    """Rows of one forward pass: as many as fit, with their masks and replacements."""
    row = sum(v[0].nbytes for i, v in x.items() if i not in predictor.held)
    need = Need(4 * row + (UNKNOWN * row if predictor.need is None else predictor.need), 0)
    fit = sizes(need, 1, 1, chunk_size, bytes_from(max_memory), None).fit
    return min(fit, predictor.most) if isinstance(chunk_size, str) else fit


def _assemble(predictor: Predictor, driver: Driver, asked: list[Asked], data: Any, n: int) -> Explanation:
    method, full = driver.method, driver.full
    ends = np.cumsum([0, *(a.selection.n_targets for a in asked)])
    columns = {a.name: slice(b, e) for a, b, e in zip(asked, ends[:-1], ends[1:], strict=True)}
    values = {(i, a.name): np.zeros((*driver.x[i].shape, a.selection.n_targets), predictor.dtype) for a in asked for i in driver.changed}
    goals, sums = np.full_like(full, np.nan), np.zeros_like(full)
    for s, shares in driver.run():
        for i, share in shares.values.items():
            sums[s] += share.reshape(-1, share.shape[-1]).sum(0)
            for a in asked:
                values[i, a.name][s] = share[..., columns[a.name]]
        if shares.empty is not None:
            goals[s] = full[s] - shares.empty
    labels = input_labels_of(predictor.inputs, data)
    attributions = {}
    for a in asked:
        for i, spec in predictor.inputs.items():
            x = driver.x[i] if i in driver.x else np.broadcast_to(driver.fixed[i], (n, *driver.fixed[i].shape))
            dims = ("sample", *axis_names(x.shape[1:], spec.axes), "target")
            known = {k: v for k, v in labels[i].items() if k in dims and len(v) == x.shape[dims.index(k)]}
            found = values.get((i, a.name))
            attributions[i, a.name] = Attribution(
                values=np.zeros((*x.shape, a.selection.n_targets), predictor.dtype) if found is None else found,
                dims=dims,
                labels={**known, "target": a.selection.labels},
                input=spec.name,
                output=a.name,
                connected=found is not None,
                data=x if x.dtype.kind in "iufb" else None,
            )
    notes = [f"input {i!r} is left as it is" for i in predictor.inputs if i not in driver.changed]
    notes += [f"seed {driver.seed}"] if method.random else []
    return Explanation(
        attributions=attributions,
        predictions={a.name: full[:, columns[a.name]] for a in asked},
        goals={a.name: goals[:, columns[a.name]] for a in asked},
        sums={a.name: sums[:, columns[a.name]] for a in asked},
        target_units={a.name: a.selection.units(n) for a in asked},
        target_labels={a.name: a.selection.labels for a in asked},
        method=repr(method),
        complete=method.promise is not None,
        model=predictor.name,
        notes=tuple(notes),
    )
