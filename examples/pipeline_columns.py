"""A table of numbers and text through an encoder and trees: what each column, in its own terms, adds to a prediction.

The pipeline is written to ONNX by hand, as skl2onnx would: one input per column.

    python examples/pipeline_columns.py
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor

import onnxplain as ox

NUMBERS, GROUPS = ["age", "bmi", "bp", "s5"], ["first", "second"]


def trees(model: GradientBoostingRegressor) -> dict[str, Any]:
    """Attributes of a TreeEnsembleRegressor."""
    out: dict[str, list[Any]] = {
        **{
            f"nodes_{k}": []
            for k in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
        },
        **{f"target_{k}": [] for k in ("treeids", "nodeids", "ids", "weights")},
    }
    for number, (regressor,) in enumerate(model.estimators_):
        t = regressor.tree_
        for i in range(t.node_count):
            leaf = t.children_left[i] < 0
            row = (
                number,
                i,
                max(t.feature[i], 0),
                t.threshold[i],
                "LEAF" if leaf else "BRANCH_LEQ",
                *np.maximum((t.children_left[i], t.children_right[i]), 0),
            )
            weight = (number, i, 0, model.learning_rate * t.value[i].item())
            for name, value in (
                *zip(out, row, strict=False),
                *(zip(list(out)[7:], weight, strict=True) if leaf else ()),
            ):
                out[name].append(value)
    return out | {"n_targets": 1, "base_values": [model.init_.constant_.item()]}


frame = load_diabetes(as_frame=True, scaled=False).frame
frame["sex"] = np.array(GROUPS)[frame.sex.astype(int) - 1]  # the data do not say which is which
x = np.column_stack([frame[NUMBERS], *(frame.sex == g for g in GROUPS)]).astype(np.float32)
booster = GradientBoostingRegressor(n_estimators=60, random_state=0).fit(x[50:], frame.target[50:])

ml = {"domain": "ai.onnx.ml"}
nodes = [
    helper.make_node("OneHotEncoder", ["sex"], ["code"], cats_strings=GROUPS, zeros=1, **ml),
    helper.make_node("Flatten", ["code"], ["columns"]),
    helper.make_node("Concat", [*NUMBERS, "columns"], ["row"], axis=1),
    helper.make_node("TreeEnsembleRegressor", ["row"], ["progression"], **trees(booster), **ml),
]
inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 1]) for n in NUMBERS]
inputs.append(helper.make_tensor_value_info("sex", TensorProto.STRING, ["n", 1]))
output = helper.make_tensor_value_info("progression", TensorProto.FLOAT, ["n", 1])
imports = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
model = ox.load(
    helper.make_model(helper.make_graph(nodes, "diabetes", inputs, [output]), opset_imports=imports, ir_version=8)
)

people, others = frame[:4], frame[50:250]
predicted = model.predict(people)["progression"][:, 0]
assert np.allclose(predicted, booster.predict(x[:4]), rtol=1e-5)
e = ox.explain(model, people, ox.DeepShap(data_ref=others))
e.check(1e-4)  # exact TreeSHAP: contributions sum to the difference from the others' mean
by_paths = ox.explain(model, people, ox.TreeShap(data_ref=frame[50:]))

print(f"mean of the others: {model.predict(others)['progression'].mean():.0f}")
for i in range(len(people)):
    print(f"\nprogression {predicted[i]:.0f}                   against the others   along the trees' paths")
    order = sorted(model.inputs, key=lambda c: -abs(e[c].values[i].item()))
    for c in order:
        print(
            f"  {c + ' = ' + str(people[c].iloc[i]):24s} {e[c].values[i].item():+20.1f} {by_paths[c].values[i].item():+24.1f}"
        )
