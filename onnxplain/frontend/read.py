"""A path, bytes, a file object or a `ModelProto` → a checked `ModelProto` with its weights inside."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

import onnx
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, external_data_helper, inliner

from ..errors import InputError, ModelError
from .classes import has_classes, with_plain_classes
from .functions import expanded
from .lifted import lifted
from .nodes import newest_opset


@dataclass(frozen=True)
class File:
    """A model that was read; `data`: the bytes it was read from, where it is still what they say."""

    proto: ModelProto
    data: bytes | None


def read(source: Any) -> ModelProto:
    """The model, its external data loaded from inside its own folder only, local functions inlined.

    Raises `ModelError` naming the file and what is wrong with it.
    """
    return read_file(source).proto


def read_file(source: Any) -> File:
    """As `read`, with the bytes."""
    data: bytes | None = None
    if isinstance(source, ModelProto):
        proto, folder, name = ModelProto(), None, "the model"
        proto.CopyFrom(source)
    elif isinstance(source, (str, os.PathLike)):
        path = Path(source)
        name = repr(path.name)
        try:
            folder = path.resolve().parent
            data = path.read_bytes()
            proto = _parse(data, name)
        except FileNotFoundError as error:
            raise ModelError(f"there is no file {str(path)!r}") from error
        except (OSError, ValueError) as error:  # ValueError: a path that no file can have
            raise ModelError(f"cannot read {str(path)!r}: {getattr(error, 'strerror', None) or error}") from error
    elif isinstance(source, (bytes, bytearray, memoryview)):
        data, folder, name = bytes(source), None, "the model"
        proto = _parse(data, "these bytes")
    elif hasattr(source, "read"):
        data, folder, name = _read_all(source), None, "the model"
        proto = _parse(data, "this file object")
    else:
        raise InputError(
            f"cannot load a model from {type(source).__module__}.{type(source).__qualname__}: "
            "give a path, bytes, a file object or an onnx.ModelProto (functions and ox.BlackBox are for methods that only "
            "call the model, such as 'kernel_shap')"
        )
    _check(proto, name)
    as_read, versions = proto, [o.version for o in proto.opset_import]
    changed = _load_external(proto, folder, name) or has_classes(proto)
    proto = lifted(proto, name)
    if proto.functions:
        proto = _inline(proto, name)
    proto = expanded(with_plain_classes(proto))
    changed = changed or proto is not as_read or versions != [o.version for o in proto.opset_import]
    return File(proto, None if changed else data)


def _read_all(source: IO[bytes]) -> bytes:
    data = source.read()
    if not isinstance(data, bytes):
        raise ModelError("this file object gives text: open it in binary mode ('rb')")
    return data


def _parse(data: bytes, name: str) -> ModelProto:
    if not data:
        raise ModelError(f"{name} is empty (0 bytes): not an ONNX model")
    try:
        return onnx.load_model_from_string(data)
    except (DecodeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{name} is not an ONNX model, or is truncated ({len(data)} bytes): {error}") from error


def _check(proto: ModelProto, name: str) -> None:
    _check_text(proto, name)
    graph = proto.graph
    if not graph.node and not graph.output:
        raise ModelError(f"{name} holds no graph: not an ONNX model, or truncated")
    if not graph.output:
        raise ModelError(f"the graph in {name} has no outputs: the file is truncated or was cut")
    if not proto.opset_import:
        raise ModelError(f"{name} does not say which opset it uses: not a valid ONNX model, or truncated")
    opset = opset_of(proto)
    if opset is not None and not 1 <= opset <= newest_opset():
        raise ModelError(
            f"{name} uses opset {opset}; opsets 1 to {newest_opset()} (the newest this onnx {onnx.__version__} knows) are read: "
            "install a newer onnx, or export with a lower opset"
        )


def _check_text(proto: ModelProto, name: str) -> None:
    """Protobuf lets bytes that are no text through and stumbles over them when they are read."""
    try:
        of_functions = (t for f in proto.functions for t in (f.name, *f.input, *f.output, *_node_texts(f.node)))
        if all(isinstance(t, str) for t in chain(_texts(proto.graph), of_functions)):
            return
        error: Exception | None = None
    except UnicodeDecodeError as bad:
        error = bad
    raise ModelError(f"{name} holds a name that is no text: the file is damaged") from error


def _texts(graph: GraphProto) -> Iterator[str]:
    yield graph.name
    for named in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        yield named.name
    yield from _node_texts(graph.node)


def _node_texts(nodes: Iterable[NodeProto]) -> Iterator[str]:
    for n in nodes:
        yield from (n.name, n.op_type, n.domain, *n.input, *n.output)
        for a in n.attribute:
            yield a.name
            for g in [a.g] if a.HasField("g") else a.graphs:
                yield from _texts(g)


def opset_of(proto: ModelProto) -> int | None:
    """The version of the main operator set, or None where the model does not use it."""
    return next((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), None)


def _inline(proto: ModelProto, name: str) -> ModelProto:
    try:
        return inliner.inline_local_functions(proto)
    except Exception as error:  # the C++ inliner raises its own, undocumented types
        raise ModelError(f"the local functions in {name} cannot be inlined: {error}") from error


def tensors_of(graph: GraphProto) -> Iterator[TensorProto]:
    """Every tensor stored in a graph: initializers and attributes, those of subgraphs too."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        for a in node.attribute:
            if a.HasField("t"):
                yield a.t
            yield from a.tensors
            if a.HasField("g"):
                yield from tensors_of(a.g)
            for g in a.graphs:
                yield from tensors_of(g)


def _load_external(proto: ModelProto, folder: Path | None, name: str) -> bool:
    """Puts the weights that lie in other files into `proto`; whether there were any."""
    stored = list(tensors_of(proto.graph))
    for f in proto.functions:
        stored += [a.t for n in f.node for a in n.attribute if a.HasField("t")]
    outside = [t for t in stored if t.data_location == TensorProto.EXTERNAL]
    if not outside:
        return False
    if folder is None:
        raise ModelError(
            f"{len(outside)} weights (first {outside[0].name!r}) lie in external files: load the model from its path, "
            "not from bytes or a ModelProto"
        )
    for t in outside:
        try:
            _check_external(t, folder, name)
            external_data_helper.load_external_data_for_tensor(t, str(folder))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:  # sizes and names that no file has
            raise ModelError(f"the external data of weight {t.name!r} of {name} cannot be read: {error}") from error
        t.data_location = TensorProto.DEFAULT
        del t.external_data[:]
    return True


def _check_external(t: TensorProto, folder: Path, name: str) -> None:
    """The file lies inside the model's folder, also after following links, and is long enough."""
    info = external_data_helper.ExternalDataInfo(t)
    location = info.location
    if not location:
        raise ModelError(f"weight {t.name!r} of {name} says its data are external, but not where")
    path = folder / location
    real = Path(os.path.realpath(path))
    if os.path.isabs(location) or not real.is_relative_to(os.path.realpath(folder)):
        raise ModelError(
            f"weight {t.name!r} of {name} points to {location!r}, outside the model's own folder: refused. "
            "Put the data file beside the model"
        )
    if not real.is_file():
        raise ModelError(f"weight {t.name!r} of {name} lies in {location!r}, which is not beside the model")
    offset, size = info.offset or 0, real.stat().st_size
    length = size - offset if info.length is None else info.length
    if offset < 0 or length < 0 or offset + length > size:
        raise ModelError(
            f"weight {t.name!r} of {name} wants bytes {offset} to {offset + length} of {location!r}, which has {size}: truncated"
        )
