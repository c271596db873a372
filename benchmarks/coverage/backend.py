"""ONNX's own node tests: how many a runner of models passes, with the official comparison; ours and onnx2torch's.

Weights come as inputs, as the tests are written; and again as initializers, all but the first floating input.
"""

from __future__ import annotations

import os
import pickle
import re
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper

Run = Callable[[Mapping[str, Any]], Sequence[Any]]
#: seconds that one test may take
LIMIT = 60


def onnxplain(model: ModelProto) -> Run:
    import onnxplain as ox

    loaded = ox.load(model, verify="never")
    return lambda feeds: list(loaded.predict(dict(feeds)).values())


def onnx2torch(model: ModelProto) -> Run:
    from .torchvision_nets import importable

    importable()  # it imports torchvision
    import torch
    from onnx2torch import convert

    net = convert(model).eval()

    def run(feeds: Mapping[str, Any]) -> Sequence[Any]:
        with torch.no_grad():
            y = net(*(_tensor(x) for x in feeds.values()))
        return [_array(v) for v in (y if isinstance(y, (tuple, list)) else [y])]

    return run


def _tensor(x: Any) -> Any:
    import torch

    return [_tensor(v) for v in x] if isinstance(x, list) else None if x is None else torch.from_numpy(np.array(x))


def _array(y: Any) -> Any:
    return [_array(v) for v in y] if isinstance(y, (list, tuple)) else y.detach().numpy()


RUNNERS: dict[str, Callable[[ModelProto], Run]] = {"onnxplain": onnxplain, "onnx2torch": onnx2torch}


@dataclass(frozen=True)
class Verdict:
    """`why`: nothing where the test passed. `sort`: what its inputs and outputs hold."""

    name: str
    sort: str
    why: str


def score(runner: str, initializers: bool = False, pattern: str = "") -> list[Verdict]:
    """Every node test in a process of its own, so that none takes the others with it."""
    from onnx.backend.test.loader import load_model_tests

    cases: list[Any] = [c for c in load_model_tests(kind="node") if re.search(pattern, c.name)]
    return [Verdict(c.name, _sort(c.model), _apart(runner, c, initializers)) for c in cases]


def _apart(runner: str, case: Any, initializers: bool) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(LIMIT)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        with os.fdopen(writing, "wb") as out:
            out.write(pickle.dumps(_why(RUNNERS[runner], case, initializers)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as found:
        said = found.read()
    _, status = os.waitpid(child, 0)
    return pickle.loads(said) if said else f"stopped by signal {status & 127}"


def _why(prepare: Callable[[ModelProto], Run], case: Any, initializers: bool) -> str:
    from onnx.backend.test.runner import Runner

    try:
        for inputs, expected in case.data_sets:
            feeds = dict(zip((i.name for i in case.model.graph.input), map(_plain, inputs), strict=False))
            model = ModelProto()
            model.CopyFrom(case.model)
            if initializers:
                feeds = _stored(model, feeds)
            found = list(prepare(model)(feeds))
            Runner.assert_similar_outputs([_plain(y) for y in expected], found, case.rtol, case.atol, None)
    except BaseException as error:  # noqa: BLE001 — why it failed is the result
        return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
    return ""


def _plain(x: Any) -> Any:
    return numpy_helper.to_array(x) if isinstance(x, TensorProto) else x


def _stored(model: ModelProto, feeds: dict[str, Any]) -> dict[str, Any]:
    """All inputs but the first floating one (the first, where none is) as initializers; what is left of the feeds."""
    arrays = {n: x for n, x in feeds.items() if isinstance(x, np.ndarray)}
    data = next((n for n, x in arrays.items() if x.dtype.kind == "f"), next(iter(feeds), None))
    held = {n: x for n, x in arrays.items() if n != data and x.dtype.kind in "fiub"}
    for n, x in held.items():
        model.graph.initializer.append(numpy_helper.from_array(x, n))
    kept = [i for i in model.graph.input if i.name not in held]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    return {n: x for n, x in feeds.items() if n not in held}


_FLOAT = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16}
_SMALL = {
    getattr(TensorProto, n)
    for n in TensorProto.DataType.DESCRIPTOR.values_by_name
    if re.match("BFLOAT16|FLOAT[48]|U?INT[24]$", n)
}


def _sort(model: ModelProto) -> str:
    tensors = [
        v.type.tensor_type.elem_type if v.type.HasField("tensor_type") else 0
        for v in (*model.graph.input, *model.graph.output)
    ]
    if 0 in tensors:
        return "sequences, optionals"
    if TensorProto.STRING in tensors:
        return "text"
    if _SMALL & set(tensors):
        return "bfloat16, 8 and fewer bits"
    floats = [any(v.type.tensor_type.elem_type in _FLOAT for v in vs) for vs in (model.graph.input, model.graph.output)]
    return "floating in and out" if all(floats) else "others"


#: (a test's name or error, why it is left out); the first that is found
REASONS: tuple[tuple[str, str], ...] = (
    ("bernoulli", "drawn by another generator, which ONNX leaves open: its own reference evaluator fails them as well"),
    ("dft_inverse", "where the reference has 2e-7, the rounding of its own algorithm, ours is 0"),
    ("align_corners", "the reference takes a length before it is rounded: we follow onnxruntime, which rounds first"),
    ("if_opt", "an optional value that is made in the graph, and is missing"),
    ("loop16_seq_none", "no runner's result has the type that the test wants"),
)


def reasons(verdicts: Sequence[Verdict]) -> Counter[str]:
    """Why tests are not passed, and how many."""
    return Counter(
        next((why for pattern, why in REASONS if re.search(pattern, f"{v.name} {v.why}")), f"{v.name}: {v.why[:120]}")
        for v in verdicts
        if v.why
    )


def markdown(found: Mapping[tuple[str, bool], Sequence[Verdict]]) -> str:
    """The figures of each runner, weights as inputs and as initializers; and what is left out of ours."""
    columns = list(found)
    head = [f"{runner}, {'initializers' if stored else 'inputs'}" for runner, stored in columns]
    lines = [f"| tests | number | {' | '.join(head)} |", "|---|---|" + "---|" * len(columns)]
    sorts = ["all", *dict.fromkeys(v.sort for v in found[columns[0]])]
    for sort in sorts:
        rows = [[v for v in found[c] if sort in ("all", v.sort)] for c in columns]
        passed = [f"{sum(not v.why for v in r)} ({sum(not v.why for v in r) / len(r):.1%})" for r in rows]
        lines.append(f"| {sort} | {len(rows[0])} | {' | '.join(passed)} |")
    lines += ["", "What onnxplain does not pass, weights as inputs:", "", "| tests | why |", "|---|---|"]
    ours = next(v for (runner, stored), v in found.items() if runner == "onnxplain" and not stored)
    lines += [f"| {n} | {why.replace('|', chr(92) + '|')} |" for why, n in reasons(ours).most_common()]
    return "\n".join([*lines, ""])
