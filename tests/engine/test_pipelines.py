"""Exported pipelines: columns of numbers, integers and text, one input each, explained on the columns themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.frontend.strings import code, codes, decoded
from onnxplain.layers.text.lexicon import Lexicon

from .oracle import close
from .test_trees import loaded
from .trees import model, node

pandas = pytest.importorskip("pandas")
GOLDEN = Path(__file__).parent.parent / "golden" / "ml" / "pipelines.npz"
COLUMNS = ("age", "income", "visits", "city", "member")
ROWS = 12
#: of "Zürich", in all processes and on all machines
CODE = 4051582139374561924


def stored(key: str) -> np.ndarray:
    with np.load(GOLDEN) as golden:
        return golden[key]


def table(rows: slice = slice(None)) -> Any:
    return pandas.DataFrame({c: stored(c) for c in COLUMNS})[rows]


def pipeline(name: str, dtype: str = "float64", **options: Any) -> ox.Model:
    return ox.load(stored(f"{name} model").tobytes(), dtype=dtype, **options)


def score(name: str) -> str:
    return "variable" if name == "ordinal" else "output_probability"


@pytest.mark.parametrize("name", ["logistic", "boosted", "ordinal"])
@pytest.mark.filterwarnings("error:the model was not verified")
def test_a_table_is_predicted_as_scikit_learn_does(name: str) -> None:
    for dtype in ("float32", "float64"):
        got = pipeline(name, dtype, verify="always").predict(table())
        expected = stored(f"{name} predicted")
        np.testing.assert_allclose(got[score(name)].reshape(expected.shape), expected, rtol=1e-5, atol=1e-6)
    if name != "ordinal":
        np.testing.assert_array_equal(got["output_label"], stored(f"{name} labels"))


@pytest.mark.parametrize("name", ["logistic", "boosted", "ordinal"])
def test_attributions_land_on_columns_and_add_up(name: str) -> None:
    m, frame, refs = pipeline(name), table(slice(ROWS)), table(slice(40, 50))
    e = ox.explain(m, frame, ox.DeepShap(data_ref=refs, ignore_last_activation=False), target={score(name): "all"})
    assert all(e[c].values.shape[:2] == (ROWS, 1) for c in COLUMNS)
    goal = m.predict(frame)[score(name)] - m.predict(refs)[score(name)].mean(0)
    close(sum(e[c].values[:, 0] for c in COLUMNS), goal, 1e-12)
    assert all(e[c].values.any() for c in ("age", "visits", "city"))


def test_a_linear_pipelines_columns_have_their_coefficients_one_hot_columns_summed() -> None:
    frame = table(slice(ROWS))
    e = ox.explain(pipeline("logistic"), frame, ox.DeepLift(baseline=table(slice(20, 21))), target="likes it")
    differences = stored("logistic columns")[:ROWS] - stored("logistic columns")[20]
    parts = differences * stored("logistic coefficients")
    expected = {
        "age": parts[:, 0],
        "income": parts[:, 1],
        "visits": parts[:, 2],
        "city": parts[:, 3:6].sum(1),
        "member": parts[:, 6:].sum(1),
    }
    for c, contribution in expected.items():
        np.testing.assert_allclose(e[c].values[:, 0, 0], contribution, rtol=1e-5, atol=1e-6)


def test_units_are_the_classes_and_labels_come_as_text() -> None:
    m = pipeline("boosted")
    assert m.labels["output_probability"] == ("leaves it", "likes it")
    e = ox.explain(m, table(slice(3)), ox.DeepLift(), target="likes it")
    assert e.target_labels["output_probability"] == ("likes it",)
    assert set(m.predict(table())["output_label"]) == {"leaves it", "likes it"}


def test_baselines_are_categories_rows_and_numbers() -> None:
    m, frame = pipeline("boosted"), table(slice(ROWS))
    one = {"age": 40.0, "income": 0.0, "visits": 3, "city": "Zürich", "member": "no"}
    same = pandas.DataFrame({k: [v] for k, v in one.items()})
    e = ox.explain(m, frame, ox.DeepLift(baseline=one), target="likes it")
    again = ox.explain(m, frame, ox.DeepLift(baseline=same), target="likes it")
    for c in COLUMNS:
        close(again[c].values, e[c].values)
    assert not e["city"].values[(frame.city == "Zürich").to_numpy()].any()
    nothing = ox.explain(m, frame, ox.DeepLift(), target="likes it")  # text that is no category, where none is given
    assert nothing["city"].values.any()


def test_an_encoder_without_zeros_names_what_it_does_not_know() -> None:
    frame = table(slice(3))
    frame.loc[1, "city"] = "Roma"
    with pytest.raises(ox.InputError, match="none of its 3 categories"):
        pipeline("logistic").predict(frame)
    assert np.isfinite(pipeline("boosted").predict(frame)["output_probability"]).all()


def test_missing_numbers_are_predicted_and_explained_at_what_fills_them() -> None:
    frame = table()
    frame.loc[:1, "age"] = np.nan
    for name in ("logistic", "boosted"):
        m = pipeline(name)
        np.testing.assert_allclose(
            m.predict(frame)["output_probability"], stored(f"{name} missing"), rtol=1e-5, atol=1e-6
        )
        e = ox.explain(m, frame[:ROWS], ox.DeepShap(data_ref=frame[10:30]), target="all")
        close(sum(e[c].values[:, 0] for c in COLUMNS), e.goals["output_probability"], 1e-11)
        assert np.isfinite(e["age"].values).all()
    frame.loc[2, "age"] = np.inf
    with pytest.raises(ox.InputError, match="infinite"):
        ox.explain(m, frame, "deeplift")


def test_kernel_shap_calls_the_model_with_text() -> None:
    m, frame, refs = pipeline("ordinal", "float32"), table(slice(2)), table(slice(40, 42))
    e = ox.explain(m, frame, ox.KernelShap(data_ref=refs), target=0, seed=0)
    total = sum(e[c].values[:, 0, 0] for c in COLUMNS)
    np.testing.assert_allclose(
        total, m.predict(frame)["variable"][:, 0] - m.predict(refs)["variable"].mean(), atol=1e-5
    )


def test_treeshap_goes_through_encoders() -> None:
    m, frame = pipeline("boosted"), table(slice(ROWS))
    e = ox.explain(m, frame, ox.TreeShap(data_ref=table()), target="likes it")
    spread = sum(e[c].values[:, 0, 0] for c in COLUMNS) - np.log(1 / m.predict(frame)["output_probability"][:, 0] - 1)
    close(spread, np.full(ROWS, spread[0]), 1e-10)  # the mean over all ways is the same for all rows


def test_text_comes_in_any_array_and_is_kept_with_the_result(tmp_path: Path) -> None:
    m, frame = pipeline("boosted"), table(slice(4))
    by_name = {c: frame[[c]].to_numpy() for c in COLUMNS}
    forms = [
        by_name,
        by_name | {"city": np.array(by_name["city"].tolist(), dtype=str)},
        by_name | {"city": by_name["city"].tolist()},
    ]
    values = [ox.explain(m, data, ox.DeepLift(), target=1) for data in forms]
    for e in values[1:]:
        close(e["city"].values, values[0]["city"].values)
    assert values[0]["city"].data[:, 0].tolist() == frame.city.tolist()
    values[0].save(tmp_path / "e.npz")
    assert ox.Explanation.load(tmp_path / "e.npz")["city"].data[:, 0].tolist() == frame.city.tolist()
    rows = values[0].to_frame()
    assert set(rows.input) == set(COLUMNS)


def test_columns_are_cast_where_that_loses_nothing() -> None:
    m, frame = pipeline("boosted"), table(slice(4))
    expected = m.predict(frame)["output_probability"]
    close(m.predict(frame.astype({"visits": float, "age": object, "city": "category"}))["output_probability"], expected)
    for column, value, said in (("visits", 1.5, "fractions"), ("city", None, "no text"), ("age", "old", "age")):
        wrong = frame.astype(object)
        wrong.loc[0, column] = value
        with pytest.raises(ox.InputError, match=said):
            m.predict(wrong)
    with pytest.raises(ox.InputError, match=r"no columns \['member'\]"):
        m.predict(frame.drop(columns="member"))


def test_a_file_of_columns_is_read_by_the_shell(tmp_path: Path) -> None:
    from onnxplain.cli.data_files import read_data

    path = tmp_path / "rows.csv"
    table(slice(3)).to_csv(path, index=False)
    m = pipeline("boosted")
    data = read_data(path, {}, m.inputs)
    np.testing.assert_allclose(
        m.predict(data)["output_probability"], m.predict(table(slice(3)))["output_probability"], rtol=1e-6
    )


def test_codes_are_stable_and_lead_back() -> None:
    assert code("Zürich") == CODE
    texts = np.array([["a", "Zürich"], ["", "a"]])
    assert codes(texts).dtype == np.int64 and codes(texts).shape == (2, 2)
    assert decoded(codes(texts), Lexicon(["a", "Zürich", ""])).tolist() == texts.tolist()
    assert decoded(np.array([12345]), {}).tolist() == [""]


def test_text_is_moved_compared_and_chosen() -> None:
    nodes = [
        helper.make_node("Constant", [], ["wanted"], value_string="b"),
        helper.make_node("Equal", ["x", "wanted"], ["is"]),
        helper.make_node("Constant", [], ["instead"], value_strings=["was b"]),
        helper.make_node("Where", ["is", "instead", "x"], ["text"]),
        node(
            "LabelEncoder",
            {"keys_strings": ["a", "was b"], "values_floats": [1.0, 2.0], "default_float": 0.5},
            ("text",),
            ("number",),
        ),
    ]
    m = loaded(model(nodes, 2, ("text", "number"), element=TensorProto.STRING))
    got = m.predict(np.array([["a", "b"], ["new", "b"]]))
    assert got["text"].tolist() == [["a", "was b"], ["new", "was b"]]
    close(got["number"], [[1, 2], [0.5, 2]])


def test_skl2onnx_models_are_taken_as_they_come() -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier

    x, y = load_iris(return_X_y=True)
    x = x.astype(np.float32)
    forest = RandomForestClassifier(5, max_depth=4, random_state=0).fit(x, y)
    m = ox.load(skl2onnx.to_onnx(forest, x[:1]))
    np.testing.assert_allclose(m.predict(x)["output_probability"], forest.predict_proba(x), atol=1e-6)
    e = ox.explain(m, x[:5], ox.DeepShap(data_ref=x[::10]), target="all")
    close(e.sums["output_probability"], e.goals["output_probability"], 1e-5)
