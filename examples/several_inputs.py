"""A model with a picture and a table as inputs: attributions of both, of an internal value, and where relevance went.

    python examples/several_inputs.py
"""

from __future__ import annotations

import onnxplain as ox
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

# relevance at an internal value, and per node
value = next(n.outputs[0] for n in model.graph.nodes if n.op == "Concat")
e = ox.explain(model, data, "lrp", layers=[value])
print(f"\nrelevance at {value!r}: {e.layers[value].shape}")
print(e.audit()[["node", "operator", "relevance_in", "relevance_out", "lost"]].to_string(index=False))
