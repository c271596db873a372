"""One forward pass beside onnxruntime's: outputs first; where they differ, the first value that does."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .data import WIDENED
from .errors import InputError, VerificationError, first_line
from .frontend.runtime import is_half, parse, session, with_outputs
from .frontend.strings import decoded
from .layers.encoding.look_up import LookUp
from .layers.encoding.one_hot import OneHotEncoder
from .precision import products
from .specs import Spec

if TYPE_CHECKING:
    from .model import Model

#: largest difference allowed, relative to the largest value of the output
RTOL = 1e-4
#: how much farther than ours onnxruntime's rounding may stray from double precision
ROUNDING = 10
#: and how far ours may stray where onnxruntime's does not
OWN_ROUNDING = 1e-2
#: and what a few steps of 8 bits come to, where a last digit decides to which of two a number is rounded
ROUNDED = 5e-2
#: sizes tried for free axes that hold no samples
GUESSES = (32, 8, 64, 224)
#: integers are drawn below one of these: the larger says more, the smaller fits any embedding
INTEGERS = (50, 2)


def verify(model: Model, data: Any = None, strict: bool = False) -> bool:
    """Raises `VerificationError` where an output differs by more than 1e-4 of its largest value. False: not compared
    (no data could be made up, or onnxruntime cannot run the model); with `strict` that raises, too."""
    from .data import prepare

    if model.source is None:
        return _skip(strict, "its file is not kept in memory: it is too large (2 GB), or was loaded with verify='never'")
    if names := model.raw.draws:
        return _skip(strict, f"it draws random numbers, at nodes {list(names)[:3]}: here the same at every call, there others")
    if odd := [n for n, s in (*model.inputs.items(), *model.outputs.items()) if s.sequence or s.optional]:
        return _skip(strict, f"{odd[:3]} are no tensors but sequences or optional values")
    try:
        runtime = session(model.source, once=True)
    except Exception as error:  # noqa: BLE001 — onnxruntime's errors have no common base
        return _skip(strict, f"onnxruntime cannot open the model: {first_line(error)}")
    tries = [prepare(model.inputs, data, model.dtype, model.device)] if data is not None else _made_up(model)
    reason = "no example data could be made up for its free axes: pass example="
    for feeds in tries:
        native = {n: model.inputs[n].native(x) for n, x in feeds.items()}
        try:
            expected = dict(zip(model.outputs, runtime.run(list(model.outputs), _typed(runtime, model, native)), strict=True))
        except Exception as error:  # noqa: BLE001 — as above
            reason = f"onnxruntime cannot run the model on example data: {first_line(error)}"
            continue
        if any(y.size == 0 for y in expected.values()):
            continue
        try:
            with products("float32", model.device):
                ours = {o: y.cpu().numpy() for o, y in model.forward(feeds).items()}
        except InputError as error:
            reason = f"onnxruntime runs the model on example data, this library does not: {error}"
            strict = True
            continue
        _compare(model, feeds, native, expected, ours)
        return True
    return _skip(strict, reason)


def fits(model: Model, data: Any) -> bool:
    """Whether these are data for the model, in the number of samples that it insists on."""
    from .data import n_samples, prepare

    try:
        feeds = prepare(model.inputs, data, model.dtype, model.device)
    except InputError:
        return False
    return model.fixed_rows in (None, n_samples(model.inputs, feeds))


def _skip(strict: bool, reason: str) -> bool:
    if strict:
        raise VerificationError(reason)
    warnings.warn(f"the model was not verified against onnxruntime: {reason}", UserWarning, stacklevel=4)
    return False


def _made_up(model: Model) -> list[dict[str, torch.Tensor]]:
    """Example feeds: small normal numbers; integers 0 and 1; free axes at a few sizes."""
    out = []
    generator = torch.Generator().manual_seed(0)
    integers = any(not s.floating for s in model.inputs.values())
    # one input that insists on a number of samples sets it for all
    fixed = next((s.fixed_batch for s in model.inputs.values() if s.fixed_batch), 2)
    for guess, top in itertools.product(GUESSES, INTEGERS if integers else INTEGERS[:1]):
        feeds = {}
        for n, s in model.inputs.items():
            if not s.rank_known:
                return []
            rows = s.fixed_batch or fixed
            shape = [rows, *(guess if d is None else d for d in s.sample_shape)] if s.batch_axis is not None else [
                guess if d is None else d for d in s.shape
            ]
            known = _looked_up(model, n)
            if known is not None:
                feeds[n] = known[torch.randint(0, len(known), shape, generator=generator)].to(_integer(s))
            elif s.floating:
                feeds[n] = (torch.randn(shape, generator=generator) / 2).to(model.dtype)
            else:
                feeds[n] = torch.randint(0, 2 if s.dtype == "bool" else top, shape, generator=generator).to(_integer(s))
        out.append({n: x.to(model.device) for n, x in feeds.items()})
        if top == INTEGERS[-1 if integers else 0] and all(d is not None for s in model.inputs.values() for d in s.sample_shape):
            break
    return out


def _looked_up(model: Model, name: str) -> torch.Tensor | None:
    """What may be given as an input that is text, or that is looked up in a table: an encoder refuses anything else."""
    spec = model.inputs[name]
    tables = [n.layer for n in model.raw.consumers[name] if isinstance(n.layer, (LookUp, OneHotEncoder))]
    if tables and not spec.floating:
        return torch.cat([t.known for t in tables]).cpu()
    return torch.tensor(sorted(spec.texts) or [0]) if spec.dtype == "string" else None


def _integer(s: Spec) -> torch.dtype:
    return WIDENED.get(s.dtype) or getattr(torch, "int64" if s.dtype == "string" else s.dtype)


_ORT_TYPES = {"float": np.float32, "double": np.float64, "float16": np.float16, "bfloat16": np.float32}


def _typed(runtime: Any, model: Model, feeds: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """What onnxruntime is given: these data, and the weights that it asks for."""
    weights = {} if model.source is None else model.source.weights
    out = {}
    for i in runtime.get_inputs():
        if (w := weights.get(i.name)) is not None and i.name not in feeds:
            out[i.name] = w.numpy()
            continue
        kind = i.type.removeprefix("tensor(").removesuffix(")")
        x = feeds[i.name].cpu().numpy()
        out[i.name] = decoded(x, model.inputs[i.name].texts) if kind == "string" else x.astype(_ORT_TYPES.get(kind, kind))
    return out


def relative_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """max |a − b| / max |b|; infinite where shapes, or what is finite, differ."""
    if ours.shape != theirs.shape:
        return float("inf")
    if theirs.dtype.kind != "f":
        return float(np.mean(ours != theirs)) if ours.size else 0.0
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    same = np.isfinite(a) == np.isfinite(b)
    if not same.all() or not np.array_equal(a[~np.isfinite(a)], b[~np.isfinite(b)], equal_nan=True):
        return float("inf")
    finite = np.isfinite(b)
    if not finite.any():
        return 0.0
    return float(np.abs(a - b)[finite].max() / max(np.abs(b[finite]).max(), 1e-12))


def _compare(
    model: Model,
    feeds: Mapping[str, torch.Tensor],
    native: Mapping[str, torch.Tensor],
    expected: Mapping[str, np.ndarray],
    ours: Mapping[str, np.ndarray],
) -> None:
    # quantised numbers are carried as floating ones, and compared as such
    expected = {o: y.astype(np.float64) if o in model.graph.floating and y.dtype.kind in "iu" else y for o, y in expected.items()}
    worst = {o: relative_difference(ours[o], expected[o]) for o in expected}
    limit = RTOL
    if max(worst.values(), default=0.0) > RTOL and model.source is not None and is_half(model.source):
        limit = 2e-2  # such models are computed in single precision here: they agree as far as half precision goes
    wrong = {o: d for o, d in worst.items() if d > limit and expected[o].dtype.kind == "f"}
    if not wrong or _rounding_explains(model, native, expected, ours, wrong):
        return
    if model.graph.rounds and max(wrong.values()) <= ROUNDED:
        return
    output, difference = next(iter(wrong.items()))
    raise VerificationError(
        f"output {output!r} differs from onnxruntime's by {difference:.2g} of its largest value (allowed {limit:g}); "
        f"{_first_difference(model, feeds, native, limit)}. Please report this model; verify='never' loads it all the same"
    )


def _rounding_explains(
    model: Model,
    native: Mapping[str, torch.Tensor],
    expected: Mapping[str, np.ndarray],
    ours: Mapping[str, np.ndarray],
    wrong: Mapping[str, float],
) -> bool:
    """Whether the model is so sensitive on these data that single precision alone makes such differences: both results
    then lie about as far from the same graph in double precision, where rewriting it changes nothing."""
    if model.dtype == torch.float64 or model.source is None:
        return False
    from .frontend.build import build
    from .frontend.passes import simplify
    from .graph.plan import Forward

    graph = build(parse(model.source), dtype=torch.float64, weights=model.source.weights).graph
    feeds = {n: x.cpu().double() if x.is_floating_point() else x.cpu() for n, x in native.items()}
    with torch.inference_mode():
        traces = [Forward(g, g.inputs, g.outputs, []).run(feeds) for g in (graph, simplify(graph))]
    exact, rewritten = ({o: t[o].numpy() for o in wrong} for t in traces)
    own = {o: relative_difference(ours[o], exact[o]) for o in wrong}
    theirs = {o: relative_difference(expected[o], exact[o]) for o in wrong}
    return all(
        theirs[o] <= max(RTOL, ROUNDING * own[o])
        and own[o] <= max(OWN_ROUNDING, ROUNDING * theirs[o])
        and relative_difference(rewritten[o], exact[o]) <= RTOL
        for o in wrong
    )


def _first_difference(model: Model, feeds: Mapping[str, torch.Tensor], native: Mapping[str, torch.Tensor], limit: float) -> str:
    """Every internal value from both sides; the first, in graph order, that differs."""
    from .graph.plan import Forward

    assert model.source is not None
    source, values = with_outputs(model.source, [v for n in model.raw.nodes for v in n.outputs if v in model.raw.floating])
    try:
        runtime = session(source, once=True)
        theirs = dict(zip(values, runtime.run(values, _typed(runtime, model, native)), strict=True))
        with torch.inference_mode():
            trace = Forward(model.raw, model.raw.inputs, values, None).run(dict(native))
    except Exception as error:  # noqa: BLE001 — the search is a help; the mismatch is raised all the same
        return f"the first value that differs could not be found ({first_line(error)})"
    for v in values:
        if not isinstance(trace[v], torch.Tensor):  # a sequence
            continue
        d = relative_difference(trace[v].cpu().numpy(), theirs[v])
        if d > limit:
            n = model.raw.producer[v]
            return f"the first value that differs is {v!r}, by {d:.2g}, made by node {n.name!r} ({n.op})"
    return "no internal value differs by as much"
