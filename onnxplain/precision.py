"""How many digits of their float32 factors matrix products and convolutions read: all of them, unless asked otherwise.

torch decides that by settings of the whole process, some of which spare digits by default: convolutions on a GPU read ten
bits of a factor's twenty-three (TF32). What is computed here sets them for its own time and puts them back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import torch

from .errors import InputError

#: precision → (types of device that have it, what torch calls it). Bits read of a factor's mantissa: 23, 10, 7
PRECISIONS = {"float32": (("cpu", "cuda"), "ieee"), "tf32": (("cuda",), "tf32"), "bfloat16": (("cpu",), "bf16")}


def checked_precision(name: str, dtype: torch.dtype, device: torch.device) -> str:
    """Raises `InputError` where products of this precision do not exist."""
    if name not in PRECISIONS:
        raise InputError(f"precision={name!r}: it is one of {', '.join(map(repr, PRECISIONS))}")
    if name == "float32":
        return name
    if dtype != torch.float32:
        raise InputError(f"precision={name!r} is about products of float32 numbers; the model is computed in {dtype}")
    if device.type not in PRECISIONS[name][0] or not _settings(device.type, PRECISIONS[name][1]):
        fit = [p for p, (types, _) in PRECISIONS.items() if device.type in types and p != name]
        raise InputError(f"precision={name!r} does not exist on this device, {device}, with torch {torch.__version__}: {fit or ['float32']} do")
    if name == "bfloat16" and not reads_bfloat16():
        raise InputError(f"precision={name!r}: this processor has no such products")
    return name


def products(precision: str, device: torch.device) -> AbstractContextManager[None]:
    """While entered, products on this type of device read that many digits; in the whole process, as torch has it."""
    settings = _settings(device.type, PRECISIONS[precision][1])
    # where nothing is said CPUs read all digits
    same = ("ieee", "none") if device.type == "cpu" and precision == "float32" else ()
    others = [
        (of, name, value, before)
        for of, name, value in settings
        if (before := getattr(of, name)) != value and before not in same
    ]
    return _set(others) if others else nullcontext()


@cache
def reads_bfloat16() -> bool:
    """Whether this processor's products of float32 numbers read bfloat16 when told to, which one of them shows: torch says yes of
    every AVX-512, where oneDNN goes on in single precision if there are no such instructions."""
    cpu = torch.device("cpu")
    if not _settings(cpu.type, "bf16"):
        return False
    with torch.inference_mode():
        x = torch.linspace(-1, 1, 256 * 256).view(256, 256)  # so large that torch gives it to oneDNN
        made = []
        for precision in ("float32", "bfloat16"):
            with products(precision, cpu):
                made.append(x @ x)
    return not torch.equal(*made)


@contextmanager
def _set(others: list[tuple[Any, str, Any, Any]]) -> Iterator[None]:
    """Settings of the process, (object, attribute, value, what it was before), while entered."""
    try:
        for of, name, value, _ in others:
            setattr(of, name, value)
        yield
    finally:
        for of, name, _, before in others:
            setattr(of, name, before)


@cache
def _settings(device: str, said: str) -> list[tuple[Any, str, Any]]:
    """(object, attribute, value): torch 2.9 names the precision per library and operation; before, TF32 is on or off."""
    backends: Any = torch.backends
    if hasattr(backends.mkldnn, "conv"):
        of = {
            "cpu": [backends.mkldnn.conv, backends.mkldnn.matmul],
            "cuda": [backends.cuda.matmul, backends.cudnn.conv],
        }
        return [(o, "fp32_precision", said) for o in of.get(device, [])]
    if device == "cuda":
        return [(o, "allow_tf32", said == "tf32") for o in (backends.cuda.matmul, backends.cudnn)]
    return []
