"""Where only one token is read, what treats tokens apart is computed at that token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

import onnxplain as ox
from onnxplain.graph.narrowing import Narrowed, narrowed
from onnxplain.methods import problem

from .build import Writer

T, WIDTH, HEADS = 5, 6, 2
METHODS: dict[str, Any] = {
    "gradient": "gradient",
    "gradient_input": "gradient_input",
    "deeplift": ox.DeepLift(baseline=0.3),
    "reveal_cancel": ox.DeepLift(baseline=0.3, rule="reveal_cancel"),
    "integrated gradients": ox.IntegratedGradients(n_steps=4),
    "attn_lrp": ox.LRP("attn_lrp"),
    "epsilon": ox.LRP("epsilon"),
    "deepshap": ox.DeepShap(data_ref=np.random.default_rng(7).standard_normal((3, T, WIDTH))),
}


def normed(w: Writer, x: str) -> str:
    return w.node("LayerNormalization", x, w.weight(WIDTH, shift=1.0), w.weight(WIDTH), axis=-1)


def dense(w: Writer, x: str, fan_in: int, fan_out: int, to: str | None = None) -> str:
    return w.node("Add", w.node("MatMul", x, w.weight(fan_in, fan_out)), w.weight(fan_out), to=to)


def block(w: Writer, x: str, masked: str, sizes: list[int]) -> str:
    h = normed(w, x)
    heads = [w.node("Reshape", dense(w, h, WIDTH, WIDTH), w.constant([*sizes, HEADS, WIDTH // HEADS])) for _ in range(3)]
    q, v = (w.node("Transpose", heads[i], perm=[0, 2, 1, 3]) for i in (0, 2))
    scores = w.node("MatMul", q, w.node("Transpose", heads[1], perm=[0, 2, 3, 1]))
    scores = w.node("Mul", scores, w.constant(0.4))
    if masked == "sum":
        scores = w.node("Add", scores, w.constant(np.triu(np.full((T, T), -50.0), 1)))
    if masked == "where":
        scores = w.node("Where", w.constant(np.tril(np.ones((1, 1, T, T), bool))), scores, w.constant(-50.0))
    mixed = w.node("Transpose", w.node("MatMul", w.node("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
    x = w.node("Add", x, dense(w, w.node("Reshape", mixed, w.constant([*sizes, WIDTH])), WIDTH, WIDTH))
    inner = w.node("Gelu", dense(w, normed(w, x), WIDTH, 8), domain="com.microsoft")
    return w.node("Add", x, dense(w, inner, 8, WIDTH, to="fed"), to="tokens")


def model(at: int = 0, masked: str = "", sizes: tuple[int, int] = (0, 0), others: str = "", axis: int = 1, cut: bool = False) -> ox.Model:
    w = Writer(11)
    x = block(w, w.node("Tanh", dense(w, "x", WIDTH, WIDTH), to="first"), masked, list(sizes))
    if others == "mean":  # which reads all tokens
        x = w.node("Add", x, w.node("ReduceMean", x, axes=[1], keepdims=1))
    if cut:
        taken = w.node("Slice", x, w.constant([at]), w.constant([1 if at == 0 else 2**63 - 1]), w.constant([axis]))
    else:
        taken = w.node("Gather", x, w.constant([at]), axis=axis)
    w.dense(w.node("Flatten", normed(w, taken)), WIDTH, 4, to="y")
    outputs = {"y": ("N", 4), **({"tokens": ("N", T, WIDTH)} if others == "output" else {})}
    return ox.load(w.model({"x": ("N", T, WIDTH)}, outputs, imports=[helper.make_opsetid("com.microsoft", 1)]), dtype="float64")


def values(m: ox.Model, method: Any, **options: Any) -> Any:
    x = np.random.default_rng(2).standard_normal((3, T, WIDTH))
    target = {"y": "all"}
    return ox.explain(m, x, method, target=target, **options)


MODELS = [
    {"at": 0},
    {"at": -1, "masked": "sum"},
    {"at": -1, "masked": "where"},
    {"at": 0, "sizes": (-1, T)},
    {"at": -1, "masked": "sum", "axis": -2},
    {"at": 0, "cut": True},
    {"at": -1, "axis": -2, "cut": True},
]


@pytest.mark.parametrize("options", MODELS, ids=str)
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.filterwarnings("ignore:LRP")
def test_attributions_are_those_of_all_tokens(options: dict[str, Any], method: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = values(model(**options), method)
    monkeypatch.setattr(problem, "narrowed", lambda graph, keep: Narrowed(graph))
    expected = values(model(**options), method)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.predictions["y"], expected.predictions["y"], rtol=1e-12)


@pytest.mark.parametrize("options", MODELS, ids=str)
def test_one_token_goes_from_the_last_keys_and_values_on(options: dict[str, Any]) -> None:
    graph = narrowed(model(**options).graph, ()).graph
    graph.check()
    one = [n.op for n in graph.nodes if any(f"{end} of axis" in n.outputs[0] for end in ("first", "last"))]
    assert one.count("MatMul") == 6  # query, scores, values, out, up, down
    assert {"Softmax", "Gelu", "LayerNormalization", "Slice"} <= set(one)


@pytest.mark.parametrize("others", ["mean", "output"])
def test_what_all_tokens_are_read_of_stays_whole(others: str) -> None:
    graph = model(others=others).graph
    assert len(narrowed(graph, ()).graph.nodes) == len(graph.nodes)


def test_a_value_that_is_asked_for_has_all_its_tokens() -> None:
    e = values(model(), "gradient", layers=["fed"])
    a = e.layers["fed"].values
    assert a.shape == (3, T, WIDTH, 4)
    assert np.abs(a[:, 0]).max() > 0 and (a[:, 1:] == 0).all()


def test_the_audit_sees_every_node_once() -> None:
    rows = values(model(), ox.LRP("epsilon", seed=1.0)).audit()
    names = [r["node"] for r in (rows.to_dict("records") if hasattr(rows, "to_dict") else rows)]
    assert len(names) == len(set(names))
