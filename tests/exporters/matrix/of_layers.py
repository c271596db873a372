"""The cells of a dict of layers, beside the same formula in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .cell import Cell, Entry, Row, numbers

Layers = dict[str, Any]


def layer(n_in: int, n_out: int, activation: str, seed: int, **more: Any) -> Layers:
    weight, bias = numbers(n_out, n_in, seed=seed) / n_in**0.5, numbers(n_out, seed=seed + 50)
    return {"type": "Dense", "weight": weight, "bias": bias, "activation_name": activation, **more}


def apply(held: Layers, x: Tensor) -> Tensor:
    """A dense layer by torch."""
    acts: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "tanh": torch.tanh, "linear": lambda v: v}
    w, b = (torch.as_tensor(held[k], dtype=x.dtype) for k in ("weight", "bias"))
    return acts[held["activation_name"]](x @ w.T + b)


def dense() -> tuple[Layers, Callable[..., Tensor], dict[str, Any]]:
    held = [layer(4, 6, "tanh", 1), layer(6, 3, "linear", 2)]
    return {"layers": held, "input_dim": 4}, lambda x: apply(held[1], apply(held[0], x)), {"Input_1": numbers(3, 4)}


def cnn() -> tuple[Layers, Callable[..., Tensor], dict[str, Any]]:
    w, b = numbers(4, 2, 3, 3, seed=1), numbers(4, seed=2)
    last = layer(4 * 2 * 2, 3, "linear", 3)
    held = [
        {"type": "Conv2D", "weight": w, "bias": b, "activation_name": "relu"},
        {"type": "AveragePooling2D", "kernel_size": 2},
        {"type": "Flatten"},
        last,
    ]

    def formula(x: Tensor) -> Tensor:
        y = F.relu(F.conv2d(x, torch.as_tensor(w, dtype=x.dtype), torch.as_tensor(b, dtype=x.dtype)))
        return apply(last, F.avg_pool2d(y, 2).flatten(1))

    return {"layers": held, "input_dim": [2, 6, 6]}, formula, {"Input_1": numbers(3, 2, 6, 6)}


def residual() -> tuple[Layers, Callable[..., Tensor], dict[str, Any]]:
    held = [
        layer(4, 4, "tanh", 1, input_layers=[0], output_layers=[2, 3]),
        layer(4, 4, "relu", 2, input_layers=[1], output_layers=[3]),
        {"type": "Add", "input_layers": [1, 2], "output_layers": [4]},
        layer(4, 3, "linear", 3, input_layers=[3], output_layers=[-1]),
    ]

    def formula(x: Tensor) -> Tensor:
        h = apply(held[0], x)
        return apply(held[3], h + apply(held[1], h))

    return {"layers": held, "input_dim": 4}, formula, {"Input_1": numbers(3, 4)}


def multi_input() -> tuple[Layers, Callable[..., Tensor], dict[str, Any]]:
    held = [
        layer(4, 5, "tanh", 1, input_layers=[0], output_layers=[3]),
        layer(3, 2, "tanh", 2, input_layers=[0], output_layers=[3]),
        {"type": "Concatenate", "axis": 2, "input_layers": [1, 2], "output_layers": [4]},
        layer(7, 3, "linear", 3, input_layers=[3], output_layers=[-1]),
    ]

    def formula(x: Tensor, y: Tensor) -> Tensor:
        return apply(held[3], torch.cat([apply(held[0], x), apply(held[1], y)], 1))

    model = {"layers": held, "input_dim": [[4], [3]], "input_nodes": [1, 2], "output_nodes": [4]}
    return model, formula, {"Input_1": numbers(3, 4), "Input_2": numbers(3, 3, seed=4)}


MODELS = {"dense": dense, "cnn": cnn, "residual": residual, "multi-input": multi_input}


def cells() -> Row:
    return {(name, ""): Entry(("object",), lambda make=make: cell(*make())) for name, make in MODELS.items()}


def cell(model: Layers, formula: Callable[..., Tensor], data: dict[str, Any]) -> Cell:
    def gradient(unit: int, *arrays: Any) -> list[Any]:
        inputs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in arrays]
        return [g.numpy() for g in torch.autograd.grad(formula(*inputs)[:, unit].sum(), inputs)]

    return Cell(data, lambda *arrays: formula(*map(torch.from_numpy, arrays)).numpy(), gradient, model)
