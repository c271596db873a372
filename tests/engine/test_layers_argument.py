"""Attributions of internal values: `layers=`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxplain as ox

from .build import Writer
from .models import CASES, loaded
from .oracle import close, gradient, run, tensors

N = 3
#: values that every path from the inputs to the output crosses
CUTS = {
    "mlp": ["v0", "v1", "v2", "v3", "v4"],
    "residual": ["h", "v3"],
    "attention": ["v0", "mixed"],
    "cnn": ["v0", "v1", "v2", "pooled"],
    "embedding": ["embedded ids"],
    "sequence_first": ["gated"],
    "fixed_3": ["v0", "v1"],
}
COMPLETE_CUTS = [(n, v) for n in ("mlp", "cnn", "fixed_3") for v in CUTS[n]] + [
    ("attention", "mixed"),
    ("residual", "h"),
]


@pytest.mark.parametrize(("name", "value"), [(n, v) for n in ("mlp", "residual", "attention", "cnn") for v in CUTS[n]])
def test_the_gradient_at_a_value_equals_autograd_there(name: str, value: str) -> None:
    data, model = CASES[name].data(N), loaded(name)
    e = ox.explain(model, data, "gradient", target="all", layers=[value])
    for k in range(e.predictions["y"].shape[1]):
        expected = gradient(model, data, lambda v, k=k: v["y"][:, k], ["y"], (value,))
        close(e.layers[value].values[..., k], expected[value])


def test_gradient_times_input_multiplies_by_the_value_itself() -> None:
    data, model = CASES["cnn"].data(N), loaded("cnn")
    plain = ox.explain(model, data, "gradient", target="all", layers=["pooled"])
    times = ox.explain(model, data, "gradient_input", target="all", layers=["pooled"])
    value = run(model, tensors(data), ["pooled"])["pooled"].numpy()
    close(times.layers["pooled"].values, plain.layers["pooled"].values * value[..., None])


@pytest.mark.parametrize("chunk_size", ["auto", (2, 1)], ids=str)
@pytest.mark.parametrize(("name", "value"), COMPLETE_CUTS)
def test_deeplift_is_complete_at_every_cut(name: str, value: str, chunk_size: Any) -> None:
    data, base = CASES[name].data(N), CASES[name].data(N, seed=6)
    e = ox.explain(loaded(name), data, ox.DeepLift(baseline=base), target="all", layers=[value], chunk_size=chunk_size)
    a = e.layers[value].values
    close(a.reshape(N, -1, a.shape[-1]).sum(1), e.goals["y"], 1e-12)


@pytest.mark.parametrize("chunk_size", ["auto", 1, 2])
@pytest.mark.parametrize("n", [1, 3, 7])
def test_values_with_the_samples_on_another_axis_get_them_first(chunk_size: Any, n: int) -> None:
    data, model = CASES["sequence_first"].data(n), loaded("sequence_first")  # 7 steps: as many as samples, once
    e = ox.explain(model, data, "deeplift", target="all", layers=["gated"], chunk_size=chunk_size)
    close(e.layers["gated"].values.reshape(n, -1, 3).sum(1), e.goals["y"], 1e-12)
    for i in range(n):
        row = {"x": data["x"][:, i : i + 1]}
        alone = ox.explain(model, row, "deeplift", target="all", layers=["gated"]).layers["gated"].values
        close(e.layers["gated"].values[i].reshape(-1, 3), alone.reshape(-1, 3))


@pytest.mark.parametrize("perm", [(0, 1, 2), (1, 0, 2)], ids=["sample by sample", "head by head"])
def test_samples_folded_into_one_axis_with_heads_are_found_there(perm: tuple[int, ...]) -> None:
    w = Writer(75)
    heads = w.node("Reshape", w.node("Tanh", w.dense("x", 4, 6)), w.constant([0, 3, 2]))  # (N, 3, 2)
    folded = w.node("Reshape", w.node("Transpose", heads, perm=list(perm)), w.constant([-1, 2]), to="folded")
    mixed = w.node("Tanh", w.dense(folded, 2, 2))
    back = w.node("Reshape", mixed, w.constant([-1, 3, 2]) if perm[0] == 0 else w.constant([3, -1, 2]))
    w.dense(w.node("Reshape", w.node("Transpose", back, perm=list(perm)), w.constant([-1, 6])), 6, 2, to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 2)}), dtype="float64")
    x = np.random.default_rng(0).standard_normal((5, 4))
    e = ox.explain(model, x, "deeplift", target="all", layers=["folded"])
    assert e.layers["folded"].values.shape == (5, 3, 2, 2)
    close(e.layers["folded"].values.sum((1, 2)), e.goals["y"], 1e-12)


def test_a_value_in_which_samples_meet_asks_for_one_at_a_time() -> None:
    w = Writer(76)
    total = w.node("ReduceSum", w.dense("x", 4, 3), w.constant([0]), keepdims=1, to="total")
    w.node("Add", w.dense("x", 4, 3), total, to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 3)}), dtype="float64")
    x = np.random.default_rng(0).standard_normal((3, 4))
    with pytest.raises(ox.InputError, match="no axis of internal value 'total'.*chunk_size=1"):
        ox.explain(model, x, "gradient", layers=["total"])
    assert ox.explain(model, x, "gradient", layers=["total"], chunk_size=1).layers["total"].values.shape == (3, 3, 1)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_deepshap_is_complete_at_every_cut(name: str) -> None:
    data, refs = CASES[name].data(N), CASES[name].data(4, seed=6)
    e = ox.explain(loaded(name), data, ox.DeepShap(data_ref=refs), target="all", layers=CUTS[name])
    for value in CUTS[name]:
        a = e.layers[value].values
        close(a.reshape(N, -1, a.shape[-1]).sum(1), e.goals["y"], 1e-12)


@pytest.mark.parametrize("method", ["gradient", "lrp", "deeplift", "smoothgrad", "connection_weights"])
def test_asking_for_layers_does_not_change_the_attributions(method: str) -> None:
    data = CASES["cnn"].data(N)
    plain = ox.explain(loaded("cnn"), data, method, target="all", seed=1)
    asked = ox.explain(loaded("cnn"), data, method, target="all", seed=1, layers=["v2", "pooled"])
    assert set(asked.layers) == {"v2", "pooled"}
    close(asked.values, plain.values, 1e-12)


def test_lrp_changes_only_where_a_value_between_merged_layers_is_asked_for() -> None:
    """The convolution's output exists again, so the normalisation behind it has a rule of its own."""
    data = CASES["cnn"].data(N)
    merged = ox.explain(loaded("cnn"), data, "lrp", target="all")
    apart = ox.explain(loaded("cnn"), data, "lrp", target="all", layers=["v0"])
    assert len(apart.rules) == len(merged.rules) + 1
    assert apart.layers["v0"].values.shape == (N, 4, 8, 9, 4)


