"""A net with two outputs on the same picture: which digit it is, and whether that is odd. Asked together and apart.

    python examples/two_outputs.py

The net is trained here, in seconds, on the 8 × 8 digits that come with scikit-learn.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

import onnxplain as ox
from onnxplain import innsight

torch.manual_seed(0)
bunch = load_digits()
x = torch.tensor(bunch.images / 16.0, dtype=torch.float32)[:, None]
digit = torch.tensor(bunch.target)


class Net(torch.nn.Module):
    """One body, two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten()
        )
        self.digit, self.odd = torch.nn.Linear(128, 10), torch.nn.Linear(128, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.body(x)
        return torch.softmax(self.digit(h), 1), torch.sigmoid(self.odd(h))


net = Net()
optimizer = torch.optim.Adam(net.parameters(), 0.01)
for _ in range(80):
    p, q = net(x[:1500])
    loss = torch.nn.functional.nll_loss(p.clamp_min(1e-9).log(), digit[:1500])
    loss = loss + torch.nn.functional.binary_cross_entropy(q[:, 0], (digit[:1500] % 2).float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

file = io.BytesIO()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch.onnx.export(
        net.eval(), (x[:2],), file, dynamo=False, input_names=["image"], output_names=["digit", "odd"],
        dynamic_axes={v: {0: "n"} for v in ("image", "digit", "odd")},
    )  # fmt: skip
labels = {"digit": [str(k) for k in range(10)], "odd": ["odd"]}
model = ox.load(file.getvalue(), dtype="float64", output_labels=labels)
new, truth = x[1500:].numpy(), digit[1500:].numpy()
said = model.predict(new)
print(f"digits read right {(said['digit'].argmax(1) == truth).mean():.0%}, ", end="")
print(f"parity {((said['odd'][:, 0] > 0.5) == truth % 2).mean():.0%}")

# both outputs in one walk, each with its own target
method = ox.DeepLift()
both = ox.explain(model, new, method, target={"digit": ox.PerSample(truth), "odd": "odd"})
both.check(1e-9)
apart = ox.explain(model, new, method, target={"odd": "odd"})
np.testing.assert_allclose(both["image", "odd"].values, apart["image"].values, rtol=1e-9, atol=1e-12)
for output in both.goals:
    print(f"{output:6s} values {both['image', output].shape}, goals missed by {np.abs(both.delta[output]).max():.1e}")

for_digit, for_odd = (both["image", output].values.reshape(len(new), -1) for output in both.goals)
alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(for_digit, for_odd, strict=True)]
odd = truth % 2 == 1
print(f"correlation of the two maps: odd digits {np.mean(np.array(alike)[odd]):+.2f}, even ones {np.mean(np.array(alike)[~odd]):+.2f}")
assert np.mean(np.array(alike)[odd]) > np.mean(np.array(alike)[~odd]), "what makes a 3 a 3 also makes it odd"

# innsight's way: nodes of each output, None for one that is not asked for
conv = innsight.convert(model)
second = innsight.run_grad(conv, new[:5], output_idx=[None, [0]], dtype="double").get_result()
ours = ox.explain(model, new[:5], ox.Gradient(), target={"odd": "odd"})["image"].values
np.testing.assert_allclose(np.squeeze(second), np.squeeze(ours), rtol=1e-9, atol=1e-12)
print("innsight.run_grad with output_idx=[None, [0]] gives the same for 'odd'")

out = Path("demo-output")
out.mkdir(exist_ok=True)
both.plot(sample=3, target={"digit": 0}).savefig(out / "two-outputs-digit.png")
both.plot(sample=3, target={"odd": 0}).savefig(out / "two-outputs-odd.png")
print(f"wrote two pictures of a {truth[3]} to {out}")
