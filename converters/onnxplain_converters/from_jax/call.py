"""Example data → the flat list of named values that the ONNX model takes; what the function returns, flat and named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ConversionError
from ..common.arguments import FIXED, arguments_of
from ..common.data import Input, as_array, unique
from ..common.quiet import first_line
from .source import Source


@dataclass(frozen=True, eq=False)
class Call:
    """`function(*arrays) → {name: array}`, for arrays with samples on axis 0; `values`: the example, as it was given."""

    function: Callable[..., dict[str, Any]]
    inputs: tuple[Input, ...]
    values: dict[str, Any]


def call_of(example: Any, source: Source, dtype: str, by_sample: bool | None) -> Call:
    """`example`: one argument, a tuple of them, or a mapping by argument name; floating numbers become `dtype`."""
    import jax

    args, kwargs = arguments_of(example, source.takes)
    positional = [source.takes.name(i) for i in range(len(args))]
    kwargs = {**{k: v for k, v in source.evaluation.items() if k not in positional}, **kwargs}
    alone = sum(not isinstance(a, FIXED) for a in (*args, *kwargs.values())) == 1
    leaves, tree = jax.tree_util.tree_flatten_with_path((args, kwargs), is_leaf=lambda v: hasattr(v, "columns"))
    slots = [k for k, (_, v) in enumerate(leaves) if not isinstance(v, FIXED)]
    if not slots:
        raise ConversionError("the example holds no array")
    names = unique([_name(leaves[k][0], positional, alone) for k in slots])
    values = {n: leaves[k][1] for n, k in zip(names, slots, strict=True)}
    inputs = _inputs(values, dtype)

    def function(*arrays: Any) -> dict[str, Any]:
        filled = [v for _, v in leaves]
        for k, x in zip(slots, arrays, strict=True):
            filled[k] = x
        given, named = jax.tree_util.tree_unflatten(tree, filled)
        return _outputs(source.call(*given, **named), names)

    each = jax.vmap(function, in_axes=tuple(0 if i.free else None for i in inputs))
    if by_sample is not None:
        return Call(each if by_sample else function, inputs, values)
    if source.by_sample is None:
        return Call(function, inputs, values)
    ways = (each, function) if source.by_sample else (function, each)
    return Call(next((f for f in ways if _fits(f, inputs, values)), ways[0]), inputs, values)


def arrays_of(inputs: Sequence[Input], values: dict[str, Any]) -> list[np.ndarray]:
    return [as_array(values[i.name]).astype(i.dtype) for i in inputs]


def _fits(function: Callable[..., Any], inputs: Sequence[Input], values: dict[str, Any]) -> bool:
    """Whether it takes these samples and one more, which a wrong axis for the samples does not survive."""
    import jax

    arrays = arrays_of(inputs, values)
    n = len(arrays[0]) if arrays[0].ndim else 0
    try:
        for rows in (n, n + 1):
            shapes = [(rows, *x.shape[1:]) if i.free else x.shape for i, x in zip(inputs, arrays, strict=True)]
            jax.eval_shape(function, *map(jax.ShapeDtypeStruct, shapes, [x.dtype for x in arrays]))
    except Exception:  # noqa: BLE001 — whatever the module's own code raises
        return False
    return True


def _inputs(values: dict[str, Any], dtype: str) -> tuple[Input, ...]:
    """Axis 0 is that of the samples wherever it is as long as the first input's."""
    import jax

    out: list[tuple[str, tuple[int, ...], str, bool]] = []
    for name, value in values.items():
        try:
            x = as_array(value)
        except Exception as error:  # whatever a strange object's conversion raises
            raise ConversionError(f"the example's {name!r} is no array: {first_line(error)}") from error
        if x.dtype.kind not in "fiub":
            raise ConversionError(
                f"the example's {name!r} is a {type(value).__qualname__} of {x.dtype}: give arrays of numbers"
            )
        rows = out[0][1][:1] if out else x.shape[:1]
        kind = dtype if x.dtype.kind == "f" else str(jax.dtypes.canonicalize_dtype(x.dtype))
        out.append((name, x.shape, kind, bool(rows) and x.shape[:1] == rows))
    return tuple(Input(n, (None, *shape[1:]) if free else shape, kind) for n, shape, kind, free in out)


def _outputs(returned: Any, taken: Sequence[str]) -> dict[str, Any]:
    """By keys and fields of what is returned, else output, output_1 …"""
    import jax

    leaves = jax.tree_util.tree_flatten_with_path(returned)[0]
    if not leaves:
        raise ConversionError("the function returns no array")
    names = [".".join(k for k in map(key_of, path) if isinstance(k, str)) or "output" for path, _ in leaves]
    return dict(zip(unique(names, taken), (jax.numpy.asarray(y) for _, y in leaves), strict=True))


def _name(path: Sequence[Any], positional: Sequence[str], alone: bool) -> str:
    """Of (args or kwargs, which, place in it …); the only argument's keys are names enough."""
    top = positional[path[1].idx] if path[0].idx == 0 else str(path[1].key)
    inside = [str(key_of(k)) for k in path[2:]]
    return ".".join(inside if alone and inside else [top, *inside])


def key_of(entry: Any) -> Any:
    """The key, field or place that an entry of a pytree's path means."""
    return next(getattr(entry, a) for a in ("key", "name", "idx") if hasattr(entry, a))
