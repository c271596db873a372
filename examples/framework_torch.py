"""A torch module as it is: two inputs, one ReLU used three times, a functional softplus and a skip connection, explained exactly.

    python examples/framework_torch.py

What hooks on modules cannot tell apart is a graph here. The same module is then saved as a ScriptModule, which is what R's torch
writes too, and gives the same attributions from the file.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import onnxplain as ox


class Forecast(nn.Module):
    """Tomorrow's demand from a week of it and three facts about the day."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.week = nn.Sequential(nn.Conv1d(1, 8, 3, padding=1), nn.BatchNorm1d(8))
        self.mix, self.facts, self.out = nn.Linear(8, 8), nn.Linear(3, 8), nn.Linear(8, 1)

    def forward(self, week: Tensor, facts: Tensor) -> dict[str, Tensor]:
        h = self.act(self.week(week[:, None])).mean(2)
        h = h + self.act(self.mix(h))
        return {"demand": F.softplus(self.out(self.act(h + self.facts(facts))))}


rng = torch.Generator().manual_seed(0)
torch.manual_seed(0)
week, facts = torch.rand(400, 7, generator=rng), torch.randint(0, 2, (400, 3), generator=rng).float()
demand = week[:, -3:].mean(1) * (1 + facts[:, 0]) + 0.3 * facts[:, 1] + 0.02 * torch.randn(400, generator=rng)
module = Forecast()
optimizer = torch.optim.Adam(module.parameters(), 0.02)
for _ in range(150):
    optimizer.zero_grad()
    loss = F.mse_loss(module(week, facts)["demand"][:, 0], demand)
    loss.backward()
    optimizer.step()
print(f"trained: mean squared error {loss.item():.4f}, {'still' if module.training else 'no longer'} in training mode")

model = ox.load(module, example=(week, facts))
print(model)
rows = {"week": week[:5], "facts": facts[:5]}
baseline = {"week": week.mean(0), "facts": facts.mean(0)}
e = ox.explain(model, rows, ox.DeepLift(baseline=baseline))
e.check(1e-3)
with torch.no_grad():
    module.eval()
    at, at0 = module(week[:5], facts[:5])["demand"], module(week.mean(0)[None], facts.mean(0)[None])["demand"]
print("\nday  demand  Σ week  Σ facts  (DeepLIFT from the mean day, of the demand before its softplus)")
for i in range(5):
    print(f"{i:3}  {at[i, 0]:6.2f}  {e['week'].values[i].sum():6.2f}  {e['facts'].values[i].sum():7.2f}")

whole = ox.explain(model, rows, ox.DeepLift(baseline=baseline, ignore_last_activation=False))
sums = whole["week"].values.sum((1, 2)) + whole["facts"].values.sum((1, 2))
worst = np.abs(sums - (at - at0)[:, 0].numpy()).max()
print(f"\nwith the softplus, attributions add up to the module's own difference to {worst:.1e}")
assert worst < 1e-5

with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    file = Path(folder) / "forecast.pt"
    torch.jit.save(torch.jit.trace(module, (week[:2], facts[:2]), strict=False), file)
    again = ox.explain(file, rows, ox.DeepLift(baseline=baseline, ignore_last_activation=False))
assert np.allclose(again["week"].values, whole["week"].values, atol=1e-5)
print("and the ScriptModule's file gives the same")
