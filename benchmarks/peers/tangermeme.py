"""tangermeme's DeepLIFT/SHAP by our names."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from ..ask import Ask
from .base import Peer, holds


class Tangermeme(Peer):
    """It is made for one-hot sequences (n, alphabet, length): other data is turned into that shape and out of it before the
    net, its check for one-hot columns only warns, and its multipliers are taken as they are."""

    library = "tangermeme"
    methods = frozenset({"deeplift", "deepshap"})

    def knows(self, method: str) -> bool:
        plain = all(type(m).__module__.startswith("torch.nn") for m in self.net.modules())
        return method in self.methods and plain and not holds(self.net, nn.LayerNorm)

    def one(self, ask: Ask, target: int) -> Tensor:
        from tangermeme.deep_lift_shap import deep_lift_shap

        x, references = ask.x, ask.start if ask.method == "deeplift" else ask.beside
        flat = (x.shape[1], x[0, 0].numel()) if x.dim() > 2 else (1, x.shape[1])
        net: nn.Module = self.net
        if x.dim() != 3:  # what it gets is a series
            net = nn.Sequential(nn.Unflatten(2, x.shape[2:]) if x.dim() > 3 else nn.Flatten(1), net)
        beside = references.reshape(1, -1, *flat).expand(len(x), -1, -1, -1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            multipliers = deep_lift_shap(
                net,
                x.reshape(-1, *flat),
                target=target,
                references=beside,
                batch_size=max(ask.rows, len(references)),
                raw_outputs=True,
                only_warn=True,
                warning_threshold=1e9,
                device="cpu",
            )
        assert isinstance(multipliers, Tensor)
        return torch.mean((x.reshape(-1, 1, *flat) - beside) * multipliers, 1).reshape(x.shape)
