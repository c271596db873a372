"""R's neuralnet objects from .rds files: predictions are R's own; labels, errors, and innsight's numbers for the same nets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pandas as pd
import pytest
from matplotlib.text import Text

import onnxplain as ox
from onnxplain import innsight
from onnxplain.cli import convert_main, main
from onnxplain_converters import ConversionError, framework_of, to_onnx
from onnxplain_converters.common.parity import check

from ..innsight import cases

GOLDEN = Path(__file__).parents[1] / "golden" / "r"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "neuralnet"
BESIDE = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the larger nets are not beside the checkout (shared/data/neuralnet)"
)

#: net → what must be said about it
NETS: dict[str, dict[str, Any]] = {
    "tanh": {},
    "linear": {},
    "relu": {},
    "ce": {},
    "exclude": {},
    "failed": {},
    "old": {},
    "bare": {},
    "softplus": {"activation": "softplus"},
    "own": {"activation": "softplus", "output_activation": "tanh"},
}
#: R's predict takes the first repetition unless told
LARGE: dict[str, dict[str, Any]] = {
    "nn_iris_tanh": {},
    "nn_iris_logistic_rep2": {"repetition": 1},
    "nn_mtcars_linear": {},
    "nn_iris_softplus": {"activation": "softplus"},
}
#: softplus is computed in float32, for which onnxruntime has it; the rest in float64
BOUND = {"softplus": 1e-6, "own": 1e-6, "nn_iris_softplus": 1e-6}


def golden(name: str) -> tuple[np.ndarray, np.ndarray]:
    """(covariates, R's predictions)"""
    table = pd.read_csv(GOLDEN / f"{name}.csv")
    said = [c for c in table if c.startswith("prediction")]
    return table.drop(columns=said).to_numpy(), table[said].to_numpy()


def large(name: str) -> tuple[np.ndarray, np.ndarray]:
    return pd.read_csv(SHARED / f"{name}_x.csv").to_numpy(), pd.read_csv(SHARED / f"{name}_pred.csv").to_numpy()


def assert_predicts(path: Path, options: dict[str, Any], x: np.ndarray, expected: np.ndarray) -> None:
    bound = BOUND.get(path.stem, 1e-12) * np.abs(expected).max()
    session = ort.InferenceSession(to_onnx(path, **options).SerializeToString())
    (i,) = session.get_inputs()
    (y,) = session.run(None, {i.name: x.astype(np.float64 if "double" in i.type else np.float32)})
    np.testing.assert_allclose(y, expected, rtol=0, atol=bound)
    model = ox.load(path, dtype="float64", options=options, verify="always")
    np.testing.assert_allclose(model.predict(x)["Output_1"], expected, rtol=0, atol=bound)


@pytest.mark.parametrize("name", NETS)
def test_predictions_are_rs(name: str) -> None:
    assert_predicts(GOLDEN / f"{name}.rds", NETS[name], *golden(name))


@BESIDE
@pytest.mark.parametrize("name", LARGE)
def test_predictions_of_the_larger_nets_are_rs(name: str) -> None:
    assert_predicts(SHARED / f"{name}.rds", LARGE[name], *large(name))


@pytest.mark.parametrize("name", NETS)
def test_gradients_are_slopes_and_deeplift_is_complete(name: str) -> None:
    model = ox.load(GOLDEN / f"{name}.rds", dtype="float64", options=NETS[name])
    x, _ = golden(name)
    x = x[:6] + 0.01  # off relu's kink
    gradient = ox.explain(model, x, ox.Gradient(ignore_last_activation=False), target="all").values
    h = 1e-6
    for j in range(x.shape[1]):
        step = h * np.eye(x.shape[1])[j]
        slope = (model.predict(x + step)["Output_1"] - model.predict(x - step)["Output_1"]) / (2 * h)
        np.testing.assert_allclose(gradient[:, j], slope, rtol=1e-5, atol=1e-8)  # differences of h = 1e-6
    for rule in ("rescale", "reveal_cancel"):
        e = ox.explain(model, x, ox.DeepLift(baseline=x.mean(0), rule=rule), target="all")
        np.testing.assert_allclose(e.sums["Output_1"], e.goals["Output_1"], rtol=1e-9, atol=1e-9)


@BESIDE
@pytest.mark.parametrize("name", ["nn_iris_tanh", "nn_mtcars_linear"])
def test_attributions_are_innsights_for_the_same_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """innsight rounds the weights to float32, and gives the output layer act.fct where R's predict has output.act.fct: what
    is explained before the last activation is the same."""
    converter = innsight.convert(SHARED / f"{name}.rds", dtype="double")
    monkeypatch.setattr(cases, "converter", lambda case: converter)
    runs = [r for n, r in cases.recorded(tuple(cases.RUN)) if n == name and r["args"].get("ignore_last_act", True)]
    errors = {r["id"]: cases.error(name, r) for r in runs}
    assert len(runs) > 15 and {i: e for i, e in errors.items() if not e < 2e-6} == {}


def test_the_best_repetition_is_taken_and_others_by_number() -> None:
    x, best = golden("tanh")
    path = GOLDEN / "tanh.rds"
    second, first = (ox.load(path, options={"repetition": k}).predict(x)["Output_1"] for k in (2, 1))
    np.testing.assert_allclose(second, best, rtol=1e-5)
    assert np.abs(first - best).max() > 1e-3
    with pytest.raises(
        ox.ConverterError, match=r"repetition=1: give 'best' or one of those that converged \(2, 3, 4\)"
    ):
        ox.load(GOLDEN / "failed.rds", options={"repetition": 1})
    with pytest.raises(ox.ConverterError, match="repetition='worst'"):
        ox.load(path, options={"repetition": "worst"})


@BESIDE
def test_the_best_repetition_has_the_results_that_r_stored_for_it() -> None:
    from onnxplain_converters.from_r.rds import read

    path = SHARED / "nn_iris_logistic_rep2.rds"
    stored = read(path).get("net.result")
    assert stored is not None
    y = ox.load(path, dtype="float64").predict(large("nn_iris_logistic_rep2")[0])["Output_1"]
    np.testing.assert_allclose(y, stored.elements[1].numbers, rtol=0, atol=1e-12)


def test_names_of_covariates_and_responses_reach_tables_and_plots() -> None:
    path = GOLDEN / "tanh.rds"
    assert framework_of(path) == framework_of(str(path)) == "r"
    table = pd.read_csv(GOLDEN / "tanh.csv").filter(regex="^[SP]e")
    e = ox.explain(path, table, ox.LRP(), target="all")
    frame = e.to_frame()
    assert list(frame["feature"].astype(str).unique()) == list(table) and len(table.columns) == 4
    assert list(frame["target"].astype(str).unique()) == ["setosa", "versicolor", "virginica"]
    figure = e.plot(sample=0, target="setosa")
    figure.canvas.draw()
    drawn = "\n".join(t.get_text() for t in figure.findobj(Text))
    assert all(name in drawn for name in table)
    assert ox.explain(path, table, "occlusion", target="virginica").values.shape == (len(table), 4, 1)
    assert ox.BlackBox(path).labels["Output_1"] == ("setosa", "versicolor", "virginica")
    conv = innsight.convert(path)
    assert conv.input_names == [[list(table)]] and conv.output_names == [["setosa", "versicolor", "virginica"]]
    assert set(innsight.run_cw(conv).get_result("data.frame")["feature"]) == set(table)


def test_a_parsed_file_is_recognised_by_its_class() -> None:
    from rdata.parser import parse_data

    parsed = parse_data((GOLDEN / "linear.rds").read_bytes(), extension=".rds")
    assert framework_of(parsed) == "r"
    x, expected = golden("linear")
    np.testing.assert_allclose(ox.load(parsed).predict(x)["Output_1"], expected, rtol=1e-4, atol=1e-6)  # float32


def test_the_shell_converts_and_explains_an_rds_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, target = str(GOLDEN / "softplus.rds"), tmp_path / "net.onnx"
    assert convert_main([path, str(target), "--option", "activation=softplus", "--opset", "17"]) == 0
    x, expected = golden("softplus")
    model = ox.load(target)
    assert model.opset == 17 and model.inputs["Input_1"].labels == {"feature": ("wt", "hp")}
    np.testing.assert_allclose(model.predict(x)["Output_1"], expected, rtol=1e-4, atol=1e-6)  # float32
    command = [
        "explain",
        path,
        str(GOLDEN / "softplus.csv"),
        "--option",
        "activation=softplus",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main(command) == 0 and (tmp_path / "o" / "attributions.npz").exists()
    capsys.readouterr()
    assert main(["inspect", path]) == 2 and "ConverterError" in capsys.readouterr().err


CHOICES = "logistic, tanh, relu, softplus, leaky_relu, elu, softsign, linear"
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "unnamed function": ("softplus", {}, f"act.fct by activation=, one of {CHOICES}; softplus gives the results"),
    "both unnamed": ("own", {}, "act.fct and output.act.fct by activation= and output_activation="),
    "wrong name": ("softplus", {"activation": "relu"}, r"differ from those that R stored in it by .*; softplus gives"),
    "no such name": ("softplus", {"activation": "swish"}, f"'swish' is none of {CHOICES}"),
    "a function that has no name": ("swish", {}, "none of these gives the results that R stored"),
    "a name for a known one": ("tanh", {"activation": "relu"}, "names an R function, but act.fct is tanh"),
    "a name for an unused one": ("linear", {"activation": "tanh"}, "no layer uses act.fct"),
    "no such option": (
        "tanh",
        {"act": "tanh"},
        r"no options \['act'\]; there are activation, output_activation, repetition",
    ),
    "not converged": ("unfitted", {}, "no repetition of this net converged"),
    "another model": ("lm", {}, r"lm\.rds holds an R object of class lm: neuralnet objects"),
    "R torch": ("module", {}, "class net, nn_module: .*save_torch.R"),
    "numbers": ("numbers", {}, "class integer"),
    "a workspace": ("saved", {}, r"R's save\(\); write the object itself"),
}


@pytest.mark.filterwarnings("ignore:Wrong extension")
@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_converted_is_said(why: str) -> None:
    name, options, message = REFUSED[why]
    with pytest.raises(ox.ConverterError, match=message):
        ox.load(GOLDEN / f"{name}.rds", options=options)


def test_weights_that_do_not_fit_together_are_said() -> None:
    from rdata.parser import parse_data

    from onnxplain_converters.from_r.rds import RValue

    parsed = parse_data((GOLDEN / "tanh.rds").read_bytes(), extension=".rds")
    weights = RValue(parsed.object).get("weights")
    assert weights is not None
    repetition = weights.raw.value[1].value
    repetition[0], repetition[1] = repetition[1], repetition[0]
    with pytest.raises(ox.ConverterError, match=r"weights have shapes \[\(5, 3\), \(5, 4\), \(4, 3\)\]"):
        ox.load(parsed)


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "cut inside"])
def test_a_damaged_file_is_a_clean_error(damage: str, tmp_path: Path) -> None:
    import gzip

    whole = (GOLDEN / "tanh.rds").read_bytes()
    content = {
        "empty": b"",
        "cut": whole[:-40],
        "text": b"nn <- neuralnet(y ~ x, data)",
        "cut inside": gzip.compress(gzip.decompress(whole)[:900]),
    }[damage]
    path = tmp_path / "net.rds"
    path.write_bytes(content)
    with pytest.raises(ox.ConverterError, match=r"net\.rds is no \.rds file that can be read"):
        ox.load(path)


def test_without_rdata_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdata.parser", None)
    with pytest.raises(ox.MissingDependencyError, match=r'pip install "onnxplain\[r\]"'):
        ox.load(GOLDEN / "tanh.rds")


def test_options_are_for_conversions_only() -> None:
    proto = to_onnx(GOLDEN / "tanh.rds")
    with pytest.raises(ox.InputError, match="options="):
        ox.load(proto, options={"activation": "tanh"})
    with pytest.raises(ox.ModelError, match="there is no file"):
        ox.load("none.rds")
    with pytest.raises(ox.ModelError, match="cannot read"):
        ox.load("a" * 5000 + ".rds")


def test_the_check_notices_a_changed_weight() -> None:
    proto = to_onnx(GOLDEN / "linear.rds")
    x, expected = golden("linear")
    check(proto, {"Input_1": x}, [expected])
    with pytest.raises(ConversionError, match="'Output_1' differs from the original's by"):
        check(proto, {"Input_1": x}, [expected * (1 + 1e-4)])
    with pytest.raises(ConversionError, match="onnxruntime cannot run"):
        check(proto, {"Input_1": x.astype(np.float32)}, [expected])
