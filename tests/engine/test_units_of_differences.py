"""DeepLIFT that starts at single units is what it is where a function of the outputs names the same units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.methods.goals import Goals
from onnxplain.rules.base import Hot

from .models import CASES, loaded
from .oracle import close

N = 5
BASELINES: dict[str, Any] = {
    "one row": 0.3,
    "a row each": np.random.default_rng(3).standard_normal((N, 6)),
}
METHODS: dict[str, Any] = {
    "rescale": lambda b: ox.DeepLift(baseline=b),
    "reveal-cancel": lambda b: ox.DeepLift(baseline=b, rule="reveal_cancel"),
    "deepshap": lambda b: ox.DeepShap(data_ref=np.random.default_rng(4).standard_normal((3, 6)) + 0 * np.mean(b)),
}


@pytest.mark.parametrize("rows", [1, N])
@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("method", METHODS)
def test_single_units_of_differences(method: str, baseline: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    b = BASELINES[baseline]
    m = METHODS[method](b[:rows] if isinstance(b, np.ndarray) else b)
    seen: list[Any] = []
    seeds = Goals.seeds
    monkeypatch.setattr(Goals, "seeds", lambda *given: seen.append(seeds(*given)) or seen[-1])
    model, data = loaded("mlp"), {k: v[:rows] for k, v in CASES["mlp"].data(N).items()}
    size = len(ox.explain(model, data, "gradient", target="all").target_labels["y"])
    seen.clear()
    each = [ox.explain(model, data, m, target=k) for k in range(size)]
    for k, e in enumerate(each):
        expected = ox.explain(model, data, m, target=lambda y, k=k: y[:, k])
        close(e.values, expected.values)
        close(e.sums["y"], expected.sums["y"])
        close(e.goals["y"], expected.goals["y"])
    units = [k % size for k in range(rows)]
    mixed = ox.explain(model, data, m, target=ox.PerSample(units))
    close(mixed.values, np.stack([each[k].values[i] for i, k in enumerate(units)]))
    assert any(isinstance(s, Hot) for s in seen)
