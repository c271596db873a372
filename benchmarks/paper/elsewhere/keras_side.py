"""iNNvestigate in an interpreter of its own: it needs TensorFlow before 2.15, which cannot be beside today's torch and numpy.

Run as a file by that interpreter. It reads requests as lines of JSON and answers each with a line: the CPU seconds that the
explanation took, and where its numbers are. It imports nothing of this project.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
ANALYZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "gradient": ("gradient", {}),
    "gradient_input": ("input_t_gradient", {}),
    "epsilon": ("lrp.epsilon", {"epsilon": None}),
    "alpha_beta": ("lrp.alpha_2_beta_1", {}),
}


def model_of(layers: list[dict[str, Any]], weights: dict[str, Any], shape: list[int]) -> Any:
    """The same layers, channels last; a dense layer after images gets its columns in that order."""
    from tensorflow import keras

    model, turned = keras.Sequential([keras.layers.Input(shape)]), None
    for i, layer in enumerate(layers):
        kind = layer["kind"]
        if kind == "dense":
            w, b = weights[f"{i}.weight"], weights.get(f"{i}.bias")
            if turned is not None:  # (out, channels · height · width) → (out, height · width · channels)
                h, w_, c = turned
                w = w.reshape(len(w), c, h, w_).transpose(0, 2, 3, 1).reshape(len(w), -1)
                turned = None
            made = keras.layers.Dense(len(w), use_bias=b is not None)
            values = [w.T]
        elif kind == "convolution":
            w, b = weights[f"{i}.weight"], weights.get(f"{i}.bias")
            padding = "same" if layer["padding"] else "valid"
            made = keras.layers.Conv2D(len(w), w.shape[2:], layer["stride"], padding, use_bias=b is not None)
            values = [w.transpose(2, 3, 1, 0)]
        elif kind == "flatten":
            turned, made, values, b = tuple(model.output_shape[1:]), keras.layers.Flatten(), [], None
        elif kind in ("avg", "max"):
            pool = keras.layers.AveragePooling2D if kind == "avg" else keras.layers.MaxPooling2D
            made, values, b = pool(3), [], None
        else:
            made, values, b = keras.layers.Activation(kind), [], None
        model.add(made)
        if values:
            made.set_weights([*values, *([b] if b is not None else [])])
    return model


def analyzer_of(request: dict[str, Any], models: dict[str, Any]) -> Any:
    import innvestigate

    name, options = ANALYZERS[request["method"]]
    options = {k: request["epsilon"] if v is None else v for k, v in options.items()}
    return innvestigate.create_analyzer(name, models[request["net"]], neuron_selection_mode="index", **options)


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # what the libraries print is no answer
    import numpy as np
    import tensorflow as tf

    tf.compat.v1.disable_eager_execution()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import innvestigate

    print(json.dumps({"version": innvestigate.__version__, "tensorflow": tf.__version__}), file=answers, flush=True)
    models: dict[str, Any] = {}
    analyzers: dict[Any, Any] = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["net"] not in models:
                tf.keras.backend.clear_session()
                analyzers.clear()
                models.clear()
                models[request["net"]] = model_of(
                    request["layers"], dict(np.load(request["weights"])), request["shape"]
                )
            key = (request["net"], request["method"], request["epsilon"])
            if key not in analyzers:
                analyzers[key] = analyzer_of(request, models)
            x = np.load(request["data"])
            x = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x
            begin = time.process_time()
            each = [analyzers[key].analyze(x, neuron_selection=t) for t in request["targets"]]
            spent = time.process_time() - begin
            found = np.stack([next(iter(f.values())) if isinstance(f, dict) else f for f in each])
            found = found.transpose(0, 1, 4, 2, 3) if found.ndim == 5 else found
            np.save(request["answer"], found)
            answer: dict[str, Any] = {"seconds": spent}
        except Exception as error:  # noqa: BLE001 — the asker tells the user
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
