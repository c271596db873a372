"""Data, targets, methods and options that make no sense: a typed error names the thing, the values, the next step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import onnxplain as ox
from onnxplain import rules
from onnxplain.layers.shapes import all_finite

from .models import CASES, loaded, mlp

X = CASES["mlp"].data()["x"]
IMAGE = CASES["cnn"].data()["x"]
BOTH = CASES["branches"].data()
IDS = CASES["embedding"].data()


def wrong(array: np.ndarray, value: float) -> np.ndarray:
    out = array.copy()
    out[1, -1] = value
    return out


BAD_DATA: dict[str, tuple[str, Any, str]] = {
    "nothing": ("mlp", None, "data"),
    "text": ("mlp", "text", "x.*<U4"),
    "array of text": ("mlp", np.array([["a"] * 6]), "x.*<U1"),
    "objects": ("mlp", np.array([[object()] * 6]), "x.*object"),
    "bytes": ("mlp", b"123456", "x"),
    "a set": ("mlp", {1.0, 2.0}, "x"),
    "a generator": ("mlp", (i for i in range(6)), "x"),
    "complex numbers": ("mlp", X + 1j, "x.*complex"),
    "complex tensor": ("mlp", torch.complex(torch.zeros(2, 6), torch.zeros(2, 6)), "x.*complex"),
    "sparse tensor": ("mlp", torch.zeros(2, 6).to_sparse(), "x.*sparse"),
    "ragged lists": ("mlp", [[1.0, 2.0], [3.0]], "ragged"),
    "an array of integers": ("mlp", np.ones((2, 6), np.int64), "x.*float32.*int64.*convert"),
    "an array of bools": ("mlp", np.ones((2, 6), bool), "x.*bool"),
    "one axis too few": ("mlp", X[0], r"x.*2 axes.*\(6,\).*x\[None\]"),
    "one axis too many": ("mlp", X[None], r"x.*2 axes.*\(1, 3, 6\)"),
    "a number": ("mlp", 3.0, "x.*2 axes"),
    "too few features": ("mlp", X[:, :5], r"size 6 on axis 1.*\(3, 5\)"),
    "too many channels": ("cnn", np.repeat(IMAGE, 2, 1), r"size 2 on axis 1.*\(3, 4, 8, 9\)"),
    "channels last": ("cnn", np.moveaxis(IMAGE, 1, -1), r"size 2 on axis 1"),
    "no rows": ("mlp", X[:0], r"empty.*\(0, 6\)"),
    "NaN": ("mlp", wrong(X, np.nan), r"1 NaN or infinite.*\(1, 5\)"),
    "infinity": ("mlp", wrong(X, np.inf), r"1 NaN or infinite.*\(1, 5\)"),
    "too large for float32": ("mlp in float32", wrong(X, 1e60), r"1 NaN or infinite.*\(1, 5\)"),
    "an unknown name": ("mlp", {"z": X}, r"\['x'\].*\['z'\]"),
    "no names": ("mlp", {}, r"\['x'\]"),
    "one array for two inputs": ("branches", BOTH["a"], "2 inputs.*'a'.*'b'"),
    "a missing input": ("branches", {"a": BOTH["a"]}, r"\['b'\]"),
    "a superfluous input": ("branches", {**BOTH, "c": X}, r"\['c'\]"),
    "a tuple that is too short": ("branches", (BOTH["a"],), "tuple of 1.*2 inputs"),
    "a tuple that is too long": ("mlp", (X, X), "tuple of 2.*1 inputs"),
    "different numbers of rows": ("branches", {"a": BOTH["a"][:2], "b": BOTH["b"]}, "'a': 2.*'b': 3"),
    "NaN in the second input": ("branches", {"a": BOTH["a"], "b": wrong(BOTH["b"], np.nan)}, "'b'.*NaN"),
    "floats for token ids": ("embedding", {**IDS, "ids": IDS["ids"] + 0.5}, "'ids'.*int64.*float64"),
    "bools for token ids": ("embedding", {**IDS, "ids": IDS["ids"] > 3}, "'ids'.*int64.*bool"),
    "a token id that does not exist": ("embedding", {**IDS, "ids": IDS["ids"] + 11}, "Gather"),
    "a table with text": ("mlp", pd.DataFrame({c: ["a", "b"] for c in "abcdef"}), "columns.*'a'"),
    "a table with a gap": ("mlp", pd.DataFrame([[1, 2, None, 4, 5, 6]], dtype=float), "NaN"),
    "a table with too few columns": ("mlp", pd.DataFrame(np.zeros((2, 5))), "size 6"),
}


#: what a model may be asked to compute, but not to explain
PREDICTABLE = {"no rows", "NaN", "infinity", "NaN in the second input", "a table with a gap"}


def model_of(name: str) -> ox.Model:
    return loaded("mlp", "float32") if name == "mlp in float32" else loaded(name)


@pytest.mark.parametrize("what", BAD_DATA)
def test_bad_data_is_an_input_error_that_names_it(what: str) -> None:
    name, data, pattern = BAD_DATA[what]
    model = model_of(name)
    acts = (model.predict, lambda d: ox.explain(model, d, "gradient"))
    for act in acts[1:] if what in PREDICTABLE else acts:
        with pytest.raises(ox.InputError, match=pattern):
            act(data)
            data = iter(())  # a generator is spent


BAD_TARGETS: dict[str, tuple[str, Any, str]] = {
    "too large": ("mlp", 3, "no unit 3.*0 to 2"),
    "too small": ("mlp", -4, "no unit -4.*0 to 2"),
    "a label": ("mlp", "cat", "'cat'.*0 to 2"),
    "a fraction": ("mlp", 1.0, "1.0.*0 to 2"),
    "a bool": ("mlp", True, "True"),
    "None": ("mlp", None, "None"),
    "an empty list": ("mlp", [], "empty"),
    "a list with one that does not exist": ("mlp", [0, 7], "no unit 7"),
    "a list with None": ("mlp", [None], "None"),
    "a position of a vector": ("mlp", (0, 1), r"no position \(0, 1\)"),
    "a position outside": ("map_output", (1, 3), r"no position \(1, 3\).*\(2, 3\)"),
    "a position of one axis": ("map_output", (1,), r"no position \(1,\)"),
    "a position of fractions": ("map_output", (0.5, 1), r"0.5"),
    "a position of text": ("map_output", ("a", 1), "'a'"),
    "too few per sample": ("mlp", ox.PerSample([0, 1]), "2 units for 3 samples"),
    "too many per sample": ("mlp", ox.PerSample([0, 1, 2, 0]), "4 units for 3 samples"),
    "per sample one that does not exist": ("mlp", ox.PerSample([0, 1, 5]), "no unit 5"),
    "per sample no list": ("mlp", ox.PerSample(3), "PerSample"),
    "a contrast with one that does not exist": ("mlp", ox.Contrast(0, 9), "no unit 9"),
    "no top": ("mlp", ox.Top(0), r"Top\(0\).*3 units"),
    "too many at the top": ("mlp", ox.Top(4), r"Top\(4\).*3 units"),
    "a fraction of the top": ("mlp", ox.Top(1.5), "1.5"),
    "a callable that gives one number": ("mlp", lambda y: y["y"].sum(), "one value per sample"),
    "a callable that gives all": ("mlp", lambda y: y["y"], "one value per sample"),
    "a callable that gives a list": ("mlp", lambda y: [1, 2, 3], "one value per sample"),
    "a callable that does not look": ("mlp", lambda y: torch.ones(len(y["y"])), "does not depend"),
    "a callable of an output that does not exist": ("mlp", lambda y: y["z"][:, 0], "no output 'z'.*'y'"),
    "a callable that fails": ("mlp", lambda y: y["y"][:, 17], "17"),
    "a callable that leaves torch": (
        "mlp",
        lambda y: y["y"].detach().numpy()[:, 0],
        "one value per sample|does not depend",
    ),
    "a callable of two outputs that names none": ("branches", lambda y: y[:, 0], "both.*alone"),
    "an output that does not exist": ("mlp", {"z": 0}, r"\['z'\].*\['y'\]"),
    "no outputs": ("mlp", {}, "no output"),
    "a unit that does not exist there": ("branches", {"alone": 2}, "'alone'.*0 to 1"),
    "units that not all outputs have": ("branches", 2, "'alone'.*0 to 1"),
    "a class": ("mlp", ox.Top, "Top"),
    "an object": ("mlp", object(), "object"),
}


@pytest.mark.parametrize("method", ["gradient", "deeplift"])
@pytest.mark.parametrize("what", BAD_TARGETS)
def test_a_bad_target_is_a_target_error_that_lists_the_units(what: str, method: str) -> None:
    name, target, pattern = BAD_TARGETS[what]
    with pytest.raises(ox.TargetError, match=pattern):
        ox.explain(loaded(name), CASES[name].data(), method, target=target)


def test_the_units_of_a_labelled_output_are_listed_by_label() -> None:
    model = ox.load(mlp(), output_labels=["cat", "dog", "bird"])
    with pytest.raises(ox.TargetError, match="'cow'.*cat, dog, bird"):
        ox.explain(model, X, "gradient", target="cow")


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"chunk_size": 0}, "chunk_size=0"),
        ({"chunk_size": -1}, "chunk_size=-1"),
        ({"chunk_size": 1.5}, "chunk_size=1.5"),
        ({"chunk_size": True}, "chunk_size=True"),
        ({"chunk_size": "big"}, "chunk_size='big'"),
        ({"chunk_size": None}, "chunk_size=None"),
        ({"chunk_size": (1, 2, 3)}, r"chunk_size=\(1, 2, 3\)"),
        ({"chunk_size": (2, 0)}, r"chunk_size=\(2, 0\)"),
        ({"chunk_size": ()}, r"chunk_size=\(\)"),
        ({"max_memory": 0}, "max_memory=0"),
        ({"max_memory": -5}, "max_memory=-5"),
        ({"max_memory": "much"}, "max_memory='much'"),
        ({"max_memory": "1.2.3GB"}, "max_memory='1.2.3GB'"),
        ({"max_memory": "."}, "max_memory='.'"),
        ({"max_memory": ""}, "max_memory=''"),
        ({"max_memory": [1]}, r"max_memory=\[1\]"),
        ({"max_memory": float("nan")}, "max_memory=nan"),
        ({"max_memory": float("inf")}, "max_memory=inf"),
        ({"max_memory": True}, "max_memory=True"),
        ({"max_memory": 10}, "one sample.*max_memory=.*raise it"),
        ({"max_memory": "1kB", "method": "deepshap"}, "data_ref"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"seed": "one"}, "seed='one'"),
        ({"seed": True}, "seed=True"),
        ({"progress": "yes"}, "progress='yes'"),
        ({"progress": None}, "progress=None"),
        ({"progress": [1]}, r"progress=\[1\]"),
        ({"layers": ["unheard"]}, "unheard.*near"),
        ({"layers": [3]}, "3"),
        ({"layers": 3}, "3"),
        ({"layers": ["Relu_1"]}, "Relu_1"),
        ({"method": "magic"}, "magic.*gradient"),
        ({"method": "gradiant"}, "did you mean 'gradient'"),
        ({"method": None}, "None"),
        ({"method": 3}, "3"),
    ],
    ids=str,
)
def test_a_bad_option_of_explain_is_an_error_that_repeats_it(options: dict[str, Any], pattern: str) -> None:
    with pytest.raises(ox.OnnxplainError, match=pattern):
        ox.explain(loaded("mlp"), X, **{"method": "gradient", **options})


@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (lambda: ox.SmoothGrad(n_samples=0), "n_samples >= 1.*0"),
        (lambda: ox.SmoothGrad(n_samples=2.5), "n_samples.*2.5"),
        (lambda: ox.SmoothGrad(noise_level=-0.1), "noise_level >= 0.*-0.1"),
        (lambda: ox.SmoothGrad(noise_level=float("nan")), "noise_level.*nan"),
        (lambda: ox.SmoothGrad(noise_level="a"), "noise_level.*'a'"),
        (lambda: ox.IntegratedGradients(n_steps=0), "n_steps >= 1.*0"),
        (lambda: ox.IntegratedGradients(quadrature="simpson"), "simpson.*gauss_legendre"),
        (lambda: ox.IntegratedGradients(quadrature=None), "None"),
        (lambda: ox.ExpectedGradients(n_samples=-1), "n_samples"),
        (lambda: ox.DeepLift(rule="magic"), "magic.*rescale"),
        (lambda: ox.DeepShap(limit_ref=0), "limit_ref"),
        (lambda: ox.LRP("magic"), "magic"),
        (lambda: ox.LRP(seed="value"), "seed 'value'"),
        (lambda: ox.LRP(seed=float("nan")), "NaN"),
        (lambda: ox.LRP(seed=[["a"]]), "seed"),
        (lambda: ox.LRP(seed=object()), "seed"),
        (lambda: ox.LRP(rules.AlphaBeta(2, 2)), "alpha - beta = 1"),
        (lambda: ox.LRP(rules.Epsilon(-1.0)), "epsilon >= 0"),
        (lambda: ox.LRP({"Conv": "nothing"}), "Conv"),
        (lambda: ox.Smooth(None), "method"),
        (lambda: ox.Smooth("lrp"), "method"),
        (lambda: ox.Smooth(ox.Smooth(ox.Gradient())), "Smooth"),
        (lambda: ox.Gradient(convention="captun"), "captum"),
    ],
)
def test_a_method_with_impossible_parameters_is_a_rule_error_at_once(make: Any, pattern: str) -> None:
    with pytest.raises(ox.RuleError, match=pattern):
        make()


@pytest.mark.parametrize(
    ("method", "pattern"),
    [
        (ox.ExpectedGradients(), "data_ref is missing"),
        (ox.DeepShap(), "data_ref is missing"),
        (ox.DeepShap(data_ref=X[:, :4]), r"data_ref has shape \(3, 4\)"),
        (ox.DeepShap(data_ref=X[:0]), "empty: data_ref"),
        (ox.DeepShap(data_ref=wrong(X, np.nan)), "NaN.*data_ref"),
        (ox.ExpectedGradients(data_ref="text"), "data_ref"),
        (ox.DeepLift(baseline=float("inf")), "baseline.*inf"),
        (ox.DeepLift(baseline="zeros"), "baseline"),
        (ox.DeepLift(baseline=X[:2]), "2 rows"),
        (ox.DeepLift(baseline=np.zeros(5)), "baseline"),
        (ox.DeepLift(baseline={"z": 0}), "'z'"),
        (ox.DeepLift(baseline=lambda x: None), "baseline"),
        (ox.DeepLift(baseline=None), "baseline"),
        (ox.DeepLift(baseline=True), "baseline"),
        (ox.IntegratedGradients(baseline=wrong(X, np.nan)), "NaN.*baseline"),
        (ox.LRP(seed=np.ones((2, 3))), "seed has shape|seed"),
        (ox.LRP(seed=np.ones((3, 2))), "2 targets"),
        (ox.LRP(seed=np.ones((3, 3, 1))), "seed has shape"),
    ],
    ids=repr,
)
def test_a_reference_that_does_not_fit_is_an_error_that_names_it(method: Any, pattern: str) -> None:
    with pytest.raises(ox.OnnxplainError, match=pattern):
        ox.explain(loaded("mlp"), X, method, target="all")


def test_a_node_without_a_rule_is_an_error_before_any_work_and_lists_all_such_nodes(monkeypatch: Any) -> None:
    from onnxplain.graph.plan import Forward

    model = loaded("products")
    monkeypatch.setattr(Forward, "run", lambda *a, **k: pytest.fail("a forward pass was made"))
    with pytest.raises(ox.RuleError) as error:
        ox.explain(model, CASES["products"].data(), "connection_weights")
    text = str(error.value)
    for n in model.graph.nodes:
        if n.kind in ("Product", "Softmax"):
            assert n.name in text and n.op in text
    assert "Relu" not in text and text.count("\n") >= 5


def test_max_memory_says_what_one_sample_needs() -> None:
    with pytest.raises(
        ox.InputError, match=r"one sample with one target needs about .* MB.*max_memory=.*inputs=/outputs="
    ):
        ox.explain(loaded("cnn"), IMAGE, "gradient", max_memory="2kB")


def test_numbers_that_overflow_on_the_way_name_the_first_node() -> None:
    from .build import Writer

    w = Writer(61)
    w.dense(w.node("Exp", "x", name="explosive"), 4, 3, to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 3)}))
    x = np.array([[1, 2, 3, 4], [1, 2, 300, 4]], np.float32)
    for method in ("gradient", "lrp", "deeplift", "integrated_gradients"):
        with pytest.raises(ox.OnnxplainError, match="not finite.*explosive"):
            ox.explain(model, x, method, target=0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [3, 2000])
def test_numbers_whose_squares_or_sums_are_too_large_are_finite(rows: int) -> None:
    """Whether all numbers are finite is told by a sum, of few numbers by one of squares; never by that alone, nor with a warning."""
    model = loaded("mlp")
    x = np.zeros((rows, X.shape[1]))
    x[:, 0] = 1e200
    x[:, 1] = 1.5e308
    assert all_finite(torch.from_numpy(x))
    for value in (np.nan, np.inf, -np.inf):
        x[1, 2], x[2, 2] = value, np.inf
        assert not all_finite(torch.from_numpy(x))
        with pytest.raises(ox.InputError, match="2 NaN or infinite"):
            ox.explain(model, x, "gradient", target=0)
