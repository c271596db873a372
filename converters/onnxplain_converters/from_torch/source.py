"""What holds a torch model: a module, a ScriptModule, an exported program, or a file of one of these."""

from __future__ import annotations

import copy
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import ConversionError
from ..common.quiet import first_line

#: entries of a zip archive, without its top folder, that only one kind of file has
SCRIPT = ("code/", "constants.pkl")
PROGRAM = ("models/model.json", "archive_format", "serialized_exported_program.json")
COMPILED = ("data/aotinductor/",)
#: modules of torch's that call the one inside them and do nothing else to what it predicts
WRAPPERS = ("DataParallel", "DistributedDataParallel", "FullyShardedDataParallel", "AveragedModel")
#: how files of torch older than 1.6 begin, which are no archives
PICKLE = b"\x80"


def source_of(model: Any, trust: bool) -> Any:
    """An `nn.Module` (a ScriptModule is one), or an `ExportedProgram`."""
    import torch

    what = str(model) if isinstance(model, (str, Path)) else f"this {type(model).__qualname__}"
    found = _read(Path(model), trust) if isinstance(model, (str, Path)) else model
    found = _unwrapped(found)
    if isinstance(found, (torch.nn.Module, torch.export.ExportedProgram)):
        return found
    if isinstance(found, Mapping):
        names = [str(k) for k in found]
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        raise ConversionError(
            f"{what} holds weights by name ({shown}), not the module that computes with them: make the module from its "
            "class, module.load_state_dict(…) the weights, and give the module"
        )
    raise ConversionError(
        f"{what} holds a {type(found).__qualname__}, which is no torch model: give an nn.Module, a ScriptModule or a "
        "torch.export program"
    )


def _unwrapped(model: Any) -> Any:
    """The module inside of what torch.compile, data-parallel training and weight averaging put around it."""
    while True:
        if hasattr(model, "_orig_mod"):
            model = model._orig_mod
        elif type(model).__name__ in WRAPPERS and type(model).__module__.startswith("torch."):
            model = model.module
        else:
            return model


def _read(path: Path, trust: bool) -> Any:
    """What a .pt, .pth or .pt2 file holds, by its content. A pickle runs code: only where that is trusted."""
    import torch

    entries = _entries(path)
    try:
        if any(e.startswith(COMPILED) for e in entries):
            raise ConversionError(
                f"{path} holds a compiled program, which has no graph: save it with torch.export.save"
            )
        if any(e.startswith(SCRIPT) for e in entries):
            return torch.jit.load(str(path), map_location="cpu")
        if any(e in PROGRAM for e in entries):
            return torch.export.load(str(path))
        if not entries and path.read_bytes()[:1] != PICKLE:
            raise ConversionError(f"{path} is no file that torch wrote")
        return _unpickled(path, trust)
    except ConversionError:
        raise
    except Exception as error:  # torch's readers have no common error
        raise ConversionError(f"{path} cannot be read as a torch model: {first_line(error)}") from error


def _entries(path: Path) -> list[str]:
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return [n for name in names for n in (name, name.partition("/")[2])]


def _unpickled(path: Path, trust: bool) -> Any:
    import pickle

    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not trust:
            raise ConversionError(
                f"{path} holds a pickled object, and reading it runs code from the file. If you trust where it comes from, "
                'say so: options={"trust": True}, on the command line --option trust=True'
            ) from error
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except (AttributeError, ImportError) as error:
        raise ConversionError(
            f"{path} names a class that cannot be imported here ({first_line(error)}): import it, or save the module as a "
            "ScriptModule or with torch.export.save, which need no class"
        ) from error


@contextmanager
def at_rest(module: Any) -> Iterator[Any]:
    """A copy of the module on the CPU in evaluation mode; half precision becomes single, which holds it exactly.

    A module that cannot be copied is used as it is, and its training flags and buffers are put back.
    """
    import torch

    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, x in tensors.items():
        if x.is_meta or torch.nn.parameter.is_lazy(x):
            raise ConversionError(f"the module's {name} has no values yet: run the module once, or load its weights")
    half = any(x.dtype in (torch.float16, torch.bfloat16) for x in tensors.values())
    away = any(x.device.type != "cpu" for x in tensors.values())
    try:
        fresh = copy.deepcopy(module).cpu()
    except Exception as error:  # whatever an attribute raises
        if half or away:
            raise ConversionError(
                f"the module cannot be copied to the CPU in single precision ({first_line(error)}): give module.cpu().float()"
            ) from error
    else:
        yield _settled((fresh.float() if half else fresh).eval())
        return
    flags = [(m, m.training) for m in module.modules()]
    buffers = [(b, b.clone()) for b in module.buffers()]
    try:
        yield module.eval()
    finally:
        with torch.no_grad():
            for b, values in buffers:
                b.copy_(values)
        for m, training in flags:
            m.training = training


def _settled(module: Any) -> Any:
    """The copy with weights for what makes weights at every call: parametrisations, and embeddings that shorten rows."""
    import torch
    from torch.nn.utils import parametrize

    if isinstance(module, torch.jit.ScriptModule):
        return module
    for m in module.modules():
        if parametrize.is_parametrized(m):
            # torch's own way to remove them takes properties from a class that the original shares
            made = {name: getattr(m, name).detach() for name in m.parametrizations}
            del m.parametrizations
            m.__class__ = type(m).__mro__[1]
            for name, weight in made.items():
                m.register_parameter(name, torch.nn.Parameter(weight, requires_grad=False))
        if isinstance(m, (torch.nn.Embedding, torch.nn.EmbeddingBag)) and m.max_norm is not None:
            every = torch.arange(m.num_embeddings)
            torch.embedding_renorm_(m.weight.detach(), every, m.max_norm, m.norm_type)
            m.max_norm = None
    return module


def on_cpu(program: Any) -> Any:
    """The exported program with its tensors on the CPU."""
    tensors = (*program.state_dict.values(), *program.constants.values())
    if all(getattr(x, "device", None) is None or x.device.type == "cpu" for x in tensors):
        return program
    from torch.export.passes import move_to_device_pass

    return move_to_device_pass(program, "cpu")
