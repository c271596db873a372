"""R's `neuralnet` objects (class "nn") → ONNX, through a dict of dense layers; read from an .rds file.

x₀ = covariates, x_k = act.fct([1 x_{k−1}] W_k), and the output layer has output.act.fct (by default the logistic function,
whatever act.fct is; objects older than 1.44.4 have none and use act.fct), or none with linear.output = TRUE: as in R's
`predict`. Weights that were excluded are NA and count as 0. Source: Fritsch, Günther, Wright, package neuralnet 1.44.6.

An activation that was given as an R function is code, and is not run here: its name must be said. The object holds R's own
results for its covariates (`net.result`), and what is read must give the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from .. import ConversionError
from ..common import parity
from ..from_layers import layer_dict
from .rds import RValue, read

#: name → the function, written here once more: the ONNX model is compared with it
FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "logistic": lambda x: 0.5 * (1 + np.tanh(x / 2)),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.logaddexp(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "linear": lambda x: x,
}
#: onnxruntime has these in float32 only
SINGLE = ("softplus", "leaky_relu", "elu", "softsign")
#: rows that are made up where the object holds no covariates
ROWS = 32
#: what else R keeps models in → what to do
ELSEWHERE = {
    "nn_module": "an R torch module keeps only a pointer in an .rds: save it with converters/r/save_torch.R",
    "luz_module_fitted": "save its $model, an R torch module, with converters/r/save_torch.R",
    "pairlist": "it was written by R's save(); write the object itself with saveRDS",
    "python.builtin.object": "a Keras model in R keeps only a pointer in an .rds: save it with converters/r/save_keras.R",
}


def to_onnx(
    model: Any,
    example: Any = None,
    opset: int | None = None,
    activation: str | None = None,
    output_activation: str | None = None,
    repetition: int | str = "best",
) -> onnx.ModelProto:
    """`model`: an .rds file, or what rdata parsed. `activation`, `output_activation`: names of an act.fct and output.act.fct
    that are R functions. `repetition`: "best", the one with the least error, or its number as in R (R's `predict` takes 1
    unless told). `example` is not needed: covariates are one row of numbers.
    """
    value = read(model) if isinstance(model, (str, Path)) else RValue(getattr(model, "object", model))
    what = str(model) if isinstance(model, (str, Path)) else "this"
    if "nn" not in value.classes:
        hint = next(
            (text for c, text in ELSEWHERE.items() if c in value.classes), "neuralnet objects (class nn) are read"
        )
        raise ConversionError(f"{what} holds an R object of class {', '.join(value.classes)}: {hint}")
    k = _repetition(value, repetition)
    weights = _weights(value, k)
    rows, stored = _stored(value, k, weights)
    net = Net(value, weights, rows, stored)
    names = net.activations(activation, output_activation)
    proto = layer_dict.to_onnx(
        net.layers(names), opset=opset, dtype=np.float32 if set(names) & set(SINGLE) else np.float64
    )
    dtype = onnx.helper.tensor_dtype_to_np_dtype(proto.graph.input[0].type.tensor_type.elem_type)
    parity.check(proto, {proto.graph.input[0].name: rows.astype(dtype)}, [forward(weights, names, rows)])
    return proto


def forward(weights: Sequence[np.ndarray], names: Sequence[str], x: np.ndarray) -> np.ndarray:
    """What R's `predict` computes, in float64."""
    for w, name in zip(weights, names, strict=True):
        x = FUNCTIONS[name](w[0] + x @ w[1:])
    return x


