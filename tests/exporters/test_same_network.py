"""One network, written in every framework with the same weights: every method gives the same attributions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from flax import linen, nnx
from onnx import numpy_helper
from sklearn.neural_network import MLPRegressor
from torch import nn

import onnxplain as ox
from onnxplain.errors import RuleError
from onnxplain.methods.blackbox.base import BlackBoxMethod
from onnxplain.methods.table import METHODS, method_from
from onnxplain.model import Model
from onnxplain_converters import to_onnx

RDS = Path(__file__).parents[1] / "golden" / "r" / "relu.rds"
RANDOM = np.random.default_rng(3)
#: weights are rounded to single precision in some of the files
RTOL = 1e-6
Weights = list[tuple[np.ndarray, np.ndarray]]
#: written for trees
NOT_FOR_NETS = {"treeshap"}
REFERENCES = {"expected_gradients", "deepshap", "kernel_shap"}
#: noise is drawn in the order of the input's axes
NOISY = {"smoothgrad", "smoothgrad_squared", "vargrad"}
BLACK = ("feature_ablation", "kernel_shap")
WHITE = tuple(m for m in ox.methods() if not isinstance(method_from(m), BlackBoxMethod) and m not in NOT_FOR_NETS)


@cache
def dense_weights() -> Weights:
    """(in, out) and bias of each layer of the net that R's neuralnet fitted."""
    graph = to_onnx(RDS).graph
    arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    gemms = [n for n in graph.node if n.op_type == "Gemm"]
    assert [n.op_type for n in graph.node] == ["Gemm", "Relu"] * (len(gemms) - 1) + ["Gemm"]
    return [(arrays[n.input[1]].T, arrays[n.input[2]]) for n in gemms]


def in_torch(weights: Weights) -> Any:
    layers: list[nn.Module] = []
    for w, b in weights:
        layer = nn.Linear(*w.shape, dtype=torch.float64)
        layer.weight.data, layer.bias.data = torch.tensor(w.T.copy()), torch.tensor(b)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def in_keras(weights: Weights) -> Any:
    layers: list[Any] = [keras.Input((len(weights[0][0]),), dtype="float64")]
    for k, (_, b) in enumerate(weights, 1):
        layers.append(keras.layers.Dense(len(b), activation="relu" if k < len(weights) else None, dtype="float64"))
    net = keras.Sequential(layers)
    for layer, (w, b) in zip(net.layers, weights, strict=True):
        layer.set_weights([w, b])
    return net


@jax.jit
def chain(params: Any, x: Any) -> Any:
    for w, b in params[:-1]:
        x = jax.nn.relu(x @ w + b)
    return x @ params[-1][0] + params[-1][1]


def in_jax(weights: Weights) -> Any:
    return partial(chain, [(jnp.asarray(w), jnp.asarray(b)) for w, b in weights])


class Linen(linen.Module):
    sizes: tuple[int, ...]

    @linen.compact
    def __call__(self, x: Any) -> Any:
        for k, size in enumerate(self.sizes):
            x = linen.Dense(size, param_dtype=jnp.float64)(jax.nn.relu(x) if k else x)
        return x


def in_linen(weights: Weights) -> Any:
    params = {f"Dense_{k}": {"kernel": jnp.asarray(w), "bias": jnp.asarray(b)} for k, (w, b) in enumerate(weights)}
    return Linen(tuple(len(b) for _, b in weights)), {"params": params}


def in_nnx(weights: Weights) -> Any:
    layers: list[Any] = []
    for w, b in weights:
        layer = nnx.Linear(*w.shape, param_dtype=jnp.float64, rngs=nnx.Rngs(0))
        layer.kernel[...], layer.bias[...] = jnp.asarray(w), jnp.asarray(b)
        layers += [layer, jax.nn.relu]
    return nnx.Sequential(*layers[:-1])


def in_equinox(weights: Weights) -> Any:
    layers: list[Any] = []
    for w, b in weights:
        layer = eqx.nn.Linear(*w.shape, key=jax.random.key(0))
        layer = eqx.tree_at(lambda v: (v.weight, v.bias), layer, (jnp.asarray(w.T), jnp.asarray(b)))
        layers += [layer, eqx.nn.Lambda(jax.nn.relu)]
    return eqx.nn.Sequential(layers[:-1])


