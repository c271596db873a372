"""The same explanations by other means: plain autograd, captum, zennit. Each gives (targets, samples, *input)."""

from __future__ import annotations

import copy
import importlib
import sys
import types
from collections.abc import Sequence
from importlib import metadata
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .nets import Add


def autograd(net: nn.Module, x: Tensor, targets: Sequence[int]) -> Tensor:
    """One forward pass and the gradient of each target: what everything is measured against."""
    x = x.detach().requires_grad_()
    y = net(x)
    last = len(targets) - 1
    return torch.stack([torch.autograd.grad(y[:, t].sum(), x, retain_graph=i < last)[0] for i, t in enumerate(targets)])


def installed(name: str) -> str | None:
    """The version of a library, None where it is missing or does not import."""
    try:
        if name == "zennit":
            _with_torchvision()
        importlib.import_module(name)
        return metadata.version(name)
    except ImportError:
        return None


def _with_torchvision() -> None:
    """zennit imports three classes of torchvision's, which the nets here do not use; without torchvision they may
    as well be empty."""
    try:
        importlib.import_module("torchvision.models.resnet")
    except ImportError:
        for name in ("torchvision", "torchvision.models", "torchvision.models.resnet"):
            sys.modules.setdefault(name, types.ModuleType(name))
        for name in ("Bottleneck", "BasicBlock"):
            setattr(sys.modules["torchvision.models.resnet"], name, type(name, (), {}))


class Captum:
    """captum's methods by our names."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net

    def knows(self, method: str) -> bool:
        adds = any(isinstance(m, Add) for m in self.net.modules())
        return method in ("gradient", "epsilon", "zplus", "deeplift", "ig", "deepshap") and not (adds and method == "deeplift")

    def run(self, method: str, x: Tensor, targets: Sequence[int], **options: Any) -> Tensor:
        return torch.stack([self.one(method, x, t, **options) for t in targets])

    def one(self, method: str, x: Tensor, target: int, **options: Any) -> Tensor:
        import captum.attr as ca

        if method == "gradient":
            return ca.Saliency(self.net).attribute(x, target, abs=False)
        if method == "deeplift":
            return ca.DeepLift(self.net).attribute(x, torch.zeros_like(x[:1]), target=target)
        if method == "deepshap":
            return ca.DeepLiftShap(self.net).attribute(x, options["references"], target=target)
        if method == "ig":
            return ca.IntegratedGradients(self.net).attribute(x, target=target, n_steps=50, internal_batch_size=options["rows"])
        self.set_rules(method)
        return ca.LRP(self.net).attribute(x, target=target)

    def set_rules(self, method: str) -> None:
        from captum.attr._utils import lrp_rules

        for m in self.net.modules():
            if isinstance(m, Add):
                m.rule = lrp_rules.EpsilonRule(1e-6)  # type: ignore[assignment]
            if isinstance(m, nn.Conv2d | nn.Linear | nn.BatchNorm2d | nn.MaxPool2d | nn.AdaptiveAvgPool2d | nn.Flatten):
                plus = method == "zplus" and isinstance(m, nn.Conv2d)
                m.rule = lrp_rules.Alpha1_Beta0_Rule() if plus else lrp_rules.EpsilonRule(1e-6)  # type: ignore[assignment]


class Zennit:
    """zennit's composites by our names."""

    def __init__(self, net: nn.Module) -> None:
        self.net = _for_zennit(net)

    def knows(self, method: str) -> bool:
        return method in ("epsilon", "zplus", "alpha2beta1", "gamma")

    def run(self, method: str, x: Tensor, targets: Sequence[int]) -> Tensor:
        from zennit.attribution import Gradient

        def seed(t: int) -> Any:
            return lambda y: torch.nn.functional.one_hot(torch.tensor(t), y.shape[1]) * y

        with Gradient(self.net, self.composite(method)) as attributor:
            return torch.stack([attributor(x.detach().clone(), seed(t))[1].detach() for t in targets])

    def composite(self, method: str) -> Any:
        from zennit import composites, rules, types

        dense, convolution = (types.Linear, rules.Epsilon()), types.Convolution
        own = {
            "epsilon": rules.Epsilon(),
            "zplus": rules.ZPlus(),
            "alpha2beta1": rules.AlphaBeta(alpha=2, beta=1),
            "gamma": rules.Gamma(gamma=0.25),
        }
        rows = [*composites.layer_map_base(), (convolution, own[method]), dense]
        return composites.LayerMapComposite(rows)


def _for_zennit(net: nn.Module) -> nn.Module:
    """A copy in which BatchNorms are merged into convolutions (zennit's own way leaves their ε behind) and additions
    are zennit's; the net itself where it has neither."""
    if not any(isinstance(m, Add | nn.BatchNorm2d) for m in net.modules()):
        return net
    from zennit.layer import Sum

    class Stacked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.sum = Sum()

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.sum(torch.stack((a, b), -1))

    net = copy.deepcopy(net)
    for m in list(net.modules()):
        for (name, first), (after, second) in pairwise(list(m.named_children())):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(m, name, fuse_conv_bn_eval(first, second))
                setattr(m, after, nn.Identity())
        if isinstance(getattr(m, "add", None), Add):
            m.add = Stacked()
    return net.requires_grad_(False)
