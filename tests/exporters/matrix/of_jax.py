"""JAX's cells: functions, Flax, Equinox, Haiku. Imported only where they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..jax_nets import Net, draw, net, stacked
from .cell import Cell, Entry, Row


@jax.jit
def prepared(params: Any, rows: Any) -> Any:
    h = jax.nn.silu(jnp.clip((rows - 0.3) / 1.7, -2, 2) @ params["layer0"]["w"] + params["layer0"]["b"])
    return h @ params["layer1"]["w"] + params["layer1"]["b"]


def pipeline() -> Net:
    function = partial(prepared, stacked((4, 6, 3)))
    return Net(function, function, {"rows": draw(5, 4)})


TABLE: dict[tuple[str, str], Callable[[], Net]] = {
    ("dense", ""): lambda: net("plain"),
    ("dense", "equinox"): lambda: net("equinox_dense"),
    ("dense", "haiku"): lambda: net("haiku_dense"),
    ("dense", "haiku with state"): lambda: net("haiku_state"),
    ("cnn", ""): lambda: net("convolutional"),
    ("cnn", "bound"): lambda: net("bound"),
    ("cnn", "equinox"): lambda: net("equinox_filters"),
    ("residual", ""): lambda: net("residual"),
    ("multi-input", ""): lambda: net("two_inputs"),
    ("recurrent", ""): lambda: net("recurrent"),
    ("attention", ""): lambda: net("attention"),
    ("pipeline", ""): pipeline,
}


def cells() -> Row:
    return {key: Entry(("object",), lambda make=make: cell(make())) for key, make in TABLE.items()}


def cell(it: Net) -> Cell:
    def gradient(unit: int, *arrays: Any) -> list[Any]:
        places = tuple(range(len(arrays)))
        given = [jnp.asarray(x, jnp.float32) for x in arrays]
        return [np.asarray(g) for g in jax.grad(lambda *x: it.predict(*x)[:, unit].sum(), places)(*given)]

    return Cell(it.data, lambda *arrays: np.asarray(it.predict(*arrays)), gradient, it.source, example=it.example)
