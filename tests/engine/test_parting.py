"""Many targets pass where values are small together, and few at a time where they are large; the numbers are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import onnxplain as ox
from onnxplain.graph.parting import in_parts, joined
from onnxplain.graph.plan import Backward, Trace
from onnxplain.layers.affine.conv import Conv
from onnxplain.methods import chunks, run
from onnxplain.rules.base import Hot

from .build import Writer

CLASSES, LAYER = 30, "inside"
METHODS: dict[str, Any] = {
    "gradient": "gradient",
    "gradient_input": "gradient_input",
    "guided": "guided_backprop",
    "epsilon": ox.LRP("epsilon"),
    "bias shared out": ox.LRP({"dense": ox.Epsilon(bias="distribute"), "convolution": ox.Epsilon(bias="distribute")}),
    "alpha2beta1": ox.LRP("epsilon_alpha2_beta1"),
    "gamma": ox.LRP({"convolution": ox.Gamma(0.3)}),
    "deeplift": ox.DeepLift(baseline=0.3),
    "smoothgrad": ox.SmoothGrad(n_samples=3),
    "integrated gradients": ox.IntegratedGradients(n_steps=3),
}


def model() -> ox.Model:
    """Two convolutions beside a skip connection, a pool, two dense layers, two outputs of different sizes."""
    w = Writer(3)
    a = w.node("Relu", w.node("Conv", "x", w.weight(8, 3, 3, 3), pads=[1, 1, 1, 1]))
    b = w.node("Conv", a, w.weight(8, 8, 3, 3), pads=[1, 1, 1, 1])
    w.node("MaxPool", w.node("Relu", w.node("Add", a, b)), to=LAYER, kernel_shape=[2, 2], strides=[2, 2])
    h = w.node("Relu", w.dense(w.node("Flatten", LAYER), 8 * 36, 20))
    w.dense(h, 20, CLASSES, to="y")
    w.dense(h, 20, 2, to="side")
    written = w.model({"x": ["n", 3, 12, 12]}, {"y": ["n", CLASSES], "side": ["n", 2]})
    return ox.load(written, verify="never", dtype="float64")


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of one sample and few targets."""
    monkeypatch.setattr(run, "usual_sizes", chunks.usual_sizes.__wrapped__)  # which keeps none
    monkeypatch.setattr(chunks, "CACHED_BYTES", 2**14)
    monkeypatch.setattr(chunks, "PER_WEIGHT", 0)


def watched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many targets each convolution is passed with from now on."""
    seen: list[int] = []
    transpose = Conv.transpose

    def watching(self: Conv, r: Tensor, *rest: Any) -> Tensor:
        seen.append(r.shape[0])
        return transpose(self, r, *rest)

    monkeypatch.setattr(Conv, "transpose", watching)
    return seen


@pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
@pytest.mark.parametrize("method", METHODS)
def test_targets_that_pass_in_parts_have_the_numbers_of_each_alone(method: str, tight: None) -> None:
    explained, x = model(), np.random.default_rng(0).normal(size=(3, 3, 12, 12))
    asked: dict[str, Any] = {"target": {"y": list(range(CLASSES)), "side": 1}, "seed": 1}
    asked |= {} if method in ("smoothgrad", "integrated gradients") else {"layers": [LAYER]}
    found = ox.explain(explained, x, METHODS[method], **asked)
    alone = ox.explain(explained, x, METHODS[method], **asked, chunk_size=(3, 1))
    assert found.attributions.keys() == alone.attributions.keys()
    for key, a in found.attributions.items():
        np.testing.assert_allclose(a.values, alone.attributions[key].values, rtol=1e-10, atol=1e-12)
    for key, a in found.layers.items():
        np.testing.assert_allclose(a.values, alone.layers[key].values, rtol=1e-10, atol=1e-12)


def test_one_walk_takes_all_targets_and_its_convolutions_few(tight: None, monkeypatch: pytest.MonkeyPatch) -> None:
    explained, x = model(), np.random.default_rng(0).normal(size=(1, 3, 12, 12))
    convolutions, walks, run = watched(monkeypatch), list[int](), Backward.run

    def walking(self: Backward, trace: Trace, seeds: Hot, *rest: Any) -> dict[str, Tensor]:
        walks.append(seeds.units.shape[0])
        return run(self, trace, seeds, *rest)

    monkeypatch.setattr(Backward, "run", walking)
    ox.explain(explained, x, "gradient", target={"y": list(range(CLASSES))})
    assert walks == [CLASSES] and sum(convolutions) == 2 * CLASSES and max(convolutions) <= 8


def test_chunks_that_were_asked_for_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    explained, x = model(), np.random.default_rng(0).normal(size=(1, 3, 12, 12))
    convolutions = watched(monkeypatch)
    ox.explain(explained, x, "gradient", target={"y": list(range(CLASSES))}, chunk_size=(1, 7))
    assert convolutions == [7, 7, 7, 7, 7, 7, 7, 7, 2, 2]


def test_parts_are_as_few_and_as_alike_as_may_be() -> None:
    passed: list[tuple[int, int, int]] = []

    def through(at: int, to: int, relevance: list[Tensor | None], owned: list[bool]) -> None:
        r = relevance[0]
        assert r is not None and relevance[1] is None
        passed.append((at, to, r.shape[0]))
        relevance[0] = r + 1

    found: list[list[Tensor | None]] = []
    in_parts([100, 40, 40, 12], 0, [torch.arange(50.0), None], [False, False], through, found)
    assert passed[:3] == [(0, 1, 50), (1, 3, 25), (3, 4, 9)]
    assert [n for at, _, n in passed if at == 3] == [9, 9, 7, 9, 9, 7]
    assert torch.equal(joined(found, {"x": 0})["x"], torch.arange(50.0) + 3)


def test_what_no_relevance_reaches_is_not_there() -> None:
    found = [[torch.ones(2, 1), None], [torch.zeros(3, 1), None]]
    assert joined(found, {"a": 0, "b": 1}).keys() == {"a"}
    assert joined(found, {"a": 0})["a"].shape == (5, 1)
    assert joined([], {"a": 0}) == {}
