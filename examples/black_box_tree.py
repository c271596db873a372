"""A random forest that never becomes a graph: Shapley values of its probabilities, from nothing but predict_proba.

    python examples/black_box_tree.py
"""

from __future__ import annotations

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

import onnxplain as ox

iris = load_iris()
train, test, classes, truth = train_test_split(iris.data, iris.target, test_size=6, random_state=0)
forest = RandomForestClassifier(30, random_state=0).fit(train, classes)

model = ox.BlackBox(forest.predict_proba, input_labels=iris.feature_names, output_labels=iris.target_names)
e = ox.explain(model, test, ox.KernelShap(data_ref=train[::6]), target="all", seed=0)
e.check(1e-9)  # four features have 14 coalitions: all are taken, and the values are exact

features = e["input"].labels["feature"]
for s in range(len(test)):
    k = int(e.predictions["output"][s].argmax())
    row = e["input"].values[s, :, k]
    reasons = ", ".join(f"{features[i]} {row[i]:+.2f}" for i in abs(row).argsort()[::-1][:2])
    said, true = iris.target_names[k], iris.target_names[truth[s]]
    print(f"{said:10s} ({true}) {e.predictions['output'][s, k]:.2f} = {row.sum():+.2f} above the average: {reasons}")

print("\nhow much covering a feature costs the predicted class, on average:")
occluded = ox.explain(model, test, ox.Occlusion(baseline=train.mean(0)))
for name, lost in zip(features, occluded["input"].values[..., 0].mean(0), strict=True):
    print(f"  {name:20s} {lost:+.2f}")
