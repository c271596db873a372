"""What onnxplain should reach, by case and method, and whether a measurement does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .measured import Measured

#: a verdict is within noise where the limit is this close to the median, in parts of it, or inside the quartiles
NOISE = 0.03


@dataclass(frozen=True)
class Verdict:
    """The median decides. `noise`: another run may well decide otherwise."""

    met: bool
    noise: bool

    def __str__(self) -> str:
        return ("yes" if self.met else "no") + (", within noise" if self.noise else "")


@dataclass(frozen=True)
class Goal:
    """`limit`: at most so many units; `faster`: at least so many times as fast as these libraries."""

    limit: float | None = None
    faster: Mapping[str, float] = field(default_factory=dict)

    def verdict(self, row: Measured) -> Verdict | None:
        """None where nothing of what is compared was measured; who fails has missed."""
        if "onnxplain" in row.failed:
            return Verdict(False, False)
        if (ours := row.values.get("onnxplain")) is None:
            return None
        limits = [row.values[w].median / times for w, times in self.faster.items() if w in row.values]
        limits += [self.limit] if self.limit is not None else []
        if not limits:
            return None
        limit = min(limits)
        near = ours.low <= limit <= ours.high or abs(limit - ours.median) <= NOISE * ours.median
        return Verdict(ours.median <= limit, near)

    def __str__(self) -> str:
        written = [f"≤ {self.limit:g}"] if self.limit is not None else []
        return ", ".join([*written, *(f"{w} / {times:g}" for w, times in self.faster.items())])


#: (case, method) → goal; where they come from is in docs/performance.md
GOALS: dict[tuple[str, str], Goal] = {}


def _limits(case: str, **limits: float) -> None:
    GOALS.update({(case, method): Goal(limit) for method, limit in limits.items()})


_CONV = {"gradient": 0.9, "epsilon": 1.0, "zplus": 1.35, "alpha2beta1": 1.9, "gamma": 1.5}
_FEW = {"gradient": 0.9, "epsilon": 1.0, "deeplift": 2.0}
_ATTENTION = {"gradient": 0.9, "attnlrp": 1.1, "deeplift": 2.0}

_limits("VGG-16, 1 × 224²", **_CONV, deeplift=1.6)
for _case in ("ResNet-50, 1 × 224²", "MobileNet, 1 × 224²", "MobileNet, 8 × 224²", "U-Net, 1 × 128²"):
    _limits(_case, **_CONV, deeplift=2.0)
for _case in ("small conv, 1 × 64²", "small conv, 8 × 64²", "small conv, 64 × 64²", "grey conv, 64 × 28²"):
    _limits(_case, **_CONV, deeplift=2.0)
for _case in ("Basset, 1 × 600", "Basset, 16 × 600", "TCN, 16 × 1,000"):
    _limits(_case, **_CONV, deeplift=2.0)
_limits("small conv, 8 × 64²", gradient_input=0.9, plus_flat=1.35, gamma_box=1.5, reveal_cancel=3)
for _case in ("ViT-B/16, 1 × 224²", "BERT 12 × 768, 16 tokens", "BERT 12 × 768, 128 tokens", "GPT-2, 64 tokens"):
    _limits(_case, **_ATTENTION)
for _case in ("MLP, 200 × 100", "MLP, 10,000 × 100", "MLP, 256 × 1,000", "MLP, 256 × 10,000"):
    _limits(_case, **_FEW)
_limits("MLP, 200 × 100", reveal_cancel=3)
_limits("BERT 12 × 64, 16 tokens", gradient=3, attnlrp=3)
_limits("MLP, 10,000 × 100, ten targets", gradient=5, epsilon=5, deeplift=5)
_limits("MLP, 1,000 × 100, 100 targets", gradient=45, epsilon=45)
_limits("MLP, 200 × 100, 1,000 targets", gradient=450, epsilon=450)
_limits("ResNet-50, ten targets", gradient=5, epsilon=5)
_limits("small conv, 100 targets", gradient=30, epsilon=30)
_limits("small conv, 1,000 targets", gradient=300, epsilon=300)
_limits("small conv, 50 steps", ig=32, smoothgrad=45, expected=45)
_limits("MLP, 1,000 × 100, 50 steps", ig=40, smoothgrad=45, expected=45)
GOALS["small MLP, DeepShap 200 × 100 × 10", "deepshap"] = Goal(faster={"captum": 50, "shap": 150})
_limits("chain of 1,000 nodes", gradient=8, epsilon=8)
for _case in ("ResNet-50 file, 100 MB", "BERT 12 × 768 file, 340 MB"):
    _limits(_case, load=2.0, load_checked=2.0)
_limits("a new process", **{"import": 0.5, "help": 0.5})
_limits("VGG-16, 8 × 224²", gradient=731, epsilon=665, zplus=954, alpha2beta1=1340, deeplift=1642)
_limits("VGG-16, 8 × 224², max_memory 300 MB", epsilon=300, zplus=300, alpha2beta1=300, deeplift=300)
