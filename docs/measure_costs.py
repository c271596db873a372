"""The tables of costs in docs/performance.md: every method against one autograd forward pass and input gradient, and what a call
of one row of a table takes.

    python -m docs.measure_costs
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import torch

import onnxplain as ox
from benchmarks import nets, peers
from benchmarks.clock import medians

FEW = 10  # copies, steps or references of what is averaged: the cost is in proportion to them


def methods(references: Any) -> dict[str, Any]:
    return {
        "Gradient": ox.Gradient(),
        "SmoothGrad": ox.SmoothGrad(n_samples=FEW),
        "VarGrad": ox.VarGrad(n_samples=FEW),
        "IntegratedGradients": ox.IntegratedGradients(n_steps=FEW),
        "ExpectedGradients": ox.ExpectedGradients(data_ref=references, n_samples=FEW),
        "DeepLift": ox.DeepLift(),
        "DeepLift, reveal-cancel": ox.DeepLift(rule="reveal_cancel"),
        "DeepShap": ox.DeepShap(data_ref=references),
        'LRP("epsilon")': ox.LRP("epsilon"),
        "LRP()": ox.LRP(),
        'LRP("epsilon_plus_flat")': ox.LRP("epsilon_plus_flat"),
        "LRP(EpsilonGammaBox(−4, 4))": ox.LRP(ox.EpsilonGammaBox(-4.0, 4.0)),
        'LRP("epsilon_alpha2_beta1")': ox.LRP("epsilon_alpha2_beta1"),
        "Smooth(LRP())": ox.Smooth(ox.LRP(), n_samples=FEW),
        "ConnectionWeights": ox.ConnectionWeights(),
        "excitation_backprop": "excitation_backprop",
        "GuidedBackprop": ox.GuidedBackprop(),
        "Deconvnet": ox.Deconvnet(),
        "GradCam": ox.GradCam(),
        "LayerCam": ox.LayerCam(),
    }


def by_method() -> None:
    net = nets.made(nets.small_conv)
    random = torch.Generator().manual_seed(0)
    x, references = (torch.randn(n, 3, 64, 64, generator=random) for n in (8, FEW))
    model = ox.load(nets.as_onnx(net, x))
    chosen = methods(references.numpy())
    explain = partial(ox.explain, model, x.numpy(), target=0, seed=0, progress=False)
    calls: dict[str, Any] = {name: partial(explain, method) for name, method in chosen.items()}
    calls |= {"floor": partial(peers.autograd, net, x, (0,)), "forward": partial(net, x)}
    seconds = medians(calls, rounds=5, limit=300.0)
    print(f"floor {1000 * seconds['floor']:.0f} ms, {seconds['forward'] / seconds['floor']:.2f} of it the forward pass")
    for name, method in chosen.items():
        times = getattr(method, "n_samples", getattr(method, "n_steps", FEW if "Shap" in name else 1))
        print(f"| `{name}` | {seconds[name] / seconds['floor'] / times:.2f} | {times} |")


def of_one_row() -> None:
    net = nets.made(nets.mlp)
    x = torch.randn(1, 100, generator=torch.Generator().manual_seed(0))
    model = ox.load(nets.as_onnx(net, x))
    explain = partial(ox.explain, model, x.numpy(), target=0, progress=False)
    chosen = (ox.Gradient(), ox.LRP("epsilon"), ox.LRP(), ox.DeepLift(), ox.DeepLift(rule="reveal_cancel"))
    calls: dict[str, Any] = {repr(method): partial(explain, method) for method in chosen}
    calls |= {"autograd": partial(peers.autograd, net, x, (0,)), "predict": partial(model.predict, x.numpy())}
    for name, seconds in medians(calls, rounds=11, limit=60.0).items():
        print(f"| `{name}` | {1000 * seconds:.2f} ms |")


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    by_method()
    of_one_row()


if __name__ == "__main__":
    main()
