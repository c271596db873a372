"""A module compiled to TorchScript behind a forward from tensors to a tuple of tensors, which is what its exporter takes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from .. import ConversionError
from ..common.arguments import FIXED
from .data import Call, Slot, leaves


def compiled(module: Any, call: Call, tensors: Sequence[Any]) -> Any:
    """The arguments of `call` are written out around the tensors, and the places of what comes back behind the call."""
    import torch

    inner = _apart(module if isinstance(module, torch.jit.ScriptModule) else torch.jit.script(module))
    args, kwargs = call.arguments(tensors)
    places = [place for _, place, _ in leaves(inner(*args, **kwargs))]
    given = [_written(a) for a in call.args] + [f"{k}={_written(a)}" for k, a in call.kwargs.items()]
    shell = torch.nn.Module()
    shell.module = inner
    setattr(shell, f"only_{uuid4().hex}", 0)  # modules alike share their type, and with it a forward
    outer = torch.jit.script(shell)
    outer.define(
        f"def forward(self, {', '.join(_name(i) for i in range(len(tensors)))}):\n"
        f"    y = self.module({', '.join(given)})\n"
        f"    return ({', '.join(f'y{place}' for place in places)},)\n"
    )
    return outer


def _apart(module: Any) -> Any:
    """A copy with code of its own: exporting writes the modules inside one another into the code, which modules of a class
    share, and where that has been done once the names of those inside are lost."""
    import torch

    file = io.BytesIO()
    torch.jit.save(module, file)
    file.seek(0)
    return torch.jit.load(file)


def _name(i: int) -> str:
    return f"x{i}"


def _written(value: Any) -> str:
    """The argument as TorchScript writes it."""
    if isinstance(value, Slot):
        return _name(value.index)
    if isinstance(value, FIXED):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k!r}: {_written(v)}" for k, v in value.items()) + "}"
    if type(value) is list:
        return "[" + ", ".join(map(_written, value)) + "]"
    if type(value) is tuple:
        return "(" + "".join(f"{_written(v)}, " for v in value) + ")"
    raise ConversionError(f"TorchScript has no way to write an argument of {type(value).__qualname__}")
