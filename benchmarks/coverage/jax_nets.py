"""JAX functions and Flax nets through jax2onnx."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .net import Architecture, Exported


def _exported(make: Callable[[], Callable[..., Any]], *shape: int) -> Exported:
    from jax2onnx import to_onnx

    proto = to_onnx(make(), [("B", *shape)])
    x = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    return Exported(proto, {proto.graph.input[0].name: x}, "jax2onnx")


def _function() -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    a, b = (jax.random.normal(jax.random.PRNGKey(k), s) for k, s in ((0, (6, 16)), (1, (16, 3))))
    return lambda x: jnp.tanh(x @ a + 0.1) @ b


def _mlp() -> Callable[..., Any]:
    from flax import nnx

    r = nnx.Rngs(0)
    return nnx.Sequential(nnx.Linear(6, 16, rngs=r), nnx.gelu, nnx.LayerNorm(16, rngs=r), nnx.Linear(16, 3, rngs=r))


def _conv() -> Callable[..., Any]:
    from flax import nnx

    r = nnx.Rngs(0)
    first, norm, second = (
        nnx.Conv(3, 8, (3, 3), rngs=r),
        nnx.BatchNorm(8, rngs=r, use_running_average=True),
        nnx.Conv(8, 8, (3, 3), strides=2, rngs=r),
    )
    last = nnx.Linear(8, 4, rngs=r)

    def net(x: Any) -> Any:
        x = nnx.max_pool(nnx.relu(norm(first(x))), window_shape=(2, 2), strides=(2, 2))
        return last(nnx.silu(second(x)).mean((1, 2)))

    return net


def _residual() -> Callable[..., Any]:
    from flax import nnx

    r = nnx.Rngs(0)
    a, b, c = (nnx.Conv(i, 8, (3, 3), rngs=r) for i in (3, 8, 8))
    norm, last = nnx.GroupNorm(8, num_groups=2, rngs=r), nnx.Linear(8, 4, rngs=r)

    def net(x: Any) -> Any:
        x = nnx.relu(a(x))
        x = x + c(nnx.relu(norm(b(x))))
        return last(nnx.avg_pool(x, window_shape=(2, 2), strides=(2, 2)).mean((1, 2)))

    return net


def _attention() -> Callable[..., Any]:
    from flax import nnx

    r = nnx.Rngs(0)
    norm, mix = nnx.LayerNorm(8, rngs=r), nnx.MultiHeadAttention(2, 8, decode=False, rngs=r)
    wide, narrow, last = nnx.Linear(8, 16, rngs=r), nnx.Linear(16, 8, rngs=r), nnx.Linear(8, 3, rngs=r)

    def net(x: Any) -> Any:
        x = x + mix(norm(x))
        x = x + narrow(nnx.gelu(wide(x)))
        return last(x.mean(1))

    return net


def _einsum() -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    w, v = (jax.random.normal(jax.random.PRNGKey(k), (8, 8)) for k in (0, 1))

    def net(x: Any) -> Any:
        weights = jax.nn.softmax(jnp.einsum("btd,de,bse->bts", x, w, x) / 8, axis=-1)
        return jax.nn.log_softmax(jnp.einsum("bts,bsd,de->bte", weights, x, v).max(1))

    return net


def _scan() -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    w, u = (0.3 * jax.random.normal(jax.random.PRNGKey(k), (5, 5)) for k in (0, 1))

    def net(x: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            h = jnp.tanh(h @ w + x @ u)
            return h, h

        return jax.lax.scan(step, jnp.zeros_like(x[:, 0]), jnp.swapaxes(x, 0, 1))[0]

    return net


NETS: dict[str, tuple[Callable[[], Callable[..., Any]], tuple[int, ...]]] = {
    "function": (_function, (6,)),
    "flax MLP": (_mlp, (6,)),
    "flax conv net": (_conv, (16, 16, 3)),
    "flax residual, group norm": (_residual, (12, 12, 3)),
    "flax attention": (_attention, (7, 8)),
    "einsum attention": (_einsum, (7, 8)),
    "scan": (_scan, (6, 5)),
}

ARCHITECTURES = [
    Architecture(f"jax/{n}", "JAX", partial(_exported, make, *s), "small") for n, (make, s) in NETS.items()
]
