"""Sequences inside a model: every method passes them as it passes the tensors in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

import onnxplain as ox

from .build import Writer
from .control_models import Inside, Weights

INT64, BOOL = TensorProto.INT64, TensorProto.BOOL


def listed(flat: bool) -> ModelProto:
    """Rows put into a list at both ends and in the middle, one of them twice, some taken out, the rest joined."""
    w = Writer(1)
    a, b, c = (w.node("Tanh", w.dense("x", 4, n)) for n in (3, 2, 4))
    d = w.dense("x", 4, 2)
    if flat:
        joined, at = w.node("Concat", d, c, d, axis=1), w.node("Neg", c)
    else:
        s = w.node("SequenceConstruct", a, b)
        s = w.node("SequenceInsert", s, c, w.constant(1))
        s = w.node("SequenceInsert", s, d)  # a c b d
        s = w.node("SequenceInsert", s, d, w.constant(-4))  # d a c b d
        s = w.node("SequenceErase", s, w.constant(np.array(1)))  # d c b d
        length = w.node("SequenceLength", s)
        s = w.node("SequenceErase", s, w.node("Sub", length, w.constant(2)))  # d c d
        joined, at = w.node("ConcatFromSequence", s, axis=1), w.node("Neg", w.node("SequenceAt", s, w.constant(-2)))
    w.dense(w.node("Concat", joined, at, axis=1), 12, 3, to="y")
    return w.model({"x": ("N", 4)}, {"y": ("N", 3)})


def cut(flat: bool) -> ModelProto:
    """A tensor cut into pieces of equal and of unequal length, and into slices; two pieces go on."""
    w = Writer(2)
    h = w.node("Tanh", w.dense("x", 4, 7))
    if flat:
        parts = [w.node("Split", h, w.constant(sizes), to=[f"{k} {i}" for i in range(len(sizes))], axis=1) for k, sizes in enumerate([[3, 3, 1], [2, 5]])]
        picked = [parts[0][2], parts[1][1], w.node("Gather", h, w.constant([4]), axis=1)]
    else:
        three = w.node("SplitToSequence", h, w.node("Squeeze", w.constant([3])), axis=1)
        two = w.node("SplitToSequence", h, w.constant([2, 5]), axis=-1)
        one = w.node("SplitToSequence", h, axis=1, keepdims=0)
        picked = [w.node("SequenceAt", three, w.constant(2)), w.node("SequenceAt", two, w.constant(1))]
        picked.append(w.node("Unsqueeze", w.node("SequenceAt", one, w.constant(-3)), w.constant([1])))
    w.dense(w.node("Concat", *picked, axis=1), 7, 3, to="y")
    return w.model({"x": ("N", 4)}, {"y": ("N", 3)})


def collected(flat: bool) -> ModelProto:
    """What a loop puts into a list, as exporters write it, stacked; it reads pieces of another list."""
    w = Writer(3)
    p = Weights(w)
    w.node("SplitToSequence", "x", to="pieces", axis=1, keepdims=0)

    def step(b: Writer, x: str, h: str) -> str:
        z = b.node("Add", b.node("MatMul", x, p("x", 4, 5)), b.node("MatMul", h, p("h", 5, 5)))
        return b.node("Tanh", b.node("Add", z, p("b", 5)))

    w.node("MatMul", w.node("ReduceMean", "x", axes=[1], keepdims=0), p("start", 4, 5), to="start")
    if flat:
        cuts = w.node("Split", "x", to=[f"x{k}" for k in range(3)], axis=1)
        made, h = [], "start"
        for c in cuts:
            h = step(w, w.node("Squeeze", c, w.constant([1])), h)
            made.append(w.node("Unsqueeze", h, w.constant([1])))
        ys = w.node("Concat", *made, axis=1)
    else:
        b = Inside(w, "body")
        h = step(b, b.node("SequenceAt", "pieces", "i"), "h")
        on = [b.node("Identity", "going"), h, b.node("SequenceInsert", "list", h)]
        body = b.graph(["i", "going", "h", "list"], on, {"i": INT64, "going": BOOL})
        body.input[2].CopyFrom(helper.make_tensor_value_info("h", TensorProto.FLOAT, None))
        body.input[3].CopyFrom(helper.make_tensor_sequence_value_info("list", TensorProto.FLOAT, None))
        empty = w.node("SequenceEmpty")
        _, made = w.node("Loop", w.node("SequenceLength", "pieces"), "", "start", empty, to=["h", "lists"], body=body, name="loop")
        ys = w.node("ConcatFromSequence", made, axis=1, new_axis=1)
    w.dense(w.node("ReduceMax", ys, axes=[1], keepdims=0), 5, 3, to="y")
    return w.model({"x": ("N", 3, 4)}, {"y": ("N", 3)})


def mapped(flat: bool) -> ModelProto:
    """The same for every piece, which ONNX defines by a loop over the list."""
    w = Writer(4)
    scale = w.weight(1, 2)
    if flat:
        pieces = w.node("Split", "x", to=["p0", "p1"], axis=1)
        made = [w.node("Sigmoid", w.node("Mul", p, scale)) for p in pieces]
        joined = w.node("Concat", *made, axis=1)
    else:
        w.node("SplitToSequence", "x", w.constant([2, 2]), to="pieces", axis=1)
        b = Inside(w, "each")
        body = b.graph(["piece", "factor"], [b.node("Sigmoid", b.node("Mul", "piece", "factor"))])
        for i in body.input:
            i.CopyFrom(helper.make_tensor_value_info(i.name, TensorProto.FLOAT, None))
        body.output[0].CopyFrom(helper.make_tensor_value_info(body.output[0].name, TensorProto.FLOAT, None))
        joined = w.node("ConcatFromSequence", w.node("SequenceMap", "pieces", scale, body=body), axis=1)
    w.dense(joined, 4, 3, to="y")
    return w.model({"x": ("N", 4)}, {"y": ("N", 3)})


MODELS: dict[str, tuple[Callable[[bool], ModelProto], tuple[int, ...]]] = {
    "listed": (listed, (3, 4)),
    "cut": (cut, (3, 4)),
    "collected": (collected, (3, 3, 4)),
    "mapped": (mapped, (3, 4)),
}
METHODS: dict[str, Callable[[np.ndarray], Any]] = {
    "gradient": lambda x0: ox.Gradient(),
    "lrp": lambda x0: ox.LRP(),
    "deeplift": lambda x0: ox.DeepLift(baseline=x0[0]),
    "deepshap": lambda x0: ox.DeepShap(data_ref=x0),
    "connection_weights": lambda x0: ox.ConnectionWeights(),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", METHODS)
def test_a_model_with_sequences_is_explained_as_one_without(name: str, method: str) -> None:
    make, shape = MODELS[name]
    rng = np.random.default_rng(0)
    x, x0 = rng.standard_normal(shape), rng.standard_normal((2, *shape[1:]))
    listed, flat = (ox.load(make(f), dtype="float64", verify="always") for f in (False, True))
    chosen = METHODS[method](x0)
    e, expected = (ox.explain(m, x, chosen, target="all") for m in (listed, flat))
    scale = np.abs(expected["x"].values).max()
    np.testing.assert_allclose(e["x"].values, expected["x"].values, rtol=1e-10, atol=1e-10 * scale)
    if method.startswith("deep"):
        np.testing.assert_allclose(e.sums["y"], e.goals["y"], atol=1e-12 * np.abs(e.goals["y"]).max())


def test_an_audit_counts_what_lies_in_a_sequence() -> None:
    x = np.random.default_rng(1).standard_normal((3, 3, 4))
    model = ox.load(collected(False), dtype="float64")
    rows: Sequence[dict[str, Any]] = ox.explain(model, x, ox.LRP(), target=0).audit().to_dict("records")
    by_op = {r["operator"]: r for r in rows}
    assert abs(by_op["ConcatFromSequence"]["relevance_in"]) > 1e-3
    for op in ("ConcatFromSequence", "SequenceInsert", "SequenceAt", "SplitToSequence"):
        np.testing.assert_allclose(by_op[op]["relevance_out"], by_op[op]["relevance_in"], rtol=1e-9)


def with_sequences() -> ModelProto:
    """parts, x → parts with x behind them, and the first of them."""
    w = Writer()
    w.node("SequenceInsert", "parts", "x", to="all")
    w.node("SequenceAt", "all", w.constant(0), to="first")
    proto = w.model({"parts": (), "x": ("N", 4)}, {"all": (), "first": ("M", 4)})
    listed = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    kind = helper.make_sequence_type_proto(listed)
    for end in (proto.graph.input[0], proto.graph.output[0]):
        end.type.CopyFrom(kind)
    return proto


def test_sequences_go_in_and_come_out_as_lists() -> None:
    with pytest.warns(UserWarning, match="are no tensors but sequences"):
        model = ox.load(with_sequences())
    assert model.inputs["parts"].described() == "a sequence of float32"
    a, b, x = (np.full((n, 4), n, np.float32) for n in (1, 2, 3))
    made = model.predict({"parts": [a, b], "x": x})
    assert [y.tolist() for y in made["all"]] == [a.tolist(), b.tolist(), x.tolist()] and made["first"].tolist() == a.tolist()
    assert [y.tolist() for y in model.predict({"parts": [], "x": x})["all"]] == [x.tolist()]
    with pytest.raises(ox.InputError, match="'parts' is a sequence of float32: give a list of arrays, not ndarray"):
        model.predict({"parts": a, "x": x})


def test_what_is_explained_are_tensors() -> None:
    model = ox.load(with_sequences(), verify="never")
    x = np.ones((1, 4), np.float32)
    with pytest.raises(ox.InputError, match="'parts' is a sequence: explanations are of tensors.*inputs="):
        ox.explain(model, {"parts": [x], "x": x}, "gradient")
    w = Writer()
    w.node("SplitToSequence", w.node("Tanh", "x", to="h"), to="s", axis=1)
    proto = w.model({"x": ("N", 4)}, {"s": (), "h": ("N", 4)})
    proto.graph.output[0].CopyFrom(helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None))
    half = ox.load(proto, verify="never")
    assert list(ox.explain(half, x, "gradient", target=0).predictions) == ["h"], "an output that is a sequence is passed over"
    with pytest.raises(ox.TargetError, match="output 's' is a sequence: explain the tensors in it"):
        ox.explain(half, x, "gradient", target={"s": 0})


def test_an_optional_input_may_be_none() -> None:
    there = helper.make_node("OptionalHasElement", ["maybe"], ["y"])
    of = helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [3]))
    graph = helper.make_graph(
        [there], "g", [helper.make_value_info("maybe", of)], [helper.make_tensor_value_info("y", TensorProto.BOOL, [])]
    )
    model = ox.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), verify="never")
    assert not model.predict({"maybe": None})["y"] and model.predict({"maybe": np.ones(3, np.float32)})["y"]


def test_a_map_is_refused() -> None:
    w = Writer()
    w.node("Identity", "x", to="s")
    proto = w.model({"x": ("N", 4)}, {"s": ()})
    proto.graph.output[0].type.map_type.key_type = TensorProto.INT64
    with pytest.raises(ox.ModelError, match="'s' is neither a tensor nor a sequence of tensors.*outputs="):
        ox.load(proto)


def test_a_position_outside_a_sequence_is_an_error_that_names_the_node() -> None:
    w = Writer()
    w.node("SequenceAt", w.node("SplitToSequence", "x", axis=1), w.constant(4), to="y", name="fifth")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 1)}), verify="never")
    with pytest.raises(ox.InputError, match="'fifth'.*position 4 of a sequence of 4"):
        model.predict(np.zeros((1, 4)))
