"""The Attention and RotaryEmbedding operators: their parts compute what ONNX's own reference computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx import ModelProto, TensorProto, helper
from onnx.reference import ReferenceEvaluator

import onnxplain as ox
from onnxplain.graph.plan import Forward

from ...rules.sites import golden

RANDOM = np.random.default_rng(0)
GOLDEN = golden()
INPUTS = ("Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen")
FLAT = {"q_num_heads": 4, "kv_num_heads": 4}
SHARED = {"q_num_heads": 4, "kv_num_heads": 2}


def values(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {name: RANDOM.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def heads(kv: int = 4, keys: int = 5, width: int = 6) -> dict[str, np.ndarray]:
    return values(Q=(2, 4, 3, 6), K=(2, kv, keys, 6), V=(2, kv, keys, width))


def flat(kv: int = 4, keys: int = 5) -> dict[str, np.ndarray]:
    return values(Q=(2, 3, 24), K=(2, keys, 6 * kv), V=(2, keys, 6 * kv))


def mask(dtype: Any, *shape: int) -> dict[str, np.ndarray]:
    m = RANDOM.random(shape) > 0.4
    return {"attn_mask": m if dtype is bool else (RANDOM.standard_normal(shape) - np.where(m, 0, np.inf)).astype(np.float32)}


def nothing_to_see() -> dict[str, np.ndarray]:
    """A query that may attend to no key."""
    m = np.ones((3, 5), bool)
    m[1] = False
    return {"attn_mask": m}


Case = tuple[dict[str, np.ndarray], dict[str, Any], int]
CASES: dict[str, Case] = {
    "heads": (heads(), {}, 1),
    "heads of another width": (heads(width=7), {"scale": 0.3}, 1),
    "flat": (flat(), FLAT, 1),
    "flat, fewer keys than queries": (flat(2, keys=3), SHARED, 1),
    "grouped queries": (heads(kv=2), {}, 1),
    "one head of keys": (heads(kv=1), {}, 1),
    "causal": (heads(keys=3), {"is_causal": 1}, 1),
    "soft cap": (heads(), {"softcap": 2.0}, 1),
    "boolean mask": ({**heads(), **mask(bool, 3, 5)}, {}, 1),
    "number mask": ({**heads(), **mask(float, 2, 4, 3, 5)}, {"is_causal": 1}, 1),
    "mask per sample": ({**flat(), **mask(bool, 2, 1, 3, 5)}, FLAT, 1),
    "a query with nothing to attend to": ({**heads(), **nothing_to_see()}, {}, 1),
    "past": ({**flat(2, keys=3), **values(past_key=(2, 2, 4, 6), past_value=(2, 2, 4, 6))}, {**SHARED, "is_causal": 1}, 3),
    "scores": (heads(), {"qk_matmul_output_mode": 0}, 4),
    "capped scores": (heads(), {"qk_matmul_output_mode": 1, "softcap": 1.5}, 4),
    "weights": ({**heads(), **mask(bool, 3, 5)}, {"qk_matmul_output_mode": 3}, 4),
    "own lengths": ({**heads(), "nonpad_kv_seqlen": np.array([3, 5])}, {"is_causal": 1}, 1),
    "window": (heads(), {"left_window_size": 1, "right_window_size": 2}, 1),
}
TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float64): TensorProto.DOUBLE,
    np.dtype(bool): TensorProto.BOOL,
    np.dtype(np.int64): TensorProto.INT64,
}


def model(
    op: str,
    feeds: dict[str, np.ndarray],
    attributes: dict[str, Any],
    names: tuple[str, ...] = INPUTS,
    n_outputs: int = 1,
    opset: int = 23,
    free: bool = False,
) -> ModelProto:
    given = [n if n in feeds else "" for n in names]
    while given and not given[-1]:
        given.pop()
    wanted = ["Y", "present_key", "present_value", "scores"][:n_outputs]
    if n_outputs == 4 and "past_key" not in feeds:
        wanted[1:3] = ["", ""]
    node = helper.make_node(op, given, wanted, name="att", **attributes)
    shapes = {n: ["N", *x.shape[1:]] if free and x.shape[0] == 2 else list(x.shape) for n, x in feeds.items()}
    infos = [helper.make_tensor_value_info(n, TYPES[x.dtype], shapes[n]) for n, x in feeds.items()]
    outputs = [helper.make_tensor_value_info(o, TYPES[feeds[names[0]].dtype], None) for o in wanted if o]
    graph = helper.make_graph([node], "attention", infos, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def equal(proto: ModelProto, feeds: dict[str, np.ndarray]) -> ox.Model:
    read = ox.load(proto, verify="never", batch_axis=None if "attn_mask" in feeds and feeds["attn_mask"].shape[0] != 2 else 0)
    graph = read.graph
    with torch.inference_mode():
        trace = Forward(graph, graph.inputs, graph.outputs, None).run({n: torch.from_numpy(x) for n, x in feeds.items()})
    theirs = dict(zip([o.name for o in proto.graph.output], ReferenceEvaluator(proto).run(None, feeds), strict=True))
    for o, y in theirs.items():
        np.testing.assert_allclose(trace[o].numpy(), y, rtol=1e-5, atol=1e-5, err_msg=o)
    return read


@pytest.mark.parametrize("free", [False, True], ids=["fixed", "free"])
@pytest.mark.parametrize("name", CASES)
def test_attention_is_what_onnx_says_it_is(name: str, free: bool) -> None:
    feeds, attributes, n_outputs = CASES[name]
    opset = 25 if "window" in name else 24 if "nonpad_kv_seqlen" in feeds else 23
    read = equal(model("Attention", feeds, attributes, INPUTS, n_outputs, opset, free), feeds)
    kinds = [n.kind for n in read.graph.nodes]
    assert kinds.count("Softmax") == 1 and kinds.count("Product") == 2 and "Attention" not in {n.op for n in read.graph.nodes}


ROTARY: dict[str, tuple[dict[str, np.ndarray], dict[str, Any]]] = {
    "heads": (values(X=(2, 4, 3, 8), cos=(5, 4), sin=(5, 4)), {}),
    "interleaved": (values(X=(2, 4, 3, 8), cos=(5, 4), sin=(5, 4)), {"interleaved": 1}),
    "flat": (values(X=(2, 3, 16), cos=(5, 4), sin=(5, 4)), {"num_heads": 2}),
    "part of the features": (values(X=(2, 4, 3, 8), cos=(5, 2), sin=(5, 2)), {"rotary_embedding_dim": 4}),
    "angles per sample": (values(X=(2, 4, 3, 8), cos=(2, 3, 4), sin=(2, 3, 4)), {}),
}


@pytest.mark.parametrize("name", ROTARY)
def test_rotary_embedding_is_what_onnx_says_it_is(name: str) -> None:
    feeds, attributes = ROTARY[name]
    if feeds["cos"].ndim == 2:
        feeds = {**feeds, "positions": np.array([[0, 1, 2], [2, 3, 4]])}
    names = ("X", "cos", "sin", "positions")
    equal(model("RotaryEmbedding", feeds, attributes, names), feeds)


def explained_from_everywhere(names: list[str], rules: dict[str, ox.rules.Rule]) -> dict[str, np.ndarray]:
    """The operator on the golden head, relevance R put on its whole output: the walks of all units, added up."""
    q, k, v, r = (GOLDEN[n].numpy() for n in names)
    feeds = {"Q": q[:, None], "K": k[:, None], "V": v[:, None]}
    read = ox.load(model("Attention", feeds, {}), dtype="float64", verify="never")
    assert {"att/products", "att/scores", "att/softmax", "att/heads"} <= {n.name for n in read.graph.nodes}
    e = ox.explain(read, feeds, ox.LRP(rules, seed=r.reshape(1, -1)), target="all")
    return {n: e[n].values[:, 0].sum(-1) for n in feeds}


def test_attn_lrp_on_the_operator_equals_lxt() -> None:
    names = [f"attention_AttnLRP/in/{n}" for n in ("a0", "a1", "a2", "R")]
    found = explained_from_everywhere(names, {"Product": ox.rules.Half(0.5e-8)})
    for i, n in enumerate("QKV"):
        theirs = GOLDEN[f"attention_AttnLRP/lxt_explicit/R_a{i}"].numpy()
        np.testing.assert_allclose(found[n], theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


def test_cp_lrp_on_the_operator_is_its_closed_form_and_leaves_queries_and_keys_nothing() -> None:
    rules = {"Softmax": ox.rules.Constant(), "Product": ox.rules.Signal(epsilon=1e-8)}
    found = explained_from_everywhere([f"attention_CPLRP/in/{n}" for n in "qkvR"], rules)
    theirs = GOLDEN["attention_CPLRP/closed_form/R_v"].numpy()
    np.testing.assert_allclose(found["V"], theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())
    assert not found["Q"].any() and not found["K"].any()


def test_a_model_with_the_operator_is_verified_against_onnxruntime_where_that_knows_it() -> None:
    feeds = flat()
    read = ox.load(model("Attention", feeds, FLAT, free=True), example=feeds, verify="always")
    assert "att/softmax" in {n.name for n in read.graph.nodes}


ONLY_VALUES = ["causal", "flat, fewer keys than queries", "boolean mask", "a query with nothing to attend to", "soft cap", "window"]


@pytest.mark.parametrize("name", ONLY_VALUES)
def test_deep_lift_is_complete_through_masks(name: str) -> None:
    feeds, attributes, _ = CASES[name]
    proto = model("Attention", feeds, attributes, opset=25 if name == "window" else 23, free=True)
    read = ox.load(proto, dtype="float64", verify="never", batch_axis={"attn_mask": None} if "attn_mask" in feeds else None)
    floats = {n: x for n, x in feeds.items() if x.dtype == np.float32}
    baseline = {n: feeds[n] if n not in floats else 0.5 * floats[n][::-1] + 0.1 for n in feeds}
    e = ox.explain(read, feeds, ox.DeepLift(baseline=baseline), target=[0, 7, 11])
    assert max(np.abs(d).max() for d in e.delta.values()) < 1e-9
    gradient = ox.explain(read, feeds, "gradient", target=[0, 7, 11])
    assert all(np.isfinite(gradient[n].values).all() for n in floats)
    assert all(e[n].connected == (n in floats) for n in feeds)
