"""The recorded runs of innsight 0.3.2 (tests/golden/innsight/README.md) and the same calls of `onnxplain.innsight`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from onnxplain import innsight

FOLDER = Path(__file__).parent.parent / "golden" / "innsight"
CASES: dict[str, dict[str, Any]] = {c["name"]: c for c in json.loads((FOLDER / "cases.json").read_text())["cases"]}
RUN = {
    "Gradient": innsight.run_grad,
    "SmoothGrad": innsight.run_smoothgrad,
    "IntegratedGradient": innsight.run_intgrad,
    "DeepLift": innsight.run_deeplift,
    "DeepSHAP": innsight.run_deepshap,
    "LRP": innsight.run_lrp,
    "ConnectionWeights": innsight.run_cw,
}
#: where innsight itself rounds the weights it is given
ROUNDED = ("dense_f64_weights_rarray",)


@cache
def arrays(case: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{case}.npz") as z:
        return {k: z[k] for k in z.files}


@cache
def converter(case: str) -> innsight.Converter:
    c, z = CASES[case], arrays(case)
    layers = []
    for layer in c["layers"]:
        weights = {name: z[a["key"]] for name, a in layer["arrays"].items()}
        if case in ROUNDED:
            weights = {name: w.astype(np.float32) for name, w in weights.items()}
        layers.append({k: v for k, v in layer.items() if k != "arrays"} | weights)
    return innsight.convert({"layers": layers, **c["io"]})


def recorded(methods: tuple[str, ...], dtype: str = "double") -> Iterator[tuple[str, dict[str, Any]]]:
    """(case, run) for every run of these methods that has numbers which do not depend on random draws."""
    for name, case in CASES.items():
        for run in case["runs"]:
            stored = any("key" in r for r in run.get("result") or ())
            noisy = run["args"].get("noise_level", 0) != 0
            if run["method"] in methods and run["dtype"] == dtype and stored and not noisy:
                yield name, run


def called(case: str, run: dict[str, Any]) -> innsight.Result:
    """The same call here."""
    c, z = CASES[case], arrays(case)

    def data(key: str) -> Any:
        rows = [z[d["key"]] for d in c[key]]
        return rows[0] if len(rows) == 1 else rows

    given = {"@data": "data", "@xref": "x_ref", "@dref": "data_ref"}
    args = {k: data(given[v]) if isinstance(v, str) and v in given else v for k, v in run["args"].items()}
    args["output_idx"] = [
        None if nodes is None else [i - 1 for i in np.atleast_1d(nodes)] for nodes in run["output_idx"]
    ]
    if run["method"] != "ConnectionWeights":
        args["data"] = data("data")
    return RUN[run["method"]](converter(case), channels_first=c["channels_first"], dtype=run["dtype"], **args)


def error(case: str, run: dict[str, Any]) -> float:
    """The largest difference to innsight's numbers, in units of the largest of them."""
    result, z = called(case, run), arrays(case)
    worst = 0.0
    for r in run["result"]:
        if "key" not in r:
            continue
        output = result.outputs[r["output"] - 1]
        assert output is not None
        ours, theirs = output.values[r["input"] - 1], z[r["key"]]
        assert ours is not None and ours.shape == theirs.shape, (None if ours is None else ours.shape, theirs.shape)
        size = np.abs(theirs).max()
        worst = max(worst, float(np.abs(ours - theirs).max() / (size if size else 1.0)))
    return worst
