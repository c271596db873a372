"""LSTMs whose gradient torch's kernel takes: the numbers of the steps, wherever walks may be put together."""

from __future__ import annotations

from typing import Self
from unittest.mock import patch

import numpy as np
import pytest
import torch

import onnxplain as ox
from benchmarks.nets.through_onnx import as_onnx
from onnxplain.graph.control.kernel import FEW_TARGETS, KernelLSTM

from .recurrent_models import CLASSES, FEATURES, load, module, network

STEPS, SAMPLES = 6, 3
#: one side is in single precision: the kernel knows no other
CLOSE = 2e-6


def data(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((STEPS, SAMPLES, FEATURES))


class Calls:
    """Counts the kernel's adjoints."""

    def __init__(self) -> None:
        self.n = 0

    def __enter__(self) -> Self:
        pulled = KernelLSTM._pulled

        def counting(*given: object) -> object:
            self.n += 1
            return pulled(*given)  # type: ignore[arg-type]

        self.patch = patch.object(KernelLSTM, "_pulled", counting)
        self.patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.patch.stop()


def close(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_allclose(a, b, rtol=0, atol=CLOSE * np.abs(b).max())


@pytest.mark.parametrize(
    ("both", "head"), [(False, True), (True, True), (False, False)], ids=["forward", "both ways", "last state"]
)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("method", [ox.Gradient(), ox.IntegratedGradients(n_steps=5)], ids=["gradient", "path"])
def test_the_kernels_gradient_is_the_steps(both: bool, head: bool, layers: int, method: ox.Method) -> None:
    proto = network(module("LSTM", layers, both), head=head)[0]
    with Calls() as calls:
        found = ox.explain(load(proto, "float32"), data(), method, target=0)["x"].values
    assert calls.n >= layers * (1 + both)
    close(found, ox.explain(load(proto), data(), method, target=0)["x"].values)


class FromStates(torch.nn.Module):
    """First states made of the data, and the last ones read beside all outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(FEATURES, 2 * 5)
        self.cell = torch.nn.LSTM(FEATURES, 5, bidirectional=True, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.first(x[:, 0]).reshape(-1, 2, 5).transpose(0, 1)
        y, (last, cell) = self.cell(x, (h, 0.5 * h))
        return torch.stack([y.sum((1, 2)), last.sum((0, 2)), cell.sum((0, 2))], 1)


@pytest.mark.parametrize("target", [0, 1, 2], ids=["outputs", "state", "cell"])
def test_relevance_reaches_first_states_from_all_outputs(target: int) -> None:
    torch.manual_seed(0)
    net, x = FromStates().eval(), torch.randn(SAMPLES, STEPS, FEATURES)
    with Calls() as calls:
        found = ox.explain(ox.load(as_onnx(net, x)), x.numpy(), ox.Gradient(), target=target)["x"].values
    assert calls.n == 2
    x = x.double().requires_grad_()
    (expected,) = torch.autograd.grad(net.double()(x)[:, target].sum(), x)
    close(found[..., 0] if found.ndim > x.dim() else found, expected.numpy())


def test_many_targets_take_the_steps_together() -> None:
    proto = network(module("LSTM"), head=False)[0]
    with Calls() as calls:
        many = ox.explain(load(proto, "float32"), data(), target=range(FEW_TARGETS + 1), method=ox.Gradient())["x"].values
        assert calls.n == 0
        few = ox.explain(load(proto, "float32"), data(), target=[0, 1], method=ox.Gradient())["x"].values
        assert calls.n == 2
    close(few, many[..., :2])


def test_chunks_and_a_bound_on_memory_change_no_number() -> None:
    model = load(network(module("LSTM"))[0], "float32")
    whole = ox.explain(model, data(), ox.Gradient(), target=0)["x"].values
    close(ox.explain(model, data(), ox.Gradient(), target=0, chunk_size=1)["x"].values, whole)
    close(ox.explain(model, data(), ox.Gradient(), target=0, max_memory="16MB")["x"].values, whole)


@pytest.mark.parametrize("why", ["double", "lengths", "lrp", "gru", "between is asked for"])
def test_what_the_kernel_cannot_say_takes_the_steps(why: str) -> None:
    proto = network(module("GRU" if why == "gru" else "LSTM"), lengths=why == "lengths")[0]
    model = load(proto, "float64" if why == "double" else "float32")
    x = {"x": data(), "lengths": np.array([6, 3, 5], np.int32)} if why == "lengths" else data()
    layers = [v for v in model.graph.values if "input 0" in v][-1:] if why == "between is asked for" else []
    with Calls() as calls:
        ox.explain(model, x, ox.LRP() if why == "lrp" else ox.Gradient(), target=CLASSES - 1, layers=layers)
    assert calls.n == 0
