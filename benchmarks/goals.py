"""What onnxplain should reach, by case and method."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """`ours` at most `limit` floors, or µs per node; with `times`, at least that many times as fast as captum."""

    limit: float | None = None
    times: float | None = None

    def met(self, measured: dict[str, float]) -> bool | None:
        """None where captum is needed and missing."""
        if self.limit is not None:
            return measured["onnxplain"] <= self.limit
        return measured["captum"] >= (self.times or 0) * measured["onnxplain"] if "captum" in measured else None

    def __str__(self) -> str:
        return f"≤ {self.limit:g}" if self.limit is not None else f"captum / {self.times:g}"


def _limits(case: str, **limits: float) -> dict[tuple[str, str], Goal]:
    return {(case, method): Goal(limit) for method, limit in limits.items()}


_CONV = {"gradient": 0.9, "epsilon": 1.0, "zplus": 1.35, "alpha2beta1": 1.9, "gamma": 1.5}

GOALS: dict[tuple[str, str], Goal] = {
    **_limits("VGG-16, 1 × 224²", **_CONV, deeplift=1.6),
    **_limits("ResNet-50, 1 × 224²", **_CONV, deeplift=2.0),
    **_limits("small conv, 8 × 64²", **_CONV, deeplift=2.0),
    **_limits("MLP, 200 × 100", gradient=0.9, epsilon=1.0, deeplift=2.0),
    **_limits("MLP, 10,000 × 100", gradient=0.9, epsilon=1.0, deeplift=2.0),
    **_limits("MLP, 10,000 × 100, ten targets", gradient=5, epsilon=5, deeplift=5),
    **_limits("ResNet-50, ten targets", gradient=5, epsilon=5),
    **_limits("small conv, 100 targets", gradient=30, epsilon=30),
    **_limits("small conv, 50-step IG", ig=32),
    **_limits("MLP, 1,000 × 100, 50-step IG", ig=40),
    ("small MLP, DeepShap 200 × 100 × 10", "deepshap"): Goal(times=50),
    **_limits("chain of 1,000 nodes", gradient=8, epsilon=8),
}