def in_sklearn(weights: Weights) -> Any:
    net = MLPRegressor(hidden_layer_sizes=[len(b) for _, b in weights[:-1]], activation="relu", max_iter=1)
    x = RANDOM.standard_normal((4, len(weights[0][0])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged
        net.fit(x, RANDOM.standard_normal((4, len(weights[-1][1]))).squeeze())
    net.coefs_, net.intercepts_ = [w for w, _ in weights], [b for _, b in weights]
    return net


def in_layers(weights: Weights) -> Any:
    acts = ["relu"] * (len(weights) - 1) + ["linear"]
    layers = [
        {"type": "Dense", "weight": w.T, "bias": b, "activation_name": a}
        for (w, b), a in zip(weights, acts, strict=True)
    ]
    return {"layers": layers, "input_dim": len(weights[0][0])}


DENSE: dict[str, Callable[[Weights], Any]] = {
    "torch": in_torch,
    "keras": in_keras,
    "jax": in_jax,
    "flax linen": in_linen,
    "flax nnx": in_nnx,
    "equinox": in_equinox,
    "sklearn": in_sklearn,
    "layers": in_layers,
}


def loaded(source: Any, example: np.ndarray) -> Model:
    return ox.load(source, example=example, dtype="float64", verify="never")


@cache
def dense_models() -> dict[str, Model]:
    weights = dense_weights()
    x = dense_data()
    with jax.enable_x64(True):
        models = {name: loaded(make(weights), x) for name, make in DENSE.items()}
    return {"r": ox.load(RDS, dtype="float64"), **models}


@cache
def dense_data() -> np.ndarray:
    return RANDOM.standard_normal((4, len(dense_weights()[0][0])))


def conv_weights() -> dict[str, np.ndarray]:
    """Filters (out, in, height, width), and a dense layer over channels, height, width."""
    draw = np.random.default_rng(1).standard_normal
    return {"w": draw((4, 2, 3, 3)), "b": draw(4), "v": draw((4 * 2 * 2, 3)), "c": draw(3)}


def conv_torch(w: dict[str, np.ndarray]) -> Any:
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 3)).double()
    net[0].weight.data, net[0].bias.data = torch.tensor(w["w"]), torch.tensor(w["b"])
    net[4].weight.data, net[4].bias.data = torch.tensor(w["v"].T.copy()), torch.tensor(w["c"])
    return net


def last(v: np.ndarray) -> np.ndarray:
    """The dense layer's rows for (height, width, channels)."""
    return v.reshape(4, 2, 2, 3).transpose(1, 2, 0, 3).reshape(16, 3)


def conv_keras(w: dict[str, np.ndarray]) -> Any:
    layers = keras.layers
    net = keras.Sequential(
        [
            keras.Input((6, 6, 2), dtype="float64"),
            layers.Conv2D(4, 3, activation="relu", dtype="float64"),
            layers.AveragePooling2D(2, dtype="float64"),
            layers.Flatten(dtype="float64"),
            layers.Dense(3, dtype="float64"),
        ]
    )
    net.layers[0].set_weights([w["w"].transpose(2, 3, 1, 0), w["b"]])
    net.layers[3].set_weights([last(w["v"]), w["c"]])
    return net


class LinenConv(linen.Module):
    @linen.compact
    def __call__(self, x: Any) -> Any:
        h = linen.relu(linen.Conv(4, (3, 3), padding="VALID", param_dtype=jnp.float64)(x))
        h = linen.avg_pool(h, window_shape=(2, 2), strides=(2, 2))
        return linen.Dense(3, param_dtype=jnp.float64)(h.reshape((h.shape[0], -1)))


def conv_linen(w: dict[str, np.ndarray]) -> Any:
    conv = {"kernel": w["w"].transpose(2, 3, 1, 0), "bias": w["b"]}
    params = {"Conv_0": conv, "Dense_0": {"kernel": last(w["v"]), "bias": w["c"]}}
    return LinenConv(), {"params": jax.tree.map(jnp.asarray, params)}


class EquinoxConv(eqx.Module):
    conv: eqx.nn.Conv2d
    pool: eqx.nn.AvgPool2d
    out: eqx.nn.Linear

    def __call__(self, x: Any) -> Any:
        return self.out(self.pool(jax.nn.relu(self.conv(x))).ravel())


