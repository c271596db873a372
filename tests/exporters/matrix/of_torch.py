"""PyTorch's cells."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..torch_nets import NETS, Net
from .cell import Cell, Entry, Row


class Prepared(nn.Module):
    """Standardised and cut off before the net, as pipelines do."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.3, -0.2, 0.1, 0.0]))
        self.register_buffer("scale", torch.tensor([0.5, 2.0, 1.5, 1.0]))
        self.net = nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(((x - self.mean) / self.scale).clamp(-3, 3))


PIPELINE = Net(Prepared, ((4,),))
#: (architecture, variant) → (net, kinds of files besides the script); an exported program takes seconds
TABLE: dict[tuple[str, str], tuple[Net, tuple[str, ...]]] = {
    ("dense", ""): (NETS["dense"], ("trace",)),
    ("dense", "in place"): (NETS["in_place"], ()),
    ("cnn", ""): (NETS["cnn"], ("trace", "pt2")),
    ("residual", ""): (NETS["residual"], ("pt2",)),
    ("multi-input", ""): (NETS["two_inputs"], ("trace",)),
    ("multi-input", "dict"): (NETS["dict"], ()),
    ("recurrent", ""): (NETS["lstm"], ()),
    ("recurrent", "gru"): (NETS["gru"], ()),
    ("attention", ""): (NETS["attention"], ("pt2",)),
    ("pipeline", ""): (PIPELINE, ()),
}
#: what torch.jit.script does not compile is traced
TRACED = ("attention",)


def first(y: Any) -> Tensor:
    """Of several outputs the first."""
    while not isinstance(y, Tensor):
        y = next(iter(y.values())) if isinstance(y, dict) else y[0]
    return y


def cells() -> Row:
    return {
        key: Entry(("object", "file", *(f"file.{k}" for k in kinds)), partial(cell, net, kinds, key))
        for key, (net, kinds) in TABLE.items()
    }


def cell(net: Net, kinds: tuple[str, ...], key: tuple[str, str]) -> Cell:
    module = net.module()
    data = net.data(3)

    def call(module: nn.Module, tensors: tuple[Tensor, ...]) -> Tensor:
        arguments = net.arguments(*tensors)
        return first(module(*arguments) if isinstance(arguments, tuple) else module(arguments))

    def predict(*arrays: Any) -> Any:
        with torch.no_grad():
            return call(module, tuple(map(torch.from_numpy, arrays))).numpy()

    def gradient(unit: int, *arrays: Any) -> list[Any]:
        tensors = tuple(torch.from_numpy(a).double().requires_grad_() for a in arrays)
        y = call(net.module().double(), tensors)
        return [g.numpy() for g in torch.autograd.grad(y[:, unit].sum(), tensors)]

    def write(kind: str) -> Callable[[Path], Path]:
        return lambda folder: saved(module, data, kind, folder)

    files = {"file": write("trace" if key[0] in TRACED else "script"), **{f"file.{k}": write(k) for k in kinds}}
    example = net.arguments(*net.data(1))
    names = list(example) if isinstance(example, dict) else list(inspect.signature(module.forward).parameters)
    return Cell(
        dict(zip(names, (x.numpy() for x in data), strict=True)), predict, gradient, module, files,
        None if key == ("dense", "") else example,
    )  # fmt: skip


def saved(module: nn.Module, data: tuple[Tensor, ...], kind: str, folder: Path) -> Path:
    path = folder / f"net.{'pt2' if kind == 'pt2' else 'pt'}"
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "pt2":
            shapes = tuple({0: torch.export.Dim.AUTO} for _ in data)
            torch.export.save(torch.export.export(module, data, dynamic_shapes=shapes, strict=False), path)
        else:
            # the fast path of attention is one operator, which has no ONNX
            torch.backends.mha.set_fastpath_enabled(False)
            try:
                made = torch.jit.script(module) if kind == "script" else torch.jit.trace(module, data)
            finally:
                torch.backends.mha.set_fastpath_enabled(True)
            torch.jit.save(made, path)
    return path
