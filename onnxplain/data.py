"""A user's data → one checked tensor per input, samples first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .columns import as_codes, by_column, is_table
from .errors import InputError
from .few_bits import is_of_few_bits, packed, plain
from .frontend.strings import decoded
from .layers.several import Several
from .layers.shapes import all_finite
from .specs import Spec

INTEGER_LIMITS = {
    f"{sign}int{bits}": (int(np.iinfo(f"{sign}int{bits}").min), min(int(np.iinfo(f"{sign}int{bits}").max), 2**63 - 1))
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
} | {"int2": (-2, 1), "int4": (-8, 7), "uint2": (0, 3), "uint4": (0, 15)}
#: what an output can be cast to
NUMPY_TYPES = frozenset(t for t in ("float16", "float32", "float64", "bool", *INTEGER_LIMITS) if not is_of_few_bits(t))
#: integer types torch computes with little or no support: widened, as the frontend does with constants
WIDENED = {
    **dict.fromkeys(("uint16", "uint32", "uint64"), torch.int64),
    **dict.fromkeys(("int2", "int4"), torch.int8),
    **dict.fromkeys(("uint2", "uint4"), torch.uint8),
}


def by_input(specs: Mapping[str, Spec], data: Any, what: str = "data") -> dict[str, Any]:
    """One item per input name, whatever form the user chose."""
    names = list(specs)
    if len(names) == 1 and isinstance(data, (np.ndarray, Tensor)):
        return {names[0]: data}
    if isinstance(data, Mapping):
        unknown, absent = [k for k in data if k not in specs], [n for n in names if n not in data]
        if unknown or absent:
            raise InputError(f"{what} has no {absent} and names unknown inputs {unknown}; the model's inputs are {_listed(specs)}")
        return {n: data[n] for n in names}
    if isinstance(data, tuple):
        if len(data) != len(names):
            raise InputError(f"{what} is a tuple of {len(data)}, the model has {len(names)} inputs: {_listed(specs)}")
        return dict(zip(names, data, strict=True))
    if len(names) > 1 and is_table(data):
        return dict(by_column(specs, data, what))
    if len(names) != 1:
        raise InputError(f"{what} is one {type(data).__name__}, the model has {len(names)} inputs: give a dict with {_listed(specs)}")
    return {names[0]: data}


def prepare(
    specs: Mapping[str, Spec],
    data: Any,
    dtype: torch.dtype,
    device: torch.device,
    what: str = "data",
    explained: bool = True,
) -> dict[str, Tensor]:
    """Tensors by input name with the sample axis first (inputs without one as they are). The one row of an input that
    the model fixes to one row goes with every sample of the others. Raises `InputError`; what is only predicted, not
    `explained`, may hold infinite numbers (a mask of −∞), or none at all."""
    given = by_input(specs, data, what)
    if explained:
        _check_tensors(specs)
    tensors = {n: _value(specs[n], x, dtype, device, what, explained) for n, x in given.items()}
    if len(tensors) == 1:  # which has no other to agree with
        return tensors
    most = max((t.shape[0] for n, t in tensors.items() if specs[n].batch_axis is not None), default=1)
    tensors = {n: t.expand(most, *t.shape[1:]) if specs[n].fixed_batch == 1 and len(t) == 1 else t for n, t in tensors.items()}
    counts = {n: t.shape[0] for n, t in tensors.items() if specs[n].batch_axis is not None and (explained or t.numel())}
    if len(set(counts.values())) > 1:
        raise InputError(
            f"the inputs of {what} have different numbers of samples: {counts}; an input that all samples share is named "
            "with ox.load(..., batch_axis={its name: None})"
        )
    return tensors


def _check_tensors(specs: Mapping[str, Spec]) -> None:
    """What is explained is a tensor."""
    for n, s in specs.items():
        if s.sequence or s.optional:
            raise InputError(
                f"input {n!r} is {'a sequence' if s.sequence else 'optional'}: explanations are of tensors. Cut the model behind "
                "it, with ox.load(..., inputs=…)"
            )


def _value(spec: Spec, data: Any, dtype: torch.dtype, device: torch.device, what: str, explained: bool) -> Any:
    """A tensor; of a sequence all of them, of an optional value perhaps None."""
    if spec.optional and data is None:
        return None
    if not spec.sequence:
        made = to_tensor(spec, data, dtype, what, explained)
        return made if made.device == device else made.to(device)
    if not isinstance(data, (list, tuple)):
        raise InputError(f"input {spec.name!r} is {spec.described()}: give a list of arrays, not {type(data).__name__}")
    one = replace(spec, sequence=False)
    return Several([to_tensor(one, x, dtype, what, explained).to(device) for x in data])


def as_declared(spec: Spec, y: Any, texts: Mapping[int, str] | None = None) -> Any:
    """An output in the type that the model's file gives it; wider where the model is computed in double precision. A
    sequence is a list of arrays. `texts`: by code, beyond those of the file."""
    if y is None:
        return None
    if isinstance(y, Several):
        return [as_declared(spec, part, texts) for part in y.parts]
    array = y.cpu().numpy()
    if spec.dtype == "string":
        return decoded(array, {**spec.texts, **(texts or {})})
    if spec.floating and array.dtype == np.float64 and spec.dtype in (*NUMPY_TYPES, "bfloat16"):
        return array
    if is_of_few_bits(spec.dtype):
        return packed(array, spec.dtype)
    if spec.dtype not in NUMPY_TYPES:
        return array
    return array.astype(spec.dtype, copy=False)


def n_samples(specs: Mapping[str, Spec], tensors: Mapping[str, Tensor]) -> int:
    return next((t.shape[0] for n, t in tensors.items() if specs[n].batch_axis is not None), 1)


def to_tensor(spec: Spec, data: Any, dtype: torch.dtype, what: str, explained: bool = True) -> Tensor:
    array = _array(spec, data, what)
    if spec.rank_known and array.dim() != len(spec.shape):
        hint = ""
        if array.dim() == len(spec.shape) - 1 and spec.batch_axis is not None:
            hint = f": a sample axis is missing? Give x[None] for one sample (axis {spec.batch_axis} holds the samples)"
        raise InputError(f"input {spec.name!r} wants {len(spec.shape)} axes, {spec.described()}; {what} has shape {tuple(array.shape)}{hint}")
    for i, wanted in spec.sizes:
        if i < array.dim() and array.shape[i] != wanted:
            raise InputError(f"input {spec.name!r} wants size {wanted} on axis {i}, {spec.described()}; {what} has shape {tuple(array.shape)}")
    if array.numel() == 0 and explained:
        raise InputError(f"input {spec.name!r} is empty: {what} has shape {tuple(array.shape)}")
    given, array = array, _typed(spec, array, dtype, what)
    if array.is_floating_point() and not all_finite(array) and (explained or all_finite(given)) and not _only_missing(spec, array):
        bad = (~array.isfinite()).nonzero()
        raise InputError(f"input {spec.name!r} holds {len(bad)} NaN or infinite values, the first at {tuple(bad[0].tolist())} of {what}")
    return array if spec.batch_axis in (None, 0) else array.movedim(spec.batch_axis, 0)


def _only_missing(spec: Spec, array: Tensor) -> bool:
    """Whether what is not finite is NaN, for an input whose missing numbers the model fills in."""
    return spec.missing and not bool(array.isinf().any())


def _typed(spec: Spec, array: Tensor, dtype: torch.dtype, what: str) -> Tensor:
    if spec.floating:
        if not array.is_floating_point():
            raise InputError(
                f"input {spec.name!r} wants {spec.dtype}, {what} holds {_type(array)}: convert it (astype('float32')) if that is meant"
            )
        return array if array.dtype == dtype else array.to(dtype)
    if spec.dtype == "string":
        return array
    if spec.dtype == "bool":
        if array.dtype != torch.bool:
            raise InputError(f"input {spec.name!r} wants bool, {what} holds {_type(array)}")
        return array
    if array.is_floating_point() or array.dtype == torch.bool:
        raise InputError(f"input {spec.name!r} wants {spec.dtype}, {what} holds {_type(array)}: round and convert it if that is meant")
    if spec.dtype not in INTEGER_LIMITS:
        raise InputError(f"input {spec.name!r} holds {spec.dtype}, which cannot be computed with here: cut the model behind it with inputs=")
    low, high = INTEGER_LIMITS[spec.dtype]
    array = array.long()
    if bool(((array < low) | (array > high)).any()):
        raise InputError(f"input {spec.name!r} wants {spec.dtype}, {what} holds values outside {low} to {high}")
    return array.to(WIDENED.get(spec.dtype) or getattr(torch, spec.dtype))


def _array(spec: Spec, data: Any, what: str) -> Tensor:
    if spec.dtype == "string":
        return torch.from_numpy(as_codes(spec, data, what))
    if isinstance(data, Tensor):
        if data.is_complex() or data.layout != torch.strided:
            raise InputError(f"input {spec.name!r} wants {spec.dtype}, {what} is a tensor of {_type(data)} ({data.layout})")
        return data.detach()
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):
        return torch.from_numpy(_from_frame(spec, data, what))
    if not isinstance(data, (np.ndarray, np.generic)) and hasattr(data, "__dlpack__"):
        try:
            return torch.from_dlpack(data)
        except (RuntimeError, TypeError, ValueError, BufferError) as error:
            raise InputError(f"{what} for input {spec.name!r} cannot be read by DLPack: {error}") from error
    try:
        array = plain(np.asarray(data))
    except ValueError as error:
        raise InputError(f"{what} for input {spec.name!r} is ragged: {error}") from error
    if isinstance(data, (list, tuple, int)) and spec.floating and array.dtype.kind in "iub":
        array = array.astype(np.float64)  # Python numbers have no array type of their own
    if array.dtype.kind not in "iubf":
        raise InputError(f"input {spec.name!r} wants {spec.dtype}, {what} holds {array.dtype}")
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return torch.from_numpy(np.array(array))  # a copy: the user's array is never written to or kept


def _from_frame(spec: Spec, frame: Any, what: str) -> np.ndarray:
    """A table's columns in the order of the input's labels where it has them; the table's own order otherwise."""
    names = [str(c) for c in frame.columns]
    wanted = spec.labels.get("feature")
    if wanted and set(wanted) <= set(names):
        frame = frame[[frame.columns[names.index(w)] for w in wanted]]
    elif wanted and len(wanted) == len(names) and not all(n.isdigit() for n in names):
        raise InputError(f"the columns of {what} {names[:10]} are not the features of input {spec.name!r} {list(wanted)[:10]}")
    array = frame.to_numpy()
    if array.dtype.kind not in "iubf":
        kinds = {str(c): str(t) for c, t in zip(frame.columns, frame.dtypes, strict=True)}
        odd = [c for c, t in kinds.items() if not any(k in t.lower() for k in ("int", "float", "bool"))]
        if odd or array.dtype.kind != "O":
            raise InputError(f"columns {odd[:5]} of {what} are not numbers: input {spec.name!r} wants {spec.dtype}")
        array = array.astype(np.float64)
    if spec.floating and array.dtype.kind in "iub":
        array = array.astype(np.float64)
    return np.array(array)


def frame_labels(data: Any, spec: Spec) -> tuple[str, ...] | None:
    """A table's column names, where the input has no labels of its own."""
    if hasattr(data, "columns") and hasattr(data, "to_numpy") and not spec.labels.get("feature"):
        return tuple(str(c) for c in data.columns)
    return None


def _type(t: Tensor) -> str:
    return str(t.dtype).removeprefix("torch.")


def _listed(specs: Mapping[str, Spec]) -> str:
    return ", ".join(f"{s.name!r} {s.described()}" for s in specs.values())


