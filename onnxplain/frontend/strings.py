"""Text as whole numbers: the code of a text is the first 63 bits of its BLAKE2b hash, so that it needs no table to be made.

What a model does with text (compare, pick, move, look up) it does with the codes; back to text leads the table of all
texts in the model's file. 2⁶³ codes: among a million texts two are the same with a chance of 10⁻⁷.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, TensorProto

from ..errors import ModelError

#: attributes whose text is data; the text of all others is a setting
TEXT_ATTRIBUTES = frozenset(
    {
        *("keys_strings", "values_strings", "default_string", "cats_strings", "classes_strings", "classlabels_strings"),
        *("value_string", "value_strings"),
    }
)
#: what LabelEncoder and CategoryMapper give for a key that is not theirs, where the file does not say
UNUSED = "_Unused"
#: operators that only move text, so that what they make of it is text
MOVING = frozenset(
    {
        *("Constant", "Identity", "Concat", "Split", "Slice", "Gather", "GatherElements", "GatherND", "Compress"),
        *("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand", "Tile", "Where"),
        *("ScatterElements", "ScatterND"),
    }
)
#: operators that make numbers of text, or look text up
READING = frozenset(
    {
        *("Shape", "Size", "Equal"),
        *("ai.onnx.ml:LabelEncoder", "ai.onnx.ml:OneHotEncoder", "ai.onnx.ml:CategoryMapper"),
    }
)


def code(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1


def codes(texts: Any) -> np.ndarray:
    """int64 codes of an array of texts, in its shape; bytes are read as UTF-8."""
    array = np.asarray(texts)
    distinct, places = np.unique([_text(t) for t in array.reshape(-1).tolist()], return_inverse=True)
    return np.array([code(str(t)) for t in distinct], np.int64)[places].reshape(array.shape)


def decoded(array: np.ndarray, table: Mapping[int, str]) -> np.ndarray:
    """The texts of an array of codes, "" for a code that is in no table."""
    distinct, places = np.unique(array, return_inverse=True)
    return np.array([table.get(int(c), "") for c in distinct], dtype=object)[places].reshape(array.shape)


def table_of(texts: Iterable[str]) -> dict[int, str]:
    """code → text."""
    table: dict[int, str] = {}
    for t in texts:
        other = table.setdefault(code(t), t)
        if other != t:
            raise ModelError(f"the texts {other!r} and {t!r} have the same 63-bit code: rename one of them")
    return table


def texts_in(graph: GraphProto) -> Iterator[str]:
    """Every text that a graph holds as data."""
    for t in graph.initializer:
        yield from _stored(t)
    for n in graph.node:
        if n.op_type in ("LabelEncoder", "CategoryMapper"):
            yield UNUSED
        for a in n.attribute:
            if a.name in TEXT_ATTRIBUTES:
                yield from (_text(s) for s in ([a.s] if a.type == AttributeProto.STRING else a.strings))
            yield from _stored(a.t)
            for g in [a.g] if a.HasField("g") else a.graphs:
                yield from texts_in(g)


def _stored(tensor: TensorProto) -> Iterator[str]:
    if tensor.data_type == TensorProto.STRING:
        yield from (_text(s) for s in tensor.string_data)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
