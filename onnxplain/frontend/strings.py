"""The texts in a model's file, and what its operators do with the codes of texts.

To compare, pick, move and look up text the codes are enough; back to text, for operators that look into it and for
outputs, leads a table of all texts in the file, and of those that the data hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from onnx import AttributeProto, GraphProto, TensorProto

from ..layers.text.lexicon import Lexicon, as_text, code, codes

#: attributes whose text is data; the text of all others is a setting
TEXT_ATTRIBUTES = frozenset(
    {
        *("keys_strings", "values_strings", "default_string", "cats_strings", "classes_strings", "classlabels_strings"),
        *("value_string", "value_strings", "pool_strings"),
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
#: operators that make numbers or other texts of text, or look text up
READING = frozenset(
    {
        *("Shape", "Size", "Equal", "StringNormalizer", "StringConcat", "StringSplit", "RegexFullMatch", "TfIdfVectorizer"),
        *("com.microsoft:Tokenizer", "onnxplain:Parsed"),
        *("ai.onnx.ml:LabelEncoder", "ai.onnx.ml:OneHotEncoder", "ai.onnx.ml:CategoryMapper"),
    }
)


def decoded(array: np.ndarray, table: Mapping[int, str]) -> np.ndarray:
    """The texts of an array of codes, "" for a code that is in no table."""
    distinct, places = np.unique(array.reshape(-1), return_inverse=True)
    return np.array([table.get(int(c), "") for c in distinct], dtype=object)[places].reshape(array.shape)


def texts_in(graph: GraphProto) -> Iterator[str]:
    """Every text that a graph holds as data."""
    for t in graph.initializer:
        yield from _stored(t)
    for n in graph.node:
        if n.op_type in ("LabelEncoder", "CategoryMapper"):
            yield UNUSED
        for a in n.attribute:
            if a.name in TEXT_ATTRIBUTES:
                yield from (as_text(s) for s in ([a.s] if a.type == AttributeProto.STRING else a.strings))
            yield from _stored(a.t)
            for g in [a.g] if a.HasField("g") else a.graphs:
                yield from texts_in(g)


def _stored(tensor: TensorProto) -> Iterator[str]:
    if tensor.data_type == TensorProto.STRING:
        yield from (as_text(s) for s in tensor.string_data)


__all__ = ["MOVING", "READING", "TEXT_ATTRIBUTES", "UNUSED", "Lexicon", "code", "codes", "decoded", "texts_in"]
