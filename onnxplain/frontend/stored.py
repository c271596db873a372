"""A file without its large weights: they are found by the lengths that the file states, read once, to where they stay, and
never become part of a protobuf message, which would copy them several times."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import IO, Any, NamedTuple

import torch
from google.protobuf.message import DecodeError
from onnx import ModelProto, StringStringEntryProto, TensorProto
from torch import Tensor

#: bytes from which on a weight is taken out; more than inference reads of any
LARGE = 2**14
#: ONNX element type → torch dtype of the same bytes, in memory and in onnxruntime
SAME_BYTES: dict[int, torch.dtype] = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.DOUBLE: torch.float64,
    TensorProto.FLOAT16: torch.float16,
    TensorProto.INT8: torch.int8,
    TensorProto.INT16: torch.int16,
    TensorProto.INT32: torch.int32,
    TensorProto.INT64: torch.int64,
    TensorProto.UINT8: torch.uint8,
}
#: what a tensor says whose bytes are kept beside its file
ELSEWHERE = TensorProto(
    data_location=TensorProto.EXTERNAL, external_data=[StringStringEntryProto(key="location", value="beside this file, in memory")]
)
#: the numbers of ModelProto.graph, GraphProto.initializer and TensorProto.raw_data, and the wire types of fields
GRAPH, INITIALIZER, RAW_DATA = 7, 5, 9
VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
#: the longest head of a field: two numbers of up to ten bytes
HEAD = 20


@dataclass(frozen=True, eq=False)
class Stored:
    """A file: `rest`, without the data of the `weights`, which are by name."""

    rest: bytes
    weights: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.rest) + sum(w.nbytes for w in self.weights.values())

    def whole(self) -> bytes:
        """All of it, as one file; `ValueError` where it is too large for that (2 GB)."""
        if not self.weights:
            return self.rest
        proto = ModelProto.FromString(self.rest)
        put_back(proto, self.weights)
        return proto.SerializeToString()


def put_back(proto: ModelProto, weights: Mapping[str, Tensor]) -> None:
    """Weights that are beside it into `proto`."""
    for t in proto.graph.initializer:
        if t.name in weights:
            del t.external_data[:]
            t.ClearField("data_location")
            t.raw_data = weights[t.name].numpy().tobytes()


def take_out(t: TensorProto, data: Tensor, weights: dict[str, Tensor]) -> None:
    """Lets `data` stand beside the tensor, which holds or names them no more."""
    t.ClearField("raw_data")
    del t.external_data[:]
    t.MergeFrom(ELSEWHERE)
    weights[t.name] = data


def split(file: IO[bytes]) -> Stored:
    """What is no file of the usual form is not split: the parser says what is wrong with it."""
    if not file.seekable():  # a pipe
        file = io.BytesIO(file.read())
    bytes_of = _Bytes(file)
    try:
        found = _find(bytes_of) if sys.byteorder == "little" else None
    except _UnusualError:
        found = None
    if found is None or not found.large:
        return Stored(bytes_of.of(0, bytes_of.size))
    weights: dict[str, Tensor] = {}
    pieces, at = [], found.begin
    for t in found.large:
        pieces += [bytes_of.of(at, t.begin), _field(INITIALIZER, t.said)]
        weights[t.name] = bytes_of.tensor(t.data, t.dims, SAME_BYTES[t.kind])
        at = t.end
    pieces.append(bytes_of.of(at, found.end))
    return Stored(bytes_of.of(0, found.tag) + _field(GRAPH, b"".join(pieces)) + bytes_of.of(found.end, bytes_of.size), weights)


def read_tensor(file: IO[bytes], at: int, t: TensorProto) -> Tensor:
    """Its numbers, which lie there."""
    return _Bytes(file).tensor(at, tuple(t.dims), SAME_BYTES[t.data_type])


class _Large(NamedTuple):
    """A tensor: where its field begins and ends, where its data begin, and what it says without them."""

    begin: int
    end: int
    data: int
    said: bytes
    name: str
    dims: tuple[int, ...]
    kind: int


class _Found(NamedTuple):
    """A graph: where its field begins, where it begins itself and ends; its large tensors."""

    tag: int
    begin: int
    end: int
    large: list[_Large]


class _UnusualError(Exception):
    """Not written as exporters write files."""


class _Field(NamedTuple):
    """`tag`: where it begins; `begin` and `end`: of what it holds."""

    number: int
    wire: int
    tag: int
    begin: int
    end: int


class _Bytes:
    """A file's bytes by their places, read in blocks."""

    BLOCK = 2**16

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        self.start, self.block = 0, b""

    def head(self, at: int) -> bytes:
        """A few bytes from there on; fewer at the end of the file."""
        if not self.start <= at <= self.start + len(self.block) - HEAD:
            self.file.seek(at)
            self.start, self.block = at, self.file.read(self.BLOCK)
        return self.block[at - self.start : at - self.start + HEAD]

    def of(self, begin: int, end: int) -> bytes:
        self.file.seek(begin)
        data = self.file.read(end - begin)
        while 0 < len(data) < end - begin:  # the system gives at most 2 GB at a time
            more = self.file.read(end - begin - len(data))
            if not more:
                break
            data += more
        return data

    def tensor(self, at: int, dims: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        found = torch.empty(dims, dtype=dtype)
        room: Any = memoryview(found.reshape(-1).view(torch.uint8).numpy())  # type: ignore[arg-type]  # an array is a buffer
        self.file.seek(at)
        while room:
            n = self.file.readinto(room)  # type: ignore[attr-defined]  # every binary file has it
            if not n:
                raise OSError("the file became shorter while it was read")
            room = room[n:]
        return found

    def fields(self, at: int, end: int) -> Iterator[_Field]:
        while at < end:
            head = self.head(at)
            key, i = _varint(head, 0)
            number, wire = key >> 3, key & 7
            if wire == BYTES:
                size, i = _varint(head, i)
                begin, stop = at + i, at + i + size
            elif wire == VARINT:
                begin, stop = at + i, at + _varint(head, i)[1]
            elif wire in (EIGHT_BYTES, FOUR_BYTES):
                begin, stop = at + i, at + i + (8 if wire == EIGHT_BYTES else 4)
            else:
                raise _UnusualError
            if stop > end:
                raise _UnusualError
            yield _Field(number, wire, at, begin, stop)
            at = stop


def _varint(data: bytes, i: int) -> tuple[int, int]:
    """(the number that begins at i, where it ends)"""
    value = shift = 0
    while i < len(data) and shift < 64:
        value |= (data[i] & 127) << shift
        i += 1
        if data[i - 1] < 128:
            return value, i
        shift += 7
    raise _UnusualError


def _field(number: int, data: bytes) -> bytes:
    size, length = len(data), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | BYTES]) + length + bytes([size]) + data


