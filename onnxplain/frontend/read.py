"""A path, bytes, a file object or a `ModelProto` → a checked `ModelProto` and its weights."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any

import onnx
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, external_data_helper, inliner
from torch import Tensor

from ..errors import InputError, ModelError
from .classes import has_classes, with_plain_classes
from .functions import expanded, expands
from .lifted import OLDEST_OPSET, lifted
from .nodes import newest_opset
from .stored import LARGE, Stored, holds, put_back, read_tensor, split, take_out


@dataclass(frozen=True)
class File:
    """A model that was read, large weights beside it; `stored`: what it was read from, where it is still what that says."""

    proto: ModelProto
    weights: dict[str, Tensor] = field(default_factory=dict)
    stored: Stored | None = None


def read(source: Any) -> ModelProto:
    """The model with all of its weights inside."""
    file = read_file(source)
    put_back(file.proto, file.weights)
    return file.proto


def read_file(source: Any) -> File:
    """The model, its external data loaded from inside its own folder only, local functions inlined.

    Raises `ModelError` naming the file and what is wrong with it.
    """
    stored: Stored | None = None
    if isinstance(source, ModelProto):
        proto, folder, name = ModelProto(), None, "the model"
        proto.CopyFrom(source)
    elif isinstance(source, (str, os.PathLike)):
        path = Path(source)
        name = repr(path.name)
        try:
            folder = path.resolve().parent
            with path.open("rb", buffering=0) as opened:
                stored = split(opened)  # type: ignore[arg-type]  # a raw file is one as well
            proto = _parse(stored, name)
        except FileNotFoundError as error:
            raise ModelError(f"there is no file {str(path)!r}") from error
        except (OSError, ValueError) as error:  # ValueError: a path that no file can have
            raise ModelError(f"cannot read {str(path)!r}: {getattr(error, 'strerror', None) or error}") from error
    elif isinstance(source, (bytes, bytearray, memoryview)):
        folder, name = None, "the model"
        stored = split(io.BytesIO(bytes(source)))
        proto = _parse(stored, "these bytes")
    elif hasattr(source, "read"):
        folder, name = None, "the model"
        stored = split(io.BytesIO(_read_all(source)))
        proto = _parse(stored, "this file object")
    elif isinstance(source, Stored):  # what another model was read from
        folder, name, stored = None, "the model", source
        proto = _parse(stored, "the model")
    else:
        raise InputError(
            f"cannot load a model from {type(source).__module__}.{type(source).__qualname__}: "
            "give a path, bytes, a file object or an onnx.ModelProto (functions and ox.BlackBox are for methods that only "
            "call the model, such as 'kernel_shap')"
        )
    _check(proto, name)
    as_read, versions = proto, [o.version for o in proto.opset_import]
    weights = {} if stored is None else dict(stored.weights)
    if sum(t.name in weights for t in proto.graph.initializer) > len(weights):
        raise ModelError(f"{name} holds two weights of one name: the file is damaged")
    changed = _load_external(proto, folder, name, weights) or has_classes(proto)
    if weights and (proto.functions or (opset_of(proto) or OLDEST_OPSET) < OLDEST_OPSET or expands(proto)):
        put_back(proto, weights)  # for ONNX's own passes, which know nothing of them
        weights, changed = {}, True
    proto = lifted(proto, name)
    if proto.functions:
        proto = _inline(proto, name)
    proto = expanded(with_plain_classes(proto))
    changed = changed or proto is not as_read or versions != [o.version for o in proto.opset_import]
    return File(proto, weights, None if changed else stored)


def _read_all(source: IO[bytes]) -> bytes:
    data = source.read()
    if not isinstance(data, bytes):
        raise ModelError("this file object gives text: open it in binary mode ('rb')")
    return data


def _parse(stored: Stored, name: str) -> ModelProto:
    if not stored.rest:
        raise ModelError(f"{name} is empty (0 bytes): not an ONNX model")
    try:
        return onnx.load_model_from_string(stored.rest)
    except (DecodeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{name} is not an ONNX model, or is truncated ({stored.size} bytes): {error}") from error


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


def tensors_in(graph: GraphProto) -> Iterator[TensorProto]:
    """Every tensor stored in a graph beside its initializers: attributes, and all of those of subgraphs."""
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        for a in node.attribute:
            if a.HasField("t"):
                yield a.t
            yield from a.tensors
            if a.HasField("g"):
                yield from (*a.g.initializer, *tensors_in(a.g))
            for g in a.graphs:
                yield from (*g.initializer, *tensors_in(g))


def _load_external(proto: ModelProto, folder: Path | None, name: str, weights: dict[str, Tensor]) -> bool:
    """Puts the weights that lie in other files into `weights`, or into `proto`; whether there were any."""
    own = [t for t in proto.graph.initializer if t.name not in weights]
    others = [*tensors_in(proto.graph), *(a.t for f in proto.functions for n in f.node for a in n.attribute if a.HasField("t"))]
    outside = [t for t in (*own, *others) if t.data_location == TensorProto.EXTERNAL]
    if not outside:
        return False
    if folder is None:
        raise ModelError(
            f"{len(outside)} weights (first {outside[0].name!r}) lie in external files: load the model from its path, "
            "not from bytes or a ModelProto"
        )
    of_graph = sum(t.data_location == TensorProto.EXTERNAL for t in own)
    for k, t in enumerate(outside):
        try:
            path, offset, length = _checked_place(t, folder, name)
            if k < of_graph and length >= LARGE and t.name not in weights and holds(t, length):
                with path.open("rb", buffering=0) as opened:
                    take_out(t, read_tensor(opened, offset, t), weights)  # type: ignore[arg-type]  # as above
                continue
            external_data_helper.load_external_data_for_tensor(t, str(folder))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:  # sizes and names that no file has
            raise ModelError(f"the external data of weight {t.name!r} of {name} cannot be read: {error}") from error
        t.data_location = TensorProto.DEFAULT
        del t.external_data[:]
    return True


def _checked_place(t: TensorProto, folder: Path, name: str) -> tuple[Path, int, int]:
    """(file, offset, length): inside the model's folder, also after following links, and in a file that is long enough."""
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
    return real, offset, length
