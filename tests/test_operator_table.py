"""`ox.operators()`: what is known of every operator."""

from __future__ import annotations

import onnx
import pytest

import onnxplain as ox
from onnxplain.layers.base import registered
from onnxplain.operator_table import LAYER, rows_of_operators

ROWS = {(r.domain, r.operator): r for r in rows_of_operators()}


def test_every_operator_of_the_standard_and_every_layer_has_a_row() -> None:
    standard = {(s.domain, s.name) for s in onnx.defs.get_all_schemas() if s.domain in ("", "ai.onnx.ml") and not s.deprecated}
    assert standard - {("", "Constant")} <= set(ROWS)
    known = {s.name for s in onnx.defs.get_all_schemas_with_history() if s.domain == ""}
    assert {("", op) for op, _, _ in registered() if op in known} <= set(ROWS) | {("", "Constant")}


@pytest.mark.parametrize(
    ("operator", "kind", "lrp", "connection_weights"),
    [
        ("Conv", "Affine", "ZPlus", "ConnectionWeights"),
        ("MatMul", "Affine", "Epsilon", "ConnectionWeights"),
        ("Relu", "Elementwise", "Pass", "ConnectionWeights"),
        ("Add", "Additive", "Epsilon", "ConnectionWeights"),
        ("Reshape", "Routing", "Adjoint", "ConnectionWeights"),
        ("Softmax", "Softmax", "TaylorSoftmax", ""),
        ("LayerNormalization", "Normalization", "FrozenStatistics", ""),
        ("ArgMax", "Integer", "", ""),
    ],
)
def test_the_rules_are_the_methods_own(operator: str, kind: str, lrp: str, connection_weights: str) -> None:
    row = ROWS["", operator]
    assert (row.kind, row.lrp.partition("(")[0], row.connection_weights.partition("(")[0]) == (kind, lrp, connection_weights)
    assert row.computed.startswith(LAYER) and row.since
    assert row.deeplift.partition("(")[0] == ("" if kind == "Integer" else "Rescale")


def test_operators_without_a_layer_say_how_they_are_computed() -> None:
    assert ROWS["", "If"].computed == "graphs inside" and ROWS["", "RandomNormal"].computed == "layer"
    assert ROWS["com.microsoft", "BiasGelu"].computed == "written out as others"
    table = ox.operators()
    assert len(table) == len(ROWS) and list(table.columns)[:4] == ["operator", "domain", "since", "computed"]
