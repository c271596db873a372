"""The same explanations by other means: plain autograd, and a file per library. Each gives (targets, samples, *input)."""

from __future__ import annotations

from .autograd import autograd
from .base import Peer
from .captum import Captum
from .lxt import Lxt
from .shap import Shap
from .tangermeme import Tangermeme
from .zennit import Zennit

#: library → its side; all take part in one process, each on a net of its own where it changes the net
PEERS: dict[str, type[Peer]] = {p.library: p for p in (Captum, Zennit, Shap, Tangermeme, Lxt)}

__all__ = ["PEERS", "Peer", "autograd", "versions"]


def versions() -> dict[str, str]:
    """Of the libraries that are installed."""
    return {library: v for library, kind in PEERS.items() if (v := kind.version()) is not None}
