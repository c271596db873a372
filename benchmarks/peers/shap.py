"""shap's DeepExplainer and GradientExplainer by our names."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from ..ask import Ask
from .base import Peer, holds


class Shap(Peer):
    """It explains all outputs at once and nothing less: nets are cut to the targets that are asked for."""

    library = "shap"
    methods = frozenset({"deeplift", "deepshap", "expected"})

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        self.cut: dict[tuple[int, ...], nn.Module] = {}

    def knows(self, method: str) -> bool:
        plain = all(type(m).__module__.startswith("torch.nn") for m in self.net.modules())
        return method in self.methods and plain and not holds(self.net, nn.LayerNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.ReLU6)

    def run(self, ask: Ask) -> Tensor:
        import shap

        net = self._only(ask.targets)
        if ask.method == "expected":
            explainer = shap.GradientExplainer(net, ask.beside, batch_size=ask.rows)
            found = explainer.shap_values(ask.x, nsamples=ask.n, rseed=0)
        else:
            references = ask.start if ask.method == "deeplift" else ask.beside
            found = shap.DeepExplainer(net, references).shap_values(ask.x, check_additivity=False)
        shape = (*ask.x.shape, len(ask.targets))  # one target: versions differ on whether it keeps its axis
        return torch.from_numpy(np.asarray(found).reshape(shape)).movedim(-1, 0)

    def one(self, ask: Ask, target: int) -> Tensor:
        return self.run(ask.for_target(target))[0]

    def _only(self, targets: tuple[int, ...]) -> nn.Module:
        """The net without its other outputs."""
        if targets not in self.cut:
            net = copy.deepcopy(self.net)
            last = [m for m in net.modules() if isinstance(m, nn.Linear)][-1]
            index = list(targets)
            last.weight = nn.Parameter(last.weight[index].clone(), requires_grad=False)
            if last.bias is not None:
                last.bias = nn.Parameter(last.bias[index].clone(), requires_grad=False)
            last.out_features = len(index)
            self.cut[targets] = net
        return self.cut[targets]
