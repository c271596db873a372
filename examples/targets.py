"""The same picture, asked in every way: the predicted digit, all digits, one against another, anything you can compute.

    python examples/targets.py
"""

from __future__ import annotations

import onnxplain as ox
from onnxplain.demo import TASKS

task = TASKS[0]
data, truth = task.read()
model = ox.load(task.model)

ASKED = {
    "the predicted digit": "predicted",
    "all ten digits, one forward pass": "all",
    "digits 3 and 8": [3, 8],
    "the two most likely digits": ox.Top(2),
    "the true digit of each picture": ox.PerSample(truth),
    "why this one rather than an 8?": ox.Contrast("predicted", 8),
    "odd digits against even ones": lambda y: y[:, 1::2].sum(1) - y[:, ::2].sum(1),
}
for question, target in ASKED.items():
    e = ox.explain(model, data, "lrp", target=target)
    (output,) = e.goals
    print(f"{question:34s} values {e.values.shape}, targets {', '.join(map(str, e.target_labels[output][:4]))}")
