"""Small JAX models of every kind that is converted, what each predicts, and data for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen, nnx


@dataclass(frozen=True)
class Net:
    """`source`: what the user passes. `predict`: the framework's own call. `data`: arrays by input name."""

    source: Any
    predict: Callable[..., Any]
    data: dict[str, np.ndarray]

    @property
    def example(self) -> Any:
        values = tuple(self.data.values())
        return values[0] if len(values) == 1 else values


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def stacked(sizes: tuple[int, ...]) -> dict[str, Any]:
    return {f"layer{k}": {"w": draw(n, m) / n**0.5, "b": draw(m)} for k, (n, m) in enumerate(pairwise(sizes))}


@jax.jit
def dense(params: Any, rows: Any) -> Any:
    h = jnp.tanh(rows @ params["layer0"]["w"] + params["layer0"]["b"])
    return {"logits": h @ params["layer1"]["w"] + params["layer1"]["b"]}


def plain() -> Net:
    function = partial(dense, stacked((4, 6, 3)))
    return Net(function, lambda x: function(x)["logits"], {"rows": draw(5, 4)})


def two_inputs() -> Net:
    w = draw(2, 4, 5)

    @jax.jit
    def both(left: Any, right: Any) -> Any:
        return jnp.stack([jax.nn.gelu(left @ w[0]) * jax.nn.sigmoid(right @ w[1]), right @ w[1]], 1).sum(2)

    return Net(both, both, {"left": draw(5, 4), "right": draw(5, 4) * 0.5})


class Images(linen.Module):
    @linen.compact
    def __call__(self, image: Any, train: bool) -> Any:
        h = linen.relu(linen.Conv(4, (3, 3), padding="VALID")(image))
        h = linen.BatchNorm(use_running_average=not train)(h)
        h = linen.avg_pool(h, window_shape=(2, 2), strides=(2, 2))
        h = linen.Dropout(0.5, deterministic=not train)(h)
        return linen.Dense(3)(h.reshape((h.shape[0], -1)))


def convolutional() -> Net:
    net, x = Images(), draw(3, 6, 6, 2)
    variables = net.init(jax.random.key(0), x, train=False)
    variables = {**variables, "batch_stats": jax.tree.map(lambda v: v + 0.3, variables["batch_stats"])}
    return Net((net, variables), lambda image: net.apply(variables, image, train=False), {"image": x})


def bound() -> Net:
    net = convolutional()
    return Net(net.source[0].bind(net.source[1]), net.predict, net.data)


class Residual(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.first, self.inner = nnx.Linear(4, 5, rngs=rngs), nnx.Linear(5, 5, rngs=rngs)
        self.norm, self.out = nnx.BatchNorm(5, rngs=rngs), nnx.Linear(5, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        h = nnx.relu(self.first(x))
        return self.out(nnx.relu(self.norm(self.inner(h))) + h)


def residual() -> Net:
    net = Residual()  # in training mode
    twin = nnx.clone(net)
    twin.eval()
    return Net(net, twin, {"x": draw(5, 4)})


class Series(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.rnn, self.out = nnx.RNN(nnx.GRUCell(2, 4, rngs=rngs)), nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, series: Any) -> Any:
        return self.out(self.rnn(series)[:, -1])


def recurrent() -> Net:
    net = Series()
    return Net(net, lambda series: nnx.clone(net)(series), {"series": draw(3, 5, 2)})


class Attending(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.attention = nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs)
        self.norm, self.out = nnx.LayerNorm(8, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.out(self.norm(x + self.attention(x)).mean(1))


def attention() -> Net:
    net = Attending()
    return Net(net, net, {"x": draw(3, 4, 8)})


def equinox_dense() -> Net:
    net = eqx.nn.MLP(4, 3, 6, 2, activation=jax.nn.softplus, key=jax.random.key(0))
    return Net(net, jax.vmap(net), {"x": draw(5, 4)})


class Filters(eqx.Module):
    conv: eqx.nn.Conv2d
    drop: eqx.nn.Dropout
    out: eqx.nn.Linear

    def __call__(self, image: Any) -> Any:
        return self.out(self.drop(jax.nn.relu(self.conv(image)).ravel()))


def equinox_filters() -> Net:
    key = jax.random.key(0)
    net = Filters(eqx.nn.Conv2d(2, 3, 3, key=key), eqx.nn.Dropout(0.5), eqx.nn.Linear(27, 3, key=key))
    return Net(net, jax.vmap(eqx.nn.inference_mode(net)), {"image": draw(3, 2, 5, 5)})


def haiku_dense() -> Net:
    made, x = hk.transform(lambda rows: hk.nets.MLP([6, 3])(rows)), draw(5, 4)
    params = made.init(jax.random.key(0), x)
    return Net((made, params), lambda rows: made.apply(params, None, rows), {"rows": x})


def haiku_state() -> Net:
    def function(rows: Any, is_training: bool) -> Any:
        h = hk.BatchNorm(True, True, 0.9)(hk.Linear(5)(rows), is_training)
        return hk.Linear(3)(jnp.tanh(h))

    made, x = hk.without_apply_rng(hk.transform_with_state(function)), draw(5, 4)
    params, state = made.init(jax.random.key(0), x, True)
    _, state = made.apply(params, state, x, True)
    return Net((made, params, state), lambda rows: made.apply(params, state, rows, False)[0], {"rows": x})


MADE: dict[str, Callable[[], Net]] = {
    f.__name__: f
    for f in (
        plain,
        two_inputs,
        convolutional,
        bound,
        residual,
        recurrent,
        attention,
        equinox_dense,
        equinox_filters,
        haiku_dense,
        haiku_state,
    )
}


@cache
def net(name: str) -> Net:
    return MADE[name]()
