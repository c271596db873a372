"""What is small is computed by the calling thread alone; and what is small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import onnxplain as ox
from onnxplain.errors import OnnxplainError
from onnxplain.graph.plan import Forward
from onnxplain.graph.work import work_per_node
from onnxplain.layers.affine.linear import Linear

from ..engine.build import Writer
from ..engine.recurrent_models import FEATURES, module, network

#: multiply-adds of one sample in the MLP below, and its nodes
PRODUCTS, NODES = 100 * 256 + 256 * 256 + 256 * 10, 5


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads that torch had at every dense product, there and back."""
    found: list[int] = []

    def noted(function: Any) -> Any:
        def call(self: Linear, *given: Any) -> Tensor:
            found.append(torch.get_num_threads())
            return function(self, *given)  # type: ignore[no-any-return]

        return call

    for name in ("forward", "transpose"):
        monkeypatch.setattr(Linear, name, noted(getattr(Linear, name)))
    return found


def mlp() -> ox.Model:
    w = Writer()
    h = w.node("Relu", w.dense("x", 100, 256))
    w.dense(w.node("Relu", w.dense(h, 256, 256)), 256, 10, to="y")
    return ox.load(w.model({"x": ("N", 100)}, {"y": ("N", 10)}), verify="never")


def rows(n: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, 100)).astype(np.float32)


@pytest.mark.filterwarnings("ignore:IntegratedGradients:UserWarning")  # of so few steps
@pytest.mark.parametrize(
    ("n", "method", "target", "threads"),
    [
        (1, "gradient", 3, 1),
        (200, "gradient", 3, 1),
        (200, "deep_lift", 3, 1),
        (300, "gradient", 3, 2),
        (40, ox.LRP("epsilon"), "all", 2),
        (40, ox.LRP("epsilon"), [0, 1, 2, 3], 1),
        (40, "gradient", ox.Top(3), 1),
        (2, ox.IntegratedGradients(n_steps=20), 3, 1),
        (20, ox.IntegratedGradients(n_steps=20), 3, 2),
    ],
)
def test_calls_of_up_to_four_million_multiply_adds_per_node_take_one_thread(
    seen: list[int], n: int, method: Any, target: Any, threads: int
) -> None:
    assert (n * PRODUCTS / NODES <= 4e6) or threads == 2
    model = mlp()
    ox.explain(model, rows(n), method, target=target)  # what there is to do is not known yet
    seen.clear()
    ox.explain(model, rows(n), method, target=target)
    assert set(seen) == {threads}
    assert torch.get_num_threads() == 2


def test_the_more_threads_the_less_is_small(seen: list[int]) -> None:
    model, x = mlp(), rows(150)
    for threads, taken in ((2, 1), (4, 4)):
        torch.set_num_threads(threads)
        ox.explain(model, x, "gradient", target=3)
        seen.clear()
        ox.explain(model, x, "gradient", target=3)
        assert set(seen) == {taken}


def test_numbers_do_not_depend_on_whether_the_work_was_known() -> None:
    model, x = mlp(), rows(150)
    first, second = (np.asarray(ox.explain(model, x, "lrp", target=2).values) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    torch.set_num_threads(1)
    np.testing.assert_array_equal(first, np.asarray(ox.explain(mlp(), x, "lrp", target=2).values))


def test_threads_come_back_after_an_error() -> None:
    model = mlp()
    ox.explain(model, rows(2), "gradient", target=0)
    with pytest.raises(OnnxplainError, match="10"):
        ox.explain(model, rows(2), "gradient", target=10)
    assert torch.get_num_threads() == 2


def test_what_is_bounded_keeps_its_threads(seen: list[int]) -> None:
    ox.explain(mlp(), rows(3), "gradient", target=0, max_memory="1GB")
    assert set(seen) == {2}


def _counted(proto: Any, *shape: int) -> float:
    """Of a graph that reads x."""
    graph = ox.load(proto, verify="never").raw
    plan = Forward(graph, graph.inputs, graph.outputs, ())
    return work_per_node(plan.nodes, plan.run({"x": torch.ones(shape)}))


def test_the_work_of_an_mlp_is_its_products_and_the_numbers_of_its_rectifiers() -> None:
    w = Writer()
    w.dense(w.node("Relu", w.dense("x", 100, 256)), 256, 10, to="y")
    found = _counted(w.model({"x": ("N", 100)}, {"y": ("N", 10)}), 7, 100)
    assert found == 7 * (100 * 256 + 256 + 256 * 10) / 3


@pytest.mark.parametrize(
    ("op", "weight", "attributes", "positions"),
    [
        ("Conv", (6, 4, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]}, 5 * 4),
        ("Conv", (6, 1, 3, 3), {"group": 4, "pads": [1, 1, 1, 1]}, 10 * 8),
        ("ConvTranspose", (4, 6, 3, 3), {"strides": [2, 2]}, 10 * 8),
    ],
)
def test_the_work_of_a_convolution_is_its_weights_at_every_position(
    op: str, weight: tuple[int, ...], attributes: dict[str, Any], positions: int
) -> None:
    w = Writer()
    weight = (8, *weight[1:]) if "group" in attributes else weight
    w.node(op, "x", w.weight(*weight), to="y", **attributes)
    found = _counted(w.model({"x": ("N", 4, 10, 8)}, {"y": ("N", "c", "h", "w")}), 2, 4, 10, 8)
    assert found == 2 * positions * np.prod(weight)


def test_the_work_of_a_product_of_values_is_the_terms_of_its_sums() -> None:
    w = Writer()
    w.node("MatMul", "x", w.node("Transpose", "x", perm=[0, 2, 1]), to="y")
    found = _counted(w.model({"x": ("N", 5, 3)}, {"y": ("N", 5, 5)}), 2, 5, 3)
    assert found == (2 * 5 * 5 * 3 + 2 * 5 * 3) / 2


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
def test_every_step_of_a_loop_is_so_many_nodes(op: str) -> None:
    """The more steps, the more there is to do, but no more at a node."""
    few, many, wide = (
        _counted(network(module(op), steps=steps)[0], steps, samples, FEATURES) for steps, samples in ((20, 3), (100, 3), (20, 30))
    )
    assert 0.8 * few < many < 1.25 * few
    assert wide == pytest.approx(10 * few, rel=0.01)
