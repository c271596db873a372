"""A device that no machine needs to have: its tensors are real ones on the CPU that torch takes for another device's.

What a GPU would refuse is refused: an operation on tensors of both devices, unless the CPU's is a single number; and
numpy sees none of them before they are brought back. The numbers are right, so that whole explanations can be compared.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

#: the type of device that torch knows everywhere beside "cpu" and "meta", and that nothing here is computed on
DEVICE = torch.device("lazy:0")
#: operations that may meet tensors of both devices, as on a GPU (indices may be on the CPU)
ACROSS = ("_to_copy", "copy_", "index", "index_put", "index_put_")


class Elsewhere(torch.Tensor):
    """A tensor on the pretended device; `here` is the real one."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> Self:
        made = torch.Tensor._make_wrapper_subclass(
            cls, here.shape, strides=here.stride(), storage_offset=here.storage_offset(), dtype=here.dtype, device=DEVICE
        )
        made.here = here
        return made

    def tolist(self) -> Any:
        return self.here.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


class PretendedDevice(TorchDispatchMode):
    """While it is entered, torch has the device "lazy:0"."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


class Literals(TorchFunctionMode):
    """While it is entered, numbers written in Python become tensors of the device; torch makes them below dispatch."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.tensor and kwargs.get("device") is not None and torch.device(kwargs["device"]).type == DEVICE.type:
            return func(*args, **{**kwargs, "device": "cpu"}).to(DEVICE)
        if func is Tensor.new_tensor and isinstance(args[0], Elsewhere):
            return args[0].here.new_tensor(*args[1:], **kwargs).to(DEVICE)
        return func(*args, **kwargs)


def run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = func.__name__.split(".")[0]
    given = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
    there = [x for x in given if isinstance(x, Elsewhere)]
    if there and name not in ACROSS and (strays := [x for x in given if not isinstance(x, Elsewhere) and x.dim() > 0]):
        raise RuntimeError(f"{func} on two devices: {[tuple(x.shape) for x in there]} there, {[tuple(x.shape) for x in strays]} here")
    device = kwargs.get("device")
    stays = bool(there) if device is None else torch.device(device).type == DEVICE.type
    kwargs = {**kwargs, "device": torch.device("cpu")} if device is not None else kwargs
    if name == "copy_":
        stays = isinstance(args[0], Elsewhere)
    args, kwargs = tree_map(lambda x: x.here if isinstance(x, Elsewhere) else x, (args, kwargs))
    made = func(*args, **kwargs)
    return tree_map(lambda x: Elsewhere(x) if isinstance(x, Tensor) else x, made) if stays else made
