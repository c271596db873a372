"""Explanation and Attribution: names, sums, checks and conversions."""

from __future__ import annotations

import sys
import types
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from onnxplain.errors import ConservationError, InputError, MissingDependencyError
from onnxplain.explanation import Attribution

from .explanations import AUDIT, TARGETS, explanation, image, many, numbers, one, table


def test_an_attribution_counts_the_places_that_have_no_labels():
    a = Attribution(numbers(2, 3, 2), ("sample", "feature", "target"), {"target": ("a", "b")})
    assert a.labels == {"sample": (0, 1), "feature": (0, 1, 2), "target": ("a", "b")}


def test_an_attribution_is_an_array_to_numpy():
    a = table()
    assert np.asarray(a) is a.values
    assert np.asarray(a, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(np.abs(a), np.abs(a.values))
    assert a.shape == (3, 4, 2)
    assert repr(a) == "Attribution('table' → 'y', sample: 3, feature: 4, target: 2, float64)"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dims": ("sample", "target")}, "need 3 different axis names"),
        ({"dims": ("sample", "target", "feature")}, "axes are"),
        ({"labels": {"feature": ("a",)}}, "1 labels for the 4 places"),
        ({"labels": {"width": ("a",)}}, "labels for \\['width'\\]"),
        ({"data": np.zeros((2, 4))}, "3 samples, but data"),
    ],
)
def test_an_attribution_whose_parts_do_not_fit_is_an_error(wrong, message):
    with pytest.raises(InputError, match=message):
        table(**wrong)


def test_keys_are_input_names_where_one_output_was_asked_for():
    e = explanation([image(), table()], {"y": TARGETS[:2]})
    assert list(e) == ["image", "table"] and len(e) == 2
    assert dict(e) == {"image": e["image"], "table": e["table", "y"]}
    assert "image" in e and ("image", "y") in e and "nothing" not in e
    assert e.get("nothing") is None and e.get("table") is e["table"]


def test_keys_are_pairs_where_several_outputs_were_asked_for():
    e = many()
    assert list(e) == list(e.attributions)
    assert e["image", "z"].output == "z"
    assert "image" not in e and ("image", "z") in e
    with pytest.raises(InputError, match=r"name one with 'image': \('image', 'y'\), \('image', 'z'\)"):
        e["image"]


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(InputError, match="no input 'picture'; there are 'table'"):
        one()["picture"]
    with pytest.raises(InputError, match=r"pairs are \('table', 'y'\)"):
        one()["table", "q"]


def test_layers_are_found_by_value_name_and_by_pair():
    e = many()
    assert e.layers["relu/5:0"] is e.layers["relu/5:0", "y"]
    with pytest.raises(InputError, match="no explained internal value 'x'; there are 'relu/5:0'"):
        e.layers["x"]
    with pytest.raises(InputError, match="there are none"):
        one().layers["x"]


def test_values_are_the_numbers_of_the_only_attribution():
    e = one()
    assert e.values is e["table"].values and e.to_numpy() is e.values
    with pytest.raises(InputError, match="there are 6 attributions"):
        _ = many().values


def test_an_explanation_is_frozen_and_equal_only_to_itself():
    e = one()
    with pytest.raises(FrozenInstanceError):
        e.method = "other"
    assert {e: 1}[e] == 1 and e != one() and len({e, one()}) == 2


def test_delta_is_relative_to_the_goal():
    e = one()
    e = one(goals={"y": e.sums["y"] / 1.25})
    np.testing.assert_allclose(e.delta["y"], 0.25 * np.sign(e.goals["y"]), rtol=1e-10)


def test_a_goal_that_relevance_cancels_to_is_not_measured_against_itself():
    values = np.array([[[1000.0], [-1000.0 + 1e-9]]])
    a = Attribution(values, ("sample", "feature", "target"), {}, "x", "y")
    e = explanation([a], {"y": ("cat",)}, goals={"y": np.array([[0.0]])})
    np.testing.assert_allclose(e.delta["y"], [[values.sum() / (1e-3 * np.abs(values).sum())]], rtol=1e-10)
    e.check()


def test_delta_is_zero_where_nothing_was_to_be_shared_and_nan_without_a_goal():
    zero = table(values=np.zeros((3, 4, 2)))
    goals = np.zeros((3, 2))
    goals[1, 0] = np.nan
    e = explanation([zero], {"y": TARGETS[:2]}, goals={"y": goals})
    expected = np.zeros((3, 2))
    expected[1, 0] = np.nan
    np.testing.assert_array_equal(e.delta["y"], expected)


def test_check_passes_where_sums_equal_goals():
    assert many().check() is None
    assert max(np.abs(d).max() for d in many().delta.values()) == 0