def _find(file: _Bytes) -> _Found:
    graphs = [f for f in file.fields(0, file.size) if f.number == GRAPH]
    if len(graphs) != 1 or graphs[0].wire != BYTES:
        raise _UnusualError
    graph, large = graphs[0], []
    names: set[str] = set()
    for f in file.fields(graph.begin, graph.end):
        if f.number == INITIALIZER and f.wire == BYTES and f.end - f.begin >= LARGE and (t := _large(file, f)) is not None:
            if t.name in names:
                raise _UnusualError
            names.add(t.name)
            large.append(t)
    return _Found(graph.tag, graph.begin, graph.end, large)


def _large(file: _Bytes, whole: _Field) -> _Large | None:
    """None where its bytes are not the numbers in order."""
    raw = [f for f in file.fields(whole.begin, whole.end) if f.number == RAW_DATA]
    if len(raw) != 1 or raw[0].wire != BYTES or raw[0].end - raw[0].begin < LARGE:
        return None
    data = raw[0]
    said = file.of(whole.begin, data.tag) + file.of(data.end, whole.end)
    try:
        t = TensorProto.FromString(said)
        name = t.name
    except (DecodeError, UnicodeDecodeError):
        return None
    if not name or not holds(t, data.end - data.begin) or t.data_location or t.HasField("segment"):
        return None
    return _Large(whole.tag, whole.end, data.begin, said + ELSEWHERE.SerializeToString(), name, tuple(t.dims), t.data_type)


def holds(t: TensorProto, size: int) -> bool:
    """Whether so many bytes are its numbers, one after the other."""
    kind = SAME_BYTES.get(t.data_type)
    return kind is not None and min(t.dims, default=1) >= 0 and prod(t.dims) * kind.itemsize == size
