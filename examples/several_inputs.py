"""A model with a picture and a table as inputs: attributions of both, rules by type of layer, an internal value, an audit.

    python examples/several_inputs.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import onnxplain as ox
from onnxplain import innsight
from onnxplain.demo import TASKS

task = TASKS[1]
data, truth = task.read()
model = ox.load(task.model, dtype="float64")
print(model, "\n")

e = ox.explain(model, data, ox.DeepLift(), target=ox.Top(2))
(output,) = e.goals
for name in e:
    share = abs(e[name].values[..., 0]).sum() / sum(abs(e[i].values[..., 0]).sum() for i in e)
    print(f"{name}: {e[name].shape}, {share:.0%} of the attribution of the first choice")
print(f"largest relative miss of f(x) − f(0): {abs(e.delta[output]).max():.1e}")

# LRP with a rule for every type of layer: by family, by operator, by pattern of names (the first row that fits counts)
BY_TYPE = {
    "convolution": ox.AlphaBeta(2, 1),
    "/measured/*/Gemm": ox.Gamma(0.25),  # the linear layer that the table goes through
    "Gemm": ox.Epsilon(0.01),
}
mixed = ox.explain(model, data, ox.LRP(BY_TYPE, winner_takes_all=False))  # max-pooling shares by value
used = {row["node"]: row["rule"] for row in mixed.audit_rows}
print("\nrules by type of layer:")
for node, rule in used.items():
    print(f"  {node:28s}{rule}")
assert "AlphaBeta" in used["/picture/picture.0/Conv"] and "Gamma" in used["/measured/measured.0/Gemm"]
assert "Epsilon" in used["/head/head.2/Gemm"] and "WinnerTakesAll" not in used["/picture/picture.4/MaxPool"]

# the same idea in innsight's words: rules and their parameters by its classes of layers
conv = innsight.convert(model)
own = innsight.run_lrp(
    conv,
    list(data.values()),
    output_idx=list(range(10)),
    rule_name={"Conv2D_Layer": "alpha_beta", "Dense_Layer": "epsilon"},
    rule_param={"Conv2D_Layer": 2, "Dense_Layer": 0.01},
    winner_takes_all=False,
    dtype="double",
)
frame = own.get_result("data.frame")
print("\ninnsight's LRP with rule_name by class of layer, mean |relevance|:")
print(frame.assign(value=frame.value.abs()).groupby("model_input", observed=True).value.mean().round(4).to_string())

# relevance at an internal value, and per node
value = next(n.outputs[0] for n in model.graph.nodes if n.op == "Concat")
e = ox.explain(model, data, "lrp", layers=[value])
print(f"\nrelevance at {value!r}: {e.layers[value].shape}")
print(e.audit()[["node", "operator", "relevance_in", "relevance_out", "lost"]].to_string(index=False))

out = Path("demo-output")
out.mkdir(exist_ok=True)
for name in mixed:
    assert np.isfinite(mixed[name].values).all()
    mixed.plot(sample=0, input=name).savefig(out / f"several-inputs-{name}.png")
print(f"\nwrote two pictures of the first sample to {out}")
