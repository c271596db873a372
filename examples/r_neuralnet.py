"""A net trained in R with the package neuralnet: its .rds file loaded, checked, and explained for every iris species.

    python examples/r_neuralnet.py

`examples/models/iris_neuralnet.R` trained it, on standardised columns, and kept R's own results in the file; the conversion
is held to them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_iris

import onnxplain as ox

iris = load_iris()
x = (iris.data - iris.data.mean(0)) / iris.data.std(0, ddof=1)  # R's scale()

model = ox.load(Path(__file__).parent / "models" / "iris_neuralnet.rds", dtype="float64")
(output,) = model.outputs
features, species = model.inputs["Input_1"].labels["feature"], model.labels[output]
said = model.predict(x)[output]
right = (said.argmax(1) == iris.target).mean()
print(f"{model.name}: {', '.join(features)} → {', '.join(species)}; {right:.0%} of the flowers are recognised")
assert right > 0.95

truth = ox.PerSample(iris.target)  # each flower is asked about its own species
results = {
    "LRP, ε-rule (the biases of tanh layers keep a large share)": ox.explain(model, x, ox.LRP("epsilon"), target=truth),
    "DeepLIFT from the mean flower": ox.explain(model, x, ox.DeepLift(baseline=x.mean(0)), target=truth),
}
results["DeepLIFT from the mean flower"].check(1e-9)  # complete: f(x) − f(mean flower), exactly
for title, e in results.items():
    means = [e.values[iris.target == k, :, 0].mean(0) for k in range(len(species))]
    off = np.median(np.abs(e.delta[output]))
    print(f"\n{title}\nmean attribution; sums miss their goals by {off:.1%} (median)")
    print(pd.DataFrame(np.transpose(means), features, species).round(2).to_string())

weights = ox.explain(model, None, ox.ConnectionWeights(), target="all")
print("\nconnection weights, which need no flower:")
print(pd.DataFrame(weights.values[0], features, species).round(1).to_string())

out = Path("demo-output")
out.mkdir(exist_ok=True)
every = ox.explain(model, x, ox.DeepLift(baseline=x.mean(0)), target="all")
for name in species:
    every.plot_global(target=name, preprocess="none").savefig(out / f"iris-{name}.png")
every.plot(sample=60, target="versicolor").savefig(out / "iris-flower-60.png")
print(f"\nwrote {len(species) + 1} pictures to {out}")
