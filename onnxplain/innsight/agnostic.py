"""`run_lime` and `run_shap`: innsight's wrappers of R packages, here of our own methods that only call the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..api import explain
from ..errors import InputError
from ..methods.base import Method
from ..methods.blackbox.lime import Lime
from ..methods.blackbox.permutation_shap import PermutationShap
from .choice import choose
from .converter import Converter, convert
from .layout import feeds_of
from .result import Result, output_of


def run_lime(
    model: Any,
    data: Any,
    data_ref: Any = None,
    output_idx: Any = None,
    output_label: Any = None,
    channels_first: bool = True,
    n: int = 1000,
    seed: int | None = None,
    **converting: Any,
) -> Result:
    """Coefficients of a linear model near each sample; features are switched to the mean of `data_ref` (else `data`).

    Not R's numbers: its lime draws from the distribution of `data_ref` and picks features. `model`: a `Converter`, or
    what `convert` takes, with `convert`'s arguments.
    """
    conv, feeds, refs = _prepared(model, data, data_ref, channels_first, converting)
    means = {name: r.mean(0, keepdims=True) for name, r in refs.items()}
    return _run(
        "LIME", conv, feeds, Lime(n_samples=n, baseline=means), output_idx, output_label, channels_first, {"n": n}, seed
    )


def run_shap(
    model: Any,
    data: Any,
    data_ref: Any = None,
    output_idx: Any = None,
    output_label: Any = None,
    channels_first: bool = True,
    nsim: int = 10,
    seed: int | None = None,
    **converting: Any,
) -> Result:
    """Shapley values by `nsim` random orders of the features against `data_ref` (else `data`); see `run_lime`.

    Not R's numbers: fastshap draws one order and one reference by default, ours average over all references.
    """
    conv, feeds, refs = _prepared(model, data, data_ref, channels_first, converting)
    method = PermutationShap(data_ref=refs, n_permutations=nsim)
    return _run("SHAP", conv, feeds, method, output_idx, output_label, channels_first, {"nsim": nsim}, seed)


def _prepared(
    model: Any, data: Any, data_ref: Any, channels_first: bool, converting: Mapping[str, Any]
) -> tuple[Converter, dict[str, np.ndarray], dict[str, np.ndarray]]:
    conv = model if isinstance(model, Converter) else convert(model, **converting)
    if len(conv.input_dim) > 1 or len(conv.output_dim) > 1:
        raise InputError(
            f"the model has {len(conv.input_dim)} inputs and {len(conv.output_dim)} outputs; run_lime and run_shap "
            "take one of each: onnxplain.explain(model, data, 'lime') takes several"
        )
    at = conv.at("float", channels_first)
    feeds = feeds_of(conv, at, data, channels_first)
    return conv, feeds, feeds if data_ref is None else feeds_of(conv, at, data_ref, channels_first, "data_ref")


def _run(
    name: str,
    conv: Converter,
    feeds: Mapping[str, np.ndarray],
    method: Method,
    output_idx: Any,
    output_label: Any,
    channels_first: bool,
    fields: Mapping[str, Any],
    seed: int | None,
) -> Result:
    model = conv.at("float", channels_first)
    (nodes,) = choose(conv, output_idx, output_label)
    assert nodes is not None
    single = {n: x.astype(np.float32) for n, x in feeds.items()}
    e = explain(model, single, method, target={next(iter(model.outputs)): nodes}, seed=seed)
    output = output_of(0, e, nodes, model, channels_first, None)
    return Result(name, conv, (output,), {**fields, "channels_first": channels_first, "dtype": "float"})
