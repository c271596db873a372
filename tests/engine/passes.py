"""Watches how many samples each forward pass takes."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.graph.plan import Trace
from onnxplain.methods.run import Runner


def rows_of_passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The samples of every forward pass from now on, in order, filled as they are made."""
    rows: list[int] = []
    forward = Runner.forward

    def watched(self: Runner, samples: np.ndarray) -> Trace:
        rows.append(len(samples))
        return forward(self, samples)

    monkeypatch.setattr(Runner, "forward", watched)
    return rows