def test_check_names_output_sample_target_sum_goal_and_difference():
    e = many()
    goals = {out: g.copy() for out, g in e.goals.items()}
    goals["z"][2, 1] *= 0.5
    with pytest.raises(ConservationError) as error:
        many(goals=goals).check()
    text = str(error.value)
    for part in (
        "1 of 15",
        "output 'z'",
        "sample 2",
        "target 'dog'",
        f"{e.sums['z'][2, 1]:.6g}",
        f"{goals['z'][2, 1]:.6g}",
    ):
        assert part in text
    assert "audit()" in text and "rtol 0.001" in text
    many(goals=goals).check(rtol=1e9)


def test_check_takes_a_sum_that_is_not_finite_for_wrong():
    e = one()
    sums = e.sums["y"].copy()
    sums[1, 1] = np.nan
    with pytest.raises(ConservationError, match="sample 1, target 'dog'"):
        one(sums={"y": sums}).check()


@pytest.mark.parametrize("fields", [{"complete": False}, {"goals": {"y": np.full((3, 2), np.nan)}}])
def test_check_says_so_where_nothing_was_promised(fields):
    with pytest.raises(ConservationError, match="does not promise|set no goal"):
        one(**fields).check()


def test_the_audit_is_computed_when_asked_for_and_only_once():
    calls = []
    e = one(audit_source=lambda: calls.append(1) or AUDIT)
    assert e.computed_audit is None and not calls
    frame = e.audit()
    assert list(frame.columns) == [
        "node",
        "operator",
        "kind",
        "rule",
        "relevance_in",
        "relevance_out",
        "lost",
        "share_lost",
    ]
    assert frame["node"].tolist() == [r["node"] for r in AUDIT]
    e.audit()
    assert len(calls) == 1 and e.computed_audit is not None
    with pytest.raises(InputError, match="no audit"):
        one().audit()


def test_to_numpy_and_to_torch_have_the_keys_of_the_explanation():
    e = many()
    arrays, tensors = e.to_numpy(), e.to_torch()
    assert list(arrays) == list(tensors) == list(e)
    assert tensors["image", "z"].shape == (3, 3, 5, 6, 3) and tensors["image", "z"].dtype == torch.float64
    single = one().to_torch()
    np.testing.assert_array_equal(single.numpy(), one().values)


def test_tensors_share_no_memory_with_the_explanation():
    e = one()
    before = e.values.copy()
    e.to_torch().zero_()
    np.testing.assert_array_equal(e.values, before)


def test_the_frame_of_one_table_has_the_columns_of_the_contract():
    e = one()
    frame = e.to_frame()
    assert list(frame.columns) == [
        "sample",
        "input",
        "output",
        "target",
        "feature",
        "value",
        "prediction",
        "goal",
        "sum",
    ]
    assert len(frame) == 24
    row = frame[(frame["sample"] == 2) & (frame["target"] == "dog") & (frame["feature"] == "f3")].iloc[0]
    assert row["value"] == e.values[2, 3, 1] and row["input"] == "table" and row["output"] == "y"
    assert (row["prediction"], row["goal"], row["sum"]) == (
        e.predictions["y"][2, 1],
        e.goals["y"][2, 1],
        e.sums["y"][2, 1],
    )
    sums = frame.groupby(["sample", "target"], observed=True)["value"].sum().unstack().to_numpy()
    np.testing.assert_allclose(sums, e.sums["y"], rtol=1e-10)


def test_the_frame_of_several_inputs_has_the_union_of_their_axes():
    e = many()
    frame = e.to_frame()
    axes = ["channel", "height", "width", "feature", "length"]
    assert list(frame.columns) == ["sample", "input", "output", "target", *axes, "value", "prediction", "goal", "sum"]
    assert len(frame) == sum(a.values.size for _, a in e.items())
    picture = frame[(frame["input"] == "image") & (frame["output"] == "z") & (frame["target"] == "bird")]
    assert picture["feature"].isna().all() and picture["length"].isna().all()
    place = picture[
        (picture["sample"] == 1) & (picture["channel"] == 2) & (picture["height"] == 4) & (picture["width"] == 0)
    ]
    assert place["value"].tolist() == [e["image", "z"].values[1, 2, 4, 0, 2]]
    signal = frame[(frame["input"] == "series") & (frame["channel"] == "lead II") & (frame["length"] == 8)]
    assert len(signal) == 3 * 2 + 3 * 3
    assert frame["height"].dtype == "Int64"


