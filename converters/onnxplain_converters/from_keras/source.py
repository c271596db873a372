"""A Keras model as an object or in a .keras, .h5 or .hdf5 file of any Keras's."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import ConversionError, MissingPackage
from ..common.quiet import first_line


def source_of(model: Any, custom_objects: Mapping[str, Any] | None, trust: bool) -> Any:
    """A `keras.Layer`, which a model is."""
    keras = imported()
    found = _read(keras, Path(model), custom_objects, trust) if isinstance(model, (str, Path)) else model
    if not isinstance(found, keras.Layer):
        raise ConversionError(f"this {type(found).__qualname__} is no Keras model or layer")
    stateful = [x.name for x in found._flatten_layers() if getattr(x, "stateful", False) is True and _is_recurrent(x)]
    if stateful:
        raise ConversionError(
            f"the layers {stateful} keep their state from call to call (stateful=True), so a prediction depends on those "
            "before it: build the model with stateful=False and set the weights"
        )
    return found


def _is_recurrent(layer: Any) -> bool:
    return hasattr(layer, "reset_state")


def imported() -> Any:
    """The package keras, on torch where nothing else is there and nothing was chosen."""
    chosen = "keras" in sys.modules or "KERAS_BACKEND" in os.environ or _is_there("tensorflow")
    if not chosen and _is_there("torch"):
        os.environ["KERAS_BACKEND"] = "torch"
    try:
        import keras
    except ImportError as error:
        raise MissingPackage(
            f'Keras models are read by keras and TensorFlow ({first_line(error)}): pip install "onnxplain[keras]"'
        ) from error
    finally:
        if not chosen:
            os.environ.pop("KERAS_BACKEND", None)
    if int(keras.__version__.partition(".")[0]) < 3:
        raise MissingPackage(
            f'this is keras {keras.__version__}, and 3 or newer is needed: pip install "onnxplain[keras]"'
        )
    return keras


def _is_there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _read(keras: Any, path: Path, custom_objects: Mapping[str, Any] | None, trust: bool) -> Any:
    if path.name.endswith(".weights.h5"):
        raise ConversionError(
            f"{path} holds weights without the model they belong to: build the model, model.load_weights({str(path)!r}), and "
            "give the model"
        )
    if path.suffix == ".keras" and not zipfile.is_zipfile(path) and not path.is_dir():
        raise ConversionError(f"{path} is no file that Keras 3 wrote: it is no zip archive")
    try:
        return keras.saving.load_model(path, custom_objects=custom_objects, compile=False, safe_mode=not trust)
    except Exception as error:  # Keras's readers have no common error
        said = str(error)
        if not trust and ("safe_mode" in said or "unsafe" in said):
            raise ConversionError(
                f"{path} holds a Lambda layer, and reading it runs code from the file. If you trust where it comes from, say so: "
                'options={"trust": True}, on the command line --option trust=True'
            ) from error
        if "No model config" in said:
            raise ConversionError(
                f"{path} holds weights without the model they belong to: build the model, load_weights, and give the model"
            ) from error
        if "Could not locate" in said or "Unknown layer" in said or "custom_objects" in said:
            named = re.search(r"(?:Could not locate|Unknown) (?:class|function|layer|object):? '([^']+)'", said)
            name = named[1] if named else "Name"
            raise ConversionError(
                f"{path} names a class or function that is not known here{f', {name}' if named else ''}. Import the module that "
                f'registers it with @keras.saving.register_keras_serializable, or give it: options={{"custom_objects": '
                f'{{"{name}": {name}}}}}'
            ) from error
        raise ConversionError(f"{path} cannot be read as a Keras model: {first_line(error)}") from error