def conv_equinox(w: dict[str, np.ndarray]) -> Any:
    key = jax.random.key(0)
    net = EquinoxConv(eqx.nn.Conv2d(2, 4, 3, key=key), eqx.nn.AvgPool2d(2, 2), eqx.nn.Linear(16, 3, key=key))
    held = (w["w"], w["b"][:, None, None], w["v"].T, w["c"])
    return eqx.tree_at(
        lambda n: (n.conv.weight, n.conv.bias, n.out.weight, n.out.bias), net, tuple(map(jnp.asarray, held))
    )


def conv_layers(w: dict[str, np.ndarray]) -> Any:
    layers = [
        {"type": "Conv2D", "weight": w["w"], "bias": w["b"], "activation_name": "relu"},
        {"type": "AveragePooling2D", "kernel_size": 2},
        {"type": "Flatten"},
        {"type": "Dense", "weight": w["v"].T, "bias": w["c"]},
    ]
    return {"layers": layers, "input_dim": [2, 6, 6]}


#: framework → (how it writes the net, whether its channels are last)
CONV: dict[str, tuple[Callable[[dict[str, np.ndarray]], Any], bool]] = {
    "torch": (conv_torch, False),
    "keras": (conv_keras, True),
    "flax linen": (conv_linen, True),
    "equinox": (conv_equinox, False),
    "layers": (conv_layers, False),
}


@cache
def conv_models() -> dict[str, Model]:
    with jax.enable_x64(True):
        return {
            name: loaded(make(conv_weights()), np.moveaxis(conv_data(), 1, -1) if last else conv_data())
            for name, (make, last) in CONV.items()
        }


@cache
def conv_data() -> np.ndarray:
    return np.random.default_rng(2).standard_normal((3, 2, 6, 6))


def attributions(model: Model, x: np.ndarray, method: str) -> np.ndarray | None:
    """Of the only input; None where the method is for other nets."""
    try:
        options = {"data_ref": 0.5 * x[::-1] + 0.1} if method in REFERENCES else {}
        e = ox.explain(model, x, METHODS[method][0](**options), target="all", seed=0)
    except RuleError:
        return None
    (found,) = e.attributions.values()
    return np.asarray(found.values)


def all_alike(found: dict[str, np.ndarray | None]) -> None:
    first, expected = next(iter(found.items()))
    for name, values in found.items():
        assert (values is None) == (expected is None), f"{name} and {first}: only one has it"
        if values is not None and expected is not None:
            assert values.shape == expected.shape
            off = np.abs(values - expected).max() / max(np.abs(expected).max(), 1e-30)
            assert off <= RTOL, f"{name} and {first} differ by {off:.2g} of the largest value"


def test_all_dense_nets_predict_the_same() -> None:
    predicted = {name: next(iter(m.predict(dense_data()).values())) for name, m in dense_models().items()}
    assert len(predicted) == 9
    all_alike({k: y.reshape(len(y), -1) for k, y in predicted.items()})


@pytest.mark.parametrize("method", [*WHITE, *BLACK])
def test_a_dense_net_is_explained_alike_in_every_framework(method: str) -> None:
    found = {name: attributions(m, dense_data(), method) for name, m in dense_models().items()}
    all_alike({k: v if v is None else v.reshape(4, v.shape[1], -1) for k, v in found.items()})


@pytest.mark.parametrize("method", WHITE)
def test_a_convolutional_net_is_explained_alike_in_every_framework(method: str) -> None:
    found: dict[str, np.ndarray | None] = {}
    for name, model in conv_models().items():
        channels_last = CONV[name][1]
        if channels_last and method in NOISY:
            continue
        x = np.moveaxis(conv_data(), 1, -1) if channels_last else conv_data()
        values = attributions(model, x, method)
        found[name] = np.moveaxis(values, 3, 1) if channels_last and values is not None else values
    all_alike(found)


def test_every_method_is_compared() -> None:
    assert {"gradient", "lrp", "deeplift", "integrated_gradients", "grad_cam"} <= set(WHITE)
    with_values = [m for m in WHITE if attributions(conv_models()["torch"], conv_data(), m) is not None]
    assert len(with_values) >= len(WHITE) - 1
