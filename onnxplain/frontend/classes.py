"""Classifiers' outputs as plain tensors whose units have names: a list of {class: probability} becomes one column per
class, and the class labels go into the model's metadata, where names of units are looked for."""

from __future__ import annotations

import json
from collections.abc import Mapping

from onnx import ModelProto, NodeProto, TensorProto, helper

from ..layers.base import operator_key

ZIP_MAP = "ai.onnx.ml:ZipMap"
CLASSIFIERS = frozenset(
    {"ai.onnx.ml:LinearClassifier", "ai.onnx.ml:SVMClassifier", "ai.onnx.ml:TreeEnsembleClassifier"}
)
#: operators after which the columns are still the classes
KEEPING = frozenset({"Identity", "Cast", "Softmax", "Sigmoid", "ai.onnx.ml:Normalizer"})
LABELS = "onnxplain.output_labels"
#: what `Identity` is read by in a file that uses no operators of ONNX's own
OPSET = 13


def has_classes(proto: ModelProto) -> bool:
    """Whether `with_plain_classes` may change it."""
    return any(operator_key(n.op_type, n.domain) in {ZIP_MAP, *CLASSIFIERS} for n in proto.graph.node)


def with_plain_classes(proto: ModelProto) -> ModelProto:
    """`proto`, changed in place: without ZipMap, the labels of classifiers' outputs in its metadata."""
    graph = proto.graph
    maker = {v: n for n in graph.node for v in n.output if v}
    found = {o.name: labels for o in graph.output if (labels := _labels(o.name, maker))}
    maps = [n for n in graph.node if operator_key(n.op_type, n.domain) == ZIP_MAP]
    for n in maps:
        _as_tensor(proto, n, len(_own(n)))
    if maps and not any(o.domain in ("", "ai.onnx") for o in proto.opset_import):
        proto.opset_import.append(helper.make_opsetid("", OPSET))
    if found:
        entry = next((m for m in proto.metadata_props if m.key == LABELS), None)
        if entry is None:
            entry = proto.metadata_props.add(key=LABELS, value="{}")
        entry.value = json.dumps({**found, **_stored(entry.value)})
    return proto


def _stored(text: str) -> dict[str, list[str]]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _labels(value: str, maker: Mapping[str, NodeProto]) -> list[str]:
    """The classes whose scores a value holds, column by column."""
    while (n := maker.get(value)) is not None:
        key = operator_key(n.op_type, n.domain)
        if key == ZIP_MAP:
            return _own(n)
        if key in CLASSIFIERS:
            pairs = n.op_type == "SVMClassifier" and not any(a.name == "prob_a" and a.floats for a in n.attribute)
            labels = _own(n)
            return labels if value == n.output[-1] and value != n.output[0] and not (pairs and len(labels) > 2) else []
        if key not in KEEPING:
            return []
        value = n.input[0]
    return []


def _own(n: NodeProto) -> list[str]:
    for a in n.attribute:
        if a.name.startswith("classlabels_") and (a.ints or a.strings):
            return [*map(str, a.ints), *(s.decode("utf-8", "replace") for s in a.strings)]
    return []


def _as_tensor(proto: ModelProto, n: NodeProto, classes: int) -> None:
    n.op_type, n.domain = "Identity", ""
    del n.attribute[:]
    for o in proto.graph.output:
        if o.name == n.output[0]:
            o.CopyFrom(helper.make_tensor_value_info(o.name, TensorProto.FLOAT, [None, classes]))
