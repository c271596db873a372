"""A table with one-hot columns and two outputs: attributions summed back to the category each column came from.

    python examples/one_hot_table.py
"""

from __future__ import annotations

import io

import numpy as np
import torch
from sklearn.datasets import load_diabetes

import onnxplain as ox

torch.manual_seed(0)
bunch = load_diabetes(scaled=False)
raw = dict(zip(bunch.feature_names, bunch.data.T, strict=True))


def one_hot(values: np.ndarray, edges: list[float]) -> np.ndarray:
    return np.eye(len(edges) + 1)[np.digitize(values, edges)]


# two numbers as they are, two made into categories: each column's name is "category: place"
blocks = {
    "age": one_hot(raw["age"], [35, 50, 60]),
    "sex": one_hot(raw["sex"], [1.5]),
    "bmi": ((raw["bmi"] - raw["bmi"].mean()) / raw["bmi"].std())[:, None],
    "bp": ((raw["bp"] - raw["bp"].mean()) / raw["bp"].std())[:, None],
}
columns = [f"{name}: {i}" if b.shape[1] > 1 else name for name, b in blocks.items() for i in range(b.shape[1])]
x = np.concatenate(list(blocks.values()), 1).astype(np.float32)
progress = torch.from_numpy(((bunch.target - bunch.target.mean()) / bunch.target.std()).astype(np.float32))[:, None]


class Net(torch.nn.Module):
    """How far the disease goes, and whether that is more than average."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(len(columns), 16), torch.nn.ReLU())
        self.far, self.more = torch.nn.Linear(16, 1), torch.nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.body(x)
        return self.far(h), torch.sigmoid(self.more(h))


net, inputs = Net(), torch.from_numpy(x)
optimizer = torch.optim.Adam(net.parameters(), 0.01, weight_decay=1e-3)
for _ in range(300):
    far, more = net(inputs)
    loss = torch.nn.functional.mse_loss(far, progress)
    loss = loss + torch.nn.functional.binary_cross_entropy(more, (progress > 0).float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

file = io.BytesIO()
torch.onnx.export(
    net.eval(), (inputs[:2],), file, dynamo=False, input_names=["patient"], output_names=["progress", "more"],
    dynamic_axes={v: {0: "n"} for v in ("patient", "progress", "more")},
)  # fmt: skip
model = ox.load(file.getvalue(), input_labels=columns)
e = ox.explain(model, x, ox.DeepShap(data_ref=x[:100]), seed=0)

frame = e.to_frame()
frame["category"] = frame["feature"].astype(str).str.split(":").str[0]
by_category = frame.groupby(["output", "sample", "category"], observed=True)["value"].sum()
print("mean |contribution| of each category, its one-hot columns summed first")
print(by_category.abs().groupby(["output", "category"], observed=True).mean().unstack().round(3).to_string())
for output in e.goals:
    print(f"{output}: sums miss f(x) − mean f by {np.abs(e.delta[output]).max():.1e} at most")