@dataclass(frozen=True, eq=False)
class Net:
    """One repetition: its weights (1 + inputs, outputs), rows of covariates, and R's results for them where it kept any."""

    value: RValue
    weights: Sequence[np.ndarray]
    rows: np.ndarray
    stored: np.ndarray | None

    def activations(self, hidden: str | None, output: str | None) -> list[str]:
        """The activation of every layer."""
        linear = self.value.get("linear.output")
        is_linear = linear is not None and bool(linear.numbers[0])
        own = "act.fct" if self.value.get("output.act.fct") is None else "output.act.fct"
        kinds = ["act.fct"] * (len(self.weights) - 1) + (["linear"] if is_linear else [own])
        given = {"act.fct": ("activation", hidden), "output.act.fct": ("output_activation", output)}
        for field, (argument, name) in given.items():
            if name is not None:
                self._check_given(field, argument, name, kinds)
        unnamed = [f for f in dict.fromkeys(kinds) if f in given and self._type(f) is None and given[f][1] is None]
        if unnamed:
            arguments = " and ".join(f"{given[f][0]}=" for f in unnamed)
            raise ConversionError(
                f"an R function is not run here: name the net's {' and '.join(unnamed)} by {arguments}, one of "
                f"{', '.join(FUNCTIONS)}{self._suggestion(kinds, given)}"
            )
        names = [self._type(f) or given[f][1] or "" if f in given else f for f in kinds]
        if self.stored is not None and not (off := self._off(names)) <= parity.RTOL:
            raise ConversionError(
                f"with activations {', '.join(names)} the net's results differ from those that R stored in it by {off:.1e} of "
                f"their largest value{self._suggestion(kinds, given)}"
            )
        return names

    def layers(self, names: Sequence[str]) -> dict[str, Any]:
        """The dict of layers."""
        dense = [
            {"type": "Dense", "weight": w[1:].T, "bias": w[0], "activation_name": name}
            for w, name in zip(self.weights, names, strict=True)
        ]
        out: dict[str, Any] = {"layers": dense, "input_dim": len(self.weights[0]) - 1}
        listed = self.value.get("model.list")
        for key, name, n in (
            ("input_names", "variables", len(self.weights[0]) - 1),
            ("output_names", "response", self.weights[-1].shape[1]),
        ):
            texts = () if listed is None or (found := listed.get(name)) is None else found.texts
            if len(texts) == n:
                out[key] = list(texts)
        return out

    def _type(self, field: str) -> str | None:
        """The activation that a function says it is; None: an R function of the user's."""
        function = self.value.get(field)
        said = None if function is None else function.attributes.get("type")
        name = said.texts[0].lower() if said is not None and said.texts else "function"
        return name if name in FUNCTIONS else None

    def _check_given(self, field: str, argument: str, name: str, kinds: Sequence[str]) -> None:
        if not isinstance(name, str) or name not in FUNCTIONS:
            raise ConversionError(f"{argument}={name!r} is none of {', '.join(FUNCTIONS)}")
        known = self._type(field)
        if field not in kinds or known not in (None, name):
            there = f"{field} is {known}" if field in kinds else f"no layer uses {field}"
            raise ConversionError(f"{argument}={name!r} names an R function, but {there} in this net")

    def _off(self, names: Sequence[str]) -> float:
        assert self.stored is not None
        with np.errstate(over="ignore", invalid="ignore"):
            return parity.difference(forward(self.weights, names, self.rows), self.stored)

    def _suggestion(self, kinds: Sequence[str], given: dict[str, tuple[str, str | None]]) -> str:
        """Which name gives R's results, where one function is unknown and R's results are there."""
        own = [f for f in dict.fromkeys(kinds) if f in given and self._type(f) is None]
        if self.stored is None or len(own) != 1:
            return ""
        fits = [
            n for n in FUNCTIONS if self._off([n if f == own[0] else self._type(f) or f for f in kinds]) <= parity.RTOL
        ]
        if not fits:
            return "; none of these gives the results that R stored in the object"
        return f"; {' or '.join(fits)} gives the results that R stored in the object"


def _list(value: RValue, name: str) -> list[RValue]:
    found = value.get(name)
    return [] if found is None else found.elements


def _repetition(value: RValue, asked: int | str) -> int:
    """The place of the repetition; those that did not converge have no weights, and no column in result.matrix."""
    reps = _list(value, "weights")
    fitted = [i for i, w in enumerate(reps) if not w.is_null]
    if not fitted:
        raise ConversionError("no repetition of this net converged: it holds no weights")
    if asked != "best":
        if not isinstance(asked, int) or asked - 1 not in fitted:
            there = ", ".join(str(i + 1) for i in fitted)
            raise ConversionError(f"repetition={asked!r}: give 'best' or one of those that converged ({there})")
        return asked - 1
    matrix = value.get("result.matrix")
    if len(fitted) == 1 or matrix is None or "error" not in matrix.row_names:
        if len(fitted) == 1:
            return fitted[0]
        raise ConversionError(
            "the object has no result.matrix that says which repetition is the best: give repetition=1, 2 …"
        )
    errors = matrix.numbers[matrix.row_names.index("error")]
    return fitted[int(np.argmin(np.nan_to_num(errors, nan=np.inf)))]


def _weights(value: RValue, k: int) -> list[np.ndarray]:
    """A matrix (1 + inputs, outputs) per layer; what was excluded is 0."""
    weights = [np.nan_to_num(w.numbers, nan=0.0) for w in _list(value, "weights")[k].elements]
    shapes = [w.shape for w in weights]
    fit = all(len(s) == 2 and min(s) > 0 for s in shapes) and all(b[0] == a[1] + 1 for a, b in pairwise(shapes))
    covariate = value.get("covariate")
    if (
        not shapes
        or not fit
        or shapes[0][0] < 2
        or (covariate is not None and covariate.numbers.size % (shapes[0][0] - 1))
    ):
        raise ConversionError(
            f"no net of neuralnet's: its weights have shapes {shapes}, which do not fit together or its data"
        )
    return weights


def _stored(value: RValue, k: int, weights: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
    """(covariates, R's results for them); made-up rows and None where the object was saved without."""
    covariate, results = value.get("covariate"), _list(value, "net.result")
    if covariate is None:
        return np.random.default_rng(0).standard_normal((ROWS, len(weights[0]) - 1)), None
    rows = covariate.numbers.reshape(-1, len(weights[0]) - 1)
    return rows, results[k].numbers if k < len(results) and not results[k].is_null else None
