"""Frameworks → ONNX. Imports nothing from onnxplain, and no framework unless the object at hand came from it.

A framework is one row of `CONVERTERS`; a row with a `module` has a converter, `to_onnx(model, example=None,
opset=None) → ModelProto` in that module. A row without one says how the framework itself writes ONNX.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any


class ConversionError(Exception):
    """A model that could not be turned into ONNX; the message says what to run instead."""


class MissingPackage(ConversionError):
    """What reads the model is not installed; the message names the extra."""


@dataclass(frozen=True)
class Framework:
    """What a framework's models are recognised by, and how they become ONNX.

    `packages`: top-level packages whose classes its models derive from. `suffixes`: the files it writes.
    `module`: the converter beside this file, if there is one. `export`: what to run in the framework otherwise.
    """

    title: str
    packages: tuple[str, ...]
    suffixes: tuple[str, ...]
    export: str
    module: str | None = None


CONVERTERS: Mapping[str, Framework] = MappingProxyType(
    {
        "onnx": Framework("ONNX", ("onnx",), (".onnx",), "onnx.save(model, 'model.onnx')", "onnx_file"),
        "torch": Framework(
            "PyTorch",
            ("torch",),
            (".pt", ".pth", ".pt2"),
            "torch.onnx.export(model, (example,), 'model.onnx', dynamo=True)",
            "from_torch.module",
        ),
        "keras": Framework(
            "Keras",
            ("keras",),
            (".keras", ".h5", ".hdf5"),
            "model.export('model.onnx', format='onnx')",
            "from_keras.model",
        ),
        "tensorflow": Framework(
            "TensorFlow",
            ("tensorflow",),
            (".pb", ".tflite"),
            "python -m tf2onnx.convert --saved-model DIR --output model.onnx",
            "from_tensorflow.model",
        ),
        "xgboost": Framework(
            "XGBoost", ("xgboost",), (".ubj", ".json"), "model.save_model('model.ubj')", "from_boosting.model"
        ),
        "lightgbm": Framework(
            "LightGBM", ("lightgbm",), (".txt",), "model.booster_.save_model('model.txt')", "from_boosting.model"
        ),
        "catboost": Framework(
            "CatBoost", ("catboost",), (".cbm",), "model.save_model('model.cbm')", "from_boosting.model"
        ),
        # behind those whose classes derive from scikit-learn's
        "sklearn": Framework(
            "scikit-learn",
            ("sklearn",),
            (".pkl", ".joblib"),
            "skl2onnx.to_onnx(model, X[:1], options={'zipmap': False})",
            "from_sklearn.model",
        ),
        "jax": Framework(
            "JAX",
            ("jax", "jaxlib", "flax", "equinox", "haiku"),
            (),
            "jax2onnx.to_onnx(function, [example.shape])",
            "from_jax.function",
        ),
        "paddle": Framework(
            "PaddlePaddle",
            ("paddle",),
            (".pdmodel", ".pdiparams", ".pdparams"),
            "paddle.onnx.export(layer, 'model', input_spec=[paddle.static.InputSpec([None, 4], 'float32', 'x')])",
        ),
        "layers": Framework("a dict of layers", (), (), "onnxplain.innsight.convert(layers)", "from_layers.layer_dict"),
        "r": Framework("R neuralnet", ("rdata",), (".rds",), "saveRDS(nn, 'model.rds')", "from_r.neuralnet"),
    }
)


def framework_of(source: Any) -> str | None:
    """The row's key for a model object, or for a path by its suffix (a folder with saved_model.pb is TensorFlow's); for a
    mapping by its key "layers"."""
    if isinstance(source, (str, Path)):
        path = Path(source)
        if os.path.isfile(path / "saved_model.pb"):  # False for a path that no file can have
            return "tensorflow"
        return next((k for k, f in CONVERTERS.items() if path.suffix.lower() in f.suffixes), None)
    if isinstance(source, Mapping):
        # weights by name: its framework says what to make of them
        return "layers" if "layers" in source else _of_torch(source)
    # JAX's models beside their weights: (module, variables), functools.partial(function, params)
    if isinstance(source, partial) or (type(source) is tuple and source):
        return "jax" if framework_of(source.func if isinstance(source, partial) else source[0]) == "jax" else None
    kind = source if isinstance(source, type) else type(source)
    packages = {c.__module__.partition(".")[0] for c in kind.__mro__}
    # a Keras model on the torch backend is a torch module too: the more special framework comes first
    order = ["keras", *CONVERTERS]
    return next((k for k in order if packages & set(CONVERTERS[k].packages)), None)


def _of_torch(weights: Mapping[Any, Any]) -> str | None:
    first = next(iter(weights.values()), None)
    return "torch" if type(first).__module__.partition(".")[0] == "torch" else None


def to_onnx(source: Any, /, example: Any = None, opset: int | None = None, **options: Any) -> Any:
    """The `onnx.ModelProto` of a model object or file; raises `ConversionError` with the way out.

    `options`: what the framework's converter takes besides, such as `activation` of neuralnet's.
    """
    key = framework_of(source)
    what = f"{source}" if isinstance(source, (str, Path)) else type(source).__qualname__
    if key is None:
        known = ", ".join(f.title for f in CONVERTERS.values())
        raise ConversionError(f"{what} is no model that is recognised here ({known})")
    framework = CONVERTERS[key]
    if isinstance(source, type):
        raise ConversionError(f"{source.__qualname__} is a class; give one of its objects, with its weights")
    if framework.module is None:
        raise ConversionError(
            f"{what} is a {framework.title} model, which has no converter here. Write ONNX by {framework.title} itself, "
            f"{framework.export}, and load that file"
        )
    convert = importlib.import_module(f"{__name__}.{framework.module}").to_onnx
    taken = [name for name in inspect.signature(convert).parameters if name not in ("model", "example", "opset")]
    if unknown := [name for name in options if name not in taken]:
        there = f"there are {', '.join(taken)}" if taken else "there are none"
        raise ConversionError(f"the {framework.title} converter has no options {unknown}; {there}")
    return convert(source, example, opset, **options)