def test_the_frame_takes_sample_labels_and_repeated_names():
    a = table(labels={"sample": ("s1", "s2", "s1"), "feature": ("a", "a", "b", "c")})
    frame = explanation([a], {"y": TARGETS[:2]}).to_frame()
    assert frame["sample"].tolist()[::8] == ["s1", "s2", "s1"]
    assert frame["feature"].tolist()[:8:2] == ["a", "a", "b", "c"]
    assert frame["target"].tolist()[:2] == ["cat", "dog"]


def test_one_attribution_becomes_a_data_array():
    e = one()
    array = e.to_xarray()
    assert isinstance(array, xr.DataArray) and array.name == "table" and array.dims == ("sample", "feature", "target")
    assert float(array.sel(sample=1, feature="f2", target="dog")) == e.values[1, 2, 1]
    assert float(array.prediction.sel(sample=1, target="dog")) == e.predictions["y"][1, 1]
    assert array.attrs["method"] == e.method and array.attrs["model"] == "model.onnx"
    np.testing.assert_allclose(array.sum("feature").values, array["sum"].values, rtol=1e-10)


def test_several_attributions_become_a_data_set_without_clashing_axes():
    e = many()
    data = e.to_xarray()
    assert isinstance(data, xr.Dataset) and len(data.data_vars) == 6
    variable = data["image → z"]
    assert variable.attrs["input"] == "image" and variable.attrs["output"] == "z"
    assert variable.dims == ("sample", "image.channel", "height", "width", "z.target")
    np.testing.assert_array_equal(variable.values, e["image", "z"].values)
    assert list(data["series.channel"].values) == ["lead I", "lead II"]
    assert data["table → z"].attrs["connected"] == 0


def test_an_input_with_the_name_of_an_axis_survives_xarray():
    e = explanation([table(name="feature"), table(name="sum")], {"y": TARGETS[:2]})
    data = e.to_xarray()
    assert sorted(data.data_vars) == ["attribution of feature", "attribution of sum"]


def test_shap_gets_values_base_values_data_and_names(monkeypatch):
    fake = types.ModuleType("shap")
    fake.Explanation = lambda **fields: fields
    monkeypatch.setitem(sys.modules, "shap", fake)
    e = one()
    made = e.to_shap()
    np.testing.assert_array_equal(made["values"], e.values)
    np.testing.assert_allclose(made["base_values"] + e.sums["y"], e.predictions["y"], rtol=1e-10)
    assert made["feature_names"] == ["f0", "f1", "f2", "f3"] and made["output_names"] == ["cat", "dog"]
    single = explanation([table(targets=1)], {"y": ("cat",)}).to_shap()
    assert single["values"].shape == (3, 4) and single["base_values"].shape == (3,) and single["output_names"] is None
    assert set(many().to_shap()) == set(many())


@pytest.mark.parametrize(
    ("module", "act", "extra"),
    [
        ("pandas", lambda e: e.to_frame(), "tables"),
        ("pandas", lambda e: e.audit(), "tables"),
        ("xarray", lambda e: e.to_xarray(), "tables"),
        ("shap", lambda e: e.to_shap(), "shap"),
    ],
)
def test_a_missing_package_is_an_error_that_names_the_extra(monkeypatch, module, act, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=rf'pip install "onnxplain\[{extra}\]"'):
        act(many())


def test_printing_an_explanation_tells_what_it_holds():
    text = str(many())
    held = (
        "model.onnx",
        "LRP(",
        "'image': channel 3, height 5, width 6",
        "'table': feature 4; cannot reach 'z'",
        "targets 'cat', 'dog', 'bird'",
        "'relu/5:0': feature 7",
        "at most 0 of the goal",
        "before its Softmax",
    )
    assert all(part in text for part in held), text
    assert "no goal" in str(one(goals={"y": np.full((3, 2), np.nan)}, complete=False))
    assert "not promised" in str(one(complete=False))


def test_texts_of_a_long_frame_are_categories():
    a = Attribution(
        numbers(1000, 50, 2), ("sample", "feature", "target"), table(features=50).labels | {"sample": range(1000)}
    )
    frame = explanation([a], {"output": TARGETS[:2]}).to_frame()
    assert all(isinstance(frame[c].dtype, pd.CategoricalDtype) for c in ("input", "output", "target", "feature"))
    np.testing.assert_array_equal(frame["value"].to_numpy(), a.values.ravel())
    np.testing.assert_array_equal(frame["sample"].to_numpy(), np.repeat(np.arange(1000), 100))


def test_an_empty_axis_is_no_trouble():
    a = Attribution(np.zeros((2, 0, 1)), ("sample", "feature", "target"), {}, "x", "y")
    e = explanation([a], {"y": ("cat",)})
    assert len(e.to_frame()) == 0 and e.to_xarray().shape == (2, 0, 1)
    e.check()