def test_relevance_at_a_layer_is_what_the_part_behind_it_gives() -> None:
    data = CASES["cnn"].data(N)
    whole = ox.explain(loaded("cnn"), data, "lrp", target="all", layers=["pooled"])
    tail = ox.load(CASES["cnn"].proto(), inputs=["pooled"], dtype="float64")
    value = run(loaded("cnn"), tensors(data), ["pooled"])["pooled"].numpy()
    e = ox.explain(tail, value, "lrp", target="all")
    close(whole.layers["pooled"].values, e.values, 1e-12)


def test_layers_of_several_outputs_are_kept_apart() -> None:
    data = CASES["branches"].data(N)
    e = ox.explain(loaded("branches"), data, "deeplift", target={"both": "all", "alone": 0}, layers=["v1"])
    close(e.layers["v1", "alone"].values.sum(1), e.goals["alone"], 1e-12)
    assert e.layers["v1", "both"].values.shape == (N, 5, 3)


def test_a_name_may_be_given_alone() -> None:
    e = ox.explain(loaded("mlp"), CASES["mlp"].data(N), "lrp", layers="v1")
    assert e.layers["v1"].values.shape == (N, 7, 1)


def test_an_input_may_be_asked_for_as_a_layer() -> None:
    e = ox.explain(loaded("mlp"), CASES["mlp"].data(N), "gradient", layers=["x"])
    close(e.layers["x"].values, e.values)


@pytest.mark.parametrize("method", ["integrated_gradients", ox.Smooth(ox.LRP(), n_samples=2)], ids=str)
def test_methods_that_are_defined_at_inputs_say_how_to_cut(method: Any) -> None:
    with pytest.raises(ox.RuleError, match=r"inputs=\['v1'\]"):
        ox.explain(loaded("mlp"), CASES["mlp"].data(N), method, layers=["v1"])


def test_a_value_without_relevance_is_refused() -> None:
    with pytest.raises(ox.InputError, match="label"):
        ox.explain(loaded("arg_max"), CASES["arg_max"].data(N), "gradient", layers=["label"])


def test_a_layer_that_an_output_does_not_depend_on_is_left_out_or_zero() -> None:
    data = CASES["branches"].data(N)
    e = ox.explain(loaded("branches"), data, "gradient", target={"alone": 0}, layers=["v4"])
    assert "v4" not in e.layers or not np.any(e.layers["v4"].values)
