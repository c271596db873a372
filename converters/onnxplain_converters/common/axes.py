"""Names of the axes of one sample of an input, as its first convolution, pooling or recurrent layer in the exported graph reads them.

Convolutions of ONNX's have their channels on axis 1, so that what exporters do with axes before one says where the input has its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .graphs import nodes_of

PLACES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
#: operators of one value and constants that leave its axes where they are
KEEP = frozenset(["Add", "BatchNormalization", "Cast", "Clip", "DequantizeLinear", "Div", "Identity", "Max", "Min", "Mul", "Pad", "QuantizeLinear", "Relu", "Sub"])
CONVOLUTIONS = frozenset({"Conv", "ConvTranspose", "ConvInteger"})
WINDOWS = CONVOLUTIONS | {"AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool", "MaxPool"}
RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
LOOPS = frozenset({"Loop", "Scan"})  # what other layers along a series become

#: for each axis of a value, the axis of the input that it is, None for one that was put in
Axes = tuple[int | None, ...]


def axes_of(proto: onnx.ModelProto) -> dict[str, tuple[str, ...]]:
    """By input, where the graph tells, and wherever it is read tells the same. Samples are on axis 0."""
    readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in proto.graph.node:
        inner = (v for a in node.attribute if a.HasField("g") for n in nodes_of(a.g) for v in n.input)
        for v in dict.fromkeys((*node.input, *inner)):
            readers[v].append(node)
    stored = {t.name: t for t in proto.graph.initializer}
    out = {}
    for value in proto.graph.input:
        sizes = [d.dim_value or None for d in value.type.tensor_type.shape.dim]
        channels = _channels(value.name, sizes, readers, stored) if len(sizes) - 2 in PLACES else set()
        if len(channels) == 1 and (channel := channels.pop()):
            names = list(PLACES[len(sizes) - 2])
            out[value.name] = (*names[: channel - 1], "channel", *names[channel - 1 :])
    return out


def _channels(
    name: str,
    sizes: Sequence[int | None],
    readers: Mapping[str, list[onnx.NodeProto]],
    stored: Mapping[str, onnx.TensorProto],
) -> set[int | None]:
    """The axes of an input that its readers take for the channels."""
    found: set[int | None] = set()
    waiting: list[tuple[str, Axes]] = [(name, tuple(range(len(sizes))))]
    while waiting:
        value, axes = waiting.pop()
        for node in readers[value]:
            if node.op_type in WINDOWS | RECURRENT | LOOPS:
                if node.op_type in LOOPS or node.input[0] == value:
                    found.add(_channel(node, axes, sizes, stored))
            elif (after := _after(node, value, axes, sizes, stored)) is not None:
                waiting.append((node.output[0], after))
    return found - {None}


def _channel(
    node: onnx.NodeProto, axes: Axes, sizes: Sequence[int | None], stored: Mapping[str, onnx.TensorProto]
) -> int | None:
    if node.op_type in RECURRENT | LOOPS:  # (length, samples, features)
        return 2 if axes == (1, 0, 2) else None
    if len(axes) < 3 or axes[0] != 0:
        return None
    if axes[1] is not None:
        return axes[1]
    # a single channel, which exporters put in anew instead of moving it
    weight = stored.get(node.input[1]) if node.op_type in CONVOLUTIONS else None
    ones = [k for k, size in enumerate(sizes) if k and size == 1]
    return ones[0] if weight is not None and weight.dims[1] == 1 and len(ones) == 1 else None


def _after(
    node: onnx.NodeProto, value: str, axes: Axes, sizes: Sequence[int | None], stored: Mapping[str, onnx.TensorProto]
) -> Axes | None:
    """The axes of a node's output, None where it mixes them."""
    others = [v for v in node.input if v and v != value]
    if node.op_type == "Where" and node.input[0] != value:
        others = others[1:]  # what a mask leaves out
    if any(v not in stored for v in others):
        return None
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type in KEEP or node.op_type == "Where":
        return axes if node.op_type == "Pad" or all(len(stored[v].dims) <= len(axes) for v in others) else None
    if node.op_type == "Transpose":
        return tuple(axes[p] for p in attributes.get("perm", range(len(axes))[::-1]))
    if node.op_type in ("Unsqueeze", "Squeeze"):
        given = [int(v) for v in numpy_helper.to_array(stored[others[0]]).ravel()] if others else attributes.get("axes")
        return _with(axes, given) if node.op_type == "Unsqueeze" else _without(axes, given)
    if node.op_type == "Reshape" and others:
        return _reshaped(axes, sizes, numpy_helper.to_array(stored[others[0]]).ravel())
    return None


def _with(axes: Axes, places: Sequence[int] | None) -> Axes | None:
    if places is None:
        return None
    rank, old = len(axes) + len(places), iter(axes)
    new = {p % rank for p in places}
    return tuple(None if k in new else next(old) for k in range(rank))


def _without(axes: Axes, places: Sequence[int] | None) -> Axes | None:
    if places is None:
        return None
    gone = {p % len(axes) for p in places}
    return tuple(a for k, a in enumerate(axes) if k not in gone)


def _reshaped(axes: Axes, sizes: Sequence[int | None], shape: np.ndarray) -> Axes | None:
    """Of a reshape that only takes out axes of size 1 and puts some in: the others keep their order."""
    kept = [a for a in axes if a is not None and sizes[a] != 1]
    places = [k for k, size in enumerate(shape) if size != 1]
    known = [(sizes[a], int(shape[k])) for a, k in zip(kept, places, strict=False)]
    free = [k for k, (old, new) in enumerate(known) if old is None or new < 1]
    if len(kept) != len(places) or free not in ([], [0]) or any(old != new for old, new in known[len(free) :]):
        return None
    at = dict(zip(places, kept, strict=True))
    return tuple(at.get(k) for k in range(len(shape)))
