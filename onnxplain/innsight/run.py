"""The `run_*` functions: each a method of ours under innsight's convention, with innsight's arguments and defaults.

Arguments that all have: `data` (samples first, one array per input), `channels_first` (how data and results lie),
`output_idx`, `output_label` (nodes; by default the first ten of the first output), `ignore_last_act` (explain what the
last activation reads), `verbose` (a progress bar; None: where someone watches), `dtype` ("float", "double").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..api import explain
from ..conventions.innsight import RULE_NAMES, checked, lrp_rules
from ..errors import InputError, RuleError
from ..methods.base import Method
from ..methods.connection_weights import ConnectionWeights
from ..methods.deep_lift import DeepLift
from ..methods.deep_shap import DeepShap
from ..methods.expected_gradients import ExpectedGradients
from ..methods.gradient import Gradient
from ..methods.integrated_gradients import IntegratedGradients
from ..methods.lrp import LRP
from ..methods.smooth import SmoothGrad
from ..model import Model
from .choice import Chosen, choose
from .converter import Converter
from .goals import explained
from .layout import Feeds, feeds_of
from .result import Output, Result, output_of

CONVENTION: dict[str, Any] = {"convention": "innsight"}


def run_grad(
    converter: Converter,
    data: Any,
    channels_first: bool = True,
    output_idx: Any = None,
    output_label: Any = None,
    ignore_last_act: bool = True,
    times_input: bool = False,
    verbose: bool | None = None,
    dtype: str = "float",
) -> Result:
    """Gradient; with `times_input` Gradient × Input."""
    run = _Run(converter, data, channels_first, output_idx, output_label, ignore_last_act, verbose, dtype)
    method = Gradient(times_input=times_input, ignore_last_activation=ignore_last_act, **CONVENTION)
    return run("Gradient", method, {"times_input": times_input}, goal="value")


def run_smoothgrad(
    converter: Converter,
    data: Any,
    channels_first: bool = True,
    output_idx: Any = None,
    output_label: Any = None,
    ignore_last_act: bool = True,
    times_input: bool = False,
    n: int = 50,
    noise_level: float = 0.1,
    verbose: bool | None = None,
    dtype: str = "float",
    seed: int | None = None,
) -> Result:
    """Mean gradient at `n` noisy copies, σ = noise_level · (max − min of the whole batch)."""
    run = _Run(converter, data, channels_first, output_idx, output_label, ignore_last_act, verbose, dtype)
    method = SmoothGrad(n, noise_level, times_input, ignore_last_activation=ignore_last_act, **CONVENTION)
    fields = {"n": n, "noise_level": noise_level, "times_input": times_input}
    return run("SmoothGrad", method, fields, goal="value", seed=seed)


def run_intgrad(
    converter: Converter,
    data: Any,
    channels_first: bool = True,
    output_idx: Any = None,
    output_label: Any = None,
    ignore_last_act: bool = True,
    x_ref: Any = None,
    n: int = 50,
    times_input: bool = True,
    verbose: bool | None = None,
    dtype: str = "float",
) -> Result:
    """(x − x_ref) ⊙ mean gradient at `n` points: the right Riemann sum. `x_ref`: one sample, zeros by default."""
    run = _Run(converter, data, channels_first, output_idx, output_label, ignore_last_act, verbose, dtype)
    baseline = run.reference(x_ref)
    method = IntegratedGradients(
        baseline, n, times_input=times_input, ignore_last_activation=ignore_last_act, **CONVENTION
    )
    fields = {"x_ref": x_ref, "n": n, "times_input": times_input}
    return run("IntegratedGradient", method, fields, goal="difference", baseline=baseline)


def run_expgrad(
    converter: Converter,
    data: Any,
    channels_first: bool = True,
    output_idx: Any = None,
    output_label: Any = None,
    ignore_last_act: bool = True,
    data_ref: Any = None,
    n: int = 50,
    verbose: bool | None = None,
    dtype: str = "float",
    seed: int | None = None,
) -> Result:
    """Mean over `n` draws of (x − x′) ⊙ gradient, x′ from `data_ref` (one sample of zeros by default)."""
    run = _Run(converter, data, channels_first, output_idx, output_label, ignore_last_act, verbose, dtype)
    refs = run.references(data_ref)
    method = ExpectedGradients(refs, n, ignore_last_activation=ignore_last_act, **CONVENTION)
    return run("ExpectedGradient", method, {"data_ref": data_ref, "n": n}, seed=seed)


def run_deeplift(
    converter: Converter,
    data: Any,
    channels_first: bool = True,
    output_idx: Any = None,
    output_label: Any = None,
    ignore_last_act: bool = True,
    rule_name: str = "rescale",
    x_ref: Any = None,
    winner_takes_all: bool = True,
    verbose: bool | None = None,
    dtype: str = "float",
) -> Result:
    """DeepLIFT by "rescale" or "reveal_cancel". `x_ref`: one sample, zeros by default."""
    run = _Run(converter, data, channels_first, output_idx, output_label, ignore_last_act, verbose, dtype)
    method = DeepLift(
        run.reference(x_ref), rule_name, winner_takes_all, ignore_last_activation=ignore_last_act, **CONVENTION
    )
    return run("DeepLift", method, {"rule_name": rule_name, "x_ref": x_ref, "winner_takes_all": winner_takes_all})


def run_deepshap(
    converter: Converter,
    data: Any,
    channels_first: bool = True,
    output_idx: Any = None,
    output_label: Any = None,
    ignore_last_act: bool = True,
    rule_name: str = "rescale",
    data_ref: Any = None,
    limit_ref: int = 100,
    winner_takes_all: bool = True,
    verbose: bool | None = None,
    dtype: str = "float",
    seed: int | None = None,
) -> Result:
    """DeepLIFT averaged over at most `limit_ref` rows of `data_ref` (one sample of zeros by default)."""
    run = _Run(converter, data, channels_first, output_idx, output_label, ignore_last_act, verbose, dtype)
    method = DeepShap(
        run.references(data_ref),
        rule_name,
        limit_ref,
        winner_takes_all,
        ignore_last_activation=ignore_last_act,
        **CONVENTION,
    )
    fields = {
        "rule_name": rule_name,
        "data_ref": data_ref,
        "limit_ref": limit_ref,
        "winner_takes_all": winner_takes_all,
    }
    return run("DeepSHAP", method, fields, seed=seed)


def run_lrp(
    converter: Converter,
    data: Any,
    channels_first: bool = True,
    output_idx: Any = None,
    output_label: Any = None,
    ignore_last_act: bool = True,
    rule_name: str | Mapping[str, str] = "simple",
    rule_param: float | Mapping[str, float] | None = None,
    winner_takes_all: bool = True,
    verbose: bool | None = None,
    dtype: str = "float",
) -> Result:
    """LRP by "simple", "epsilon" (0.001) or "alpha_beta" (0.5), or {layer class: rule}; numbers likewise."""
    if isinstance(rule_name, str) and rule_name not in RULE_NAMES:
        raise RuleError(f"rule_name={rule_name!r}: it is one of {', '.join(RULE_NAMES)}, or a dict by layer class")
    checked(rule_name, "rule_name")
    checked(rule_param, "rule_param")
    run = _Run(converter, data, channels_first, output_idx, output_label, ignore_last_act, verbose, dtype)
    rules = lrp_rules(rule_name, rule_param, winner_takes_all)
    method = LRP(rules, winner_takes_all, ignore_last_activation=ignore_last_act, **CONVENTION)
    return run("LRP", method, {"rule_name": rule_name, "rule_param": rule_param, "winner_takes_all": winner_takes_all})


def run_cw(
    converter: Converter,
    data: Any = None,
    times_input: bool = False,
    channels_first: bool = True,
    output_idx: Any = None,
    output_label: Any = None,
    verbose: bool | None = None,
    dtype: str = "float",
) -> Result:
    """Connection weights; they need data only to be multiplied with (`times_input`)."""
    if times_input and data is None:
        raise InputError("run_cw(times_input=True) multiplies by the data: give data")
    given = data if times_input else None
    run = _Run(converter, given, channels_first, output_idx, output_label, True, verbose, dtype)
    return run(
        "ConnectionWeights", ConnectionWeights(times_input=times_input, **CONVENTION), {"times_input": times_input}
    )


class _Run:
    """One call: what is common to all methods."""

    def __init__(
        self,
        converter: Converter,
        data: Any,
        channels_first: bool,
        output_idx: Any,
        output_label: Any,
        ignore_last_act: bool,
        verbose: bool | None,
        dtype: str,
    ) -> None:
        self.converter, self.channels_first, self.dtype, self.verbose = converter, channels_first, dtype, verbose
        self.ignore_last_act = ignore_last_act
        self.model: Model = converter.at(dtype, channels_first)
        self.chosen: Chosen = choose(converter, output_idx, output_label)
        self.feeds: Feeds | None = None if data is None else feeds_of(converter, self.model, data, channels_first)

    def reference(self, x_ref: Any) -> Any:
        """The baseline: 0, or one sample by input."""
        if x_ref is None:
            return 0.0
        feeds = feeds_of(self.converter, self.model, x_ref, self.channels_first, "x_ref")
        rows = {n: len(x) for n, x in feeds.items()}
        if any(r != 1 for r in rows.values()):
            raise InputError(f"x_ref is one sample, shape (1, ...); it has {max(rows.values())} rows")
        return feeds

    def references(self, data_ref: Any) -> Feeds:
        if data_ref is None:
            assert self.feeds is not None
            return {n: np.zeros_like(x[:1]) for n, x in self.feeds.items()}
        return feeds_of(self.converter, self.model, data_ref, self.channels_first, "data_ref")

    def __call__(
        self,
        name: str,
        method: Method,
        fields: Mapping[str, Any],
        goal: str | None = None,
        baseline: Any = None,
        seed: int | None = None,
    ) -> Result:
        progress: Any = "auto" if self.verbose is None else bool(self.verbose)
        outputs: list[Output | None] = []
        for k, (output, nodes) in enumerate(zip(self.model.outputs, self.chosen, strict=True)):
            if nodes is None:
                outputs.append(None)
                continue
            e = explain(self.model, self.feeds, method, target={output: nodes}, progress=progress, seed=seed)
            goals = None
            if goal is not None and self.feeds is not None:
                goals = explained(self.model, self.feeds, output, self.ignore_last_act)[:, nodes]
                if goal == "difference":
                    feeds = (
                        {n: np.zeros_like(x[:1]) for n, x in self.feeds.items()} if np.isscalar(baseline) else baseline
                    )
                    goals = goals - explained(self.model, feeds, output, self.ignore_last_act)[:, nodes]
            outputs.append(output_of(k, e, nodes, self.model, self.channels_first, goals))
        return Result(
            method=name,
            converter=self.converter,
            outputs=tuple(outputs),
            fields={
                **fields,
                **({} if name == "ConnectionWeights" else {"ignore_last_act": self.ignore_last_act}),
                "channels_first": self.channels_first,
                "dtype": self.dtype,
            },
        )
