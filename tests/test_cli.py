"""The command line: every verb end to end on the shipped models; bad input is one typed line and exit status 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.cli import arguments as words
from onnxplain.cli import convert_main, main
from onnxplain.demo import TASKS
from onnxplain.errors import InputError

DIGITS, HALF = (str(t.model) for t in TASKS)
DATA, HALF_DATA = (str(t.samples) for t in TASKS)


@pytest.fixture
def iris_like(tmp_path: Path) -> tuple[str, str]:
    """A dense model without labels, and a table that has a column too many."""
    w = np.array([[1.0, -2.0], [0.5, 0.25], [-1.0, 3.0]], dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [onnx.numpy_helper.from_array(w, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "linear.onnx")
    (tmp_path / "t.csv").write_text("kind,long,wide,high\ngull,1,2,3\ntern,-1,0.5,2\n")
    return str(tmp_path / "linear.onnx"), str(tmp_path / "t.csv")


def test_inspect_shows_inputs_outputs_nodes_and_rules(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["inspect", HALF, "--composite", "Gamma(0.1)", "--dot", str(tmp_path / "g.dot")]) == 0
    out = capsys.readouterr().out
    for word in ("image", "table", "digit", "MaxPool", "Affine", "Gamma(gamma=0.1"):
        assert word in out
    assert (tmp_path / "g.dot").read_text().startswith("digraph")


def test_explain_writes_what_the_python_call_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", DIGITS, DATA, "--method", "deeplift", "--out", str(tmp_path / "o"), "--report", "--plots"]) == 0
    written = ox.Explanation.load(tmp_path / "o" / "attributions.npz")
    expected = ox.explain(DIGITS, TASKS[0].read()[0], "deeplift")
    np.testing.assert_allclose(written["image"].values, expected["image"].values, rtol=1e-6)
    assert "<html" in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    assert len(list((tmp_path / "o").glob("sample-*.png"))) == 12
    out = capsys.readouterr().out
    assert "predicted (0)" in out and "attributions.npz" in out


@pytest.mark.parametrize(
    ("arguments", "method", "options"),
    [
        (["--method", "lrp", "--composite", "epsilon_alpha2_beta1"], ox.LRP("epsilon_alpha2_beta1"), {}),
        (["--composite", "EpsilonGammaBox(low=0, high=1)"], ox.LRP(ox.rules.EpsilonGammaBox(0, 1)), {}),
        (["--method", "integrated_gradients", "--n-steps", "7", "--baseline", "0.5"],
         ox.IntegratedGradients(baseline=0.5, n_steps=7), {}),
        (["--method", "gradient", "--set", "times_input=True", "--target", "3,5"], ox.Gradient(times_input=True), {"target": [3, 5]}),
        (["--method", "gradient", "--target", "digit=top:2"], ox.Gradient(), {"target": {"digit": ox.Top(2)}}),
        (["--method", "gradient", "--target", "contrast:3,5"], ox.Gradient(), {"target": ox.Contrast(3, 5)}),
        (["--smooth", "3", "--seed", "4"], ox.Smooth(ox.LRP(), n_samples=3), {"seed": 4}),
    ],
    ids=["composite", "composite with numbers", "steps and baseline", "set and units", "top", "contrast", "smooth"],
)  # fmt: skip
def test_options_become_the_same_method_and_target(
    tmp_path: Path, arguments: list[str], method: ox.LRP, options: dict
) -> None:
    assert main(["explain", DIGITS, DATA, "--samples", "2:6", *arguments, "--out", str(tmp_path), "-q"]) == 0
    data = {k: v[2:6] for k, v in TASKS[0].read()[0].items()}
    expected = ox.explain(DIGITS, data, method, **options)
    written = ox.Explanation.load(tmp_path / "attributions.npz")
    np.testing.assert_allclose(written["image"].values, expected["image"].values, rtol=1e-5, atol=1e-6)


def test_reference_data_come_from_a_file(tmp_path: Path) -> None:
    arguments = ["--method", "deepshap", "--data-ref", HALF_DATA, "--samples", "0:2", "--out", str(tmp_path), "-q"]
    assert main(["explain", HALF, HALF_DATA, *arguments]) == 0
    data = TASKS[1].read()[0]
    expected = ox.explain(HALF, {k: v[:2] for k, v in data.items()}, ox.DeepShap(data_ref=data))
    written = ox.Explanation.load(tmp_path / "attributions.npz")
    np.testing.assert_allclose(written["table"].values, expected["table"].values, rtol=1e-5, atol=1e-6)


def test_column_names_of_a_table_name_the_features(
    iris_like: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--method", "gradient_input", "--columns", "long,wide,high", "--target", "0", "--out", str(tmp_path / "o")]
    assert main(["explain", *iris_like, *arguments]) == 0
    assert "high -3" in capsys.readouterr().out
    written = ox.Explanation.load(tmp_path / "o" / "attributions.npz")
    assert tuple(written["x"].labels["feature"]) == ("long", "wide", "high")
    np.testing.assert_allclose(written["x"].values[:, :, 0], [[1, 1, -3], [-1, 0.25, -2]], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "text"),
    [("n.txt", "gull\ntern\n"), ("n.json", '["gull", "tern"]'), ("n.json", '{"0": "gull", "1": "tern"}')],
    ids=["lines", "list", "counted"],
)
def test_labels_in_a_file_name_the_units(iris_like: tuple[str, str], tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    arguments = ["--columns", "long,wide,high", "--labels", str(tmp_path / name), "--target", "tern"]
    assert main(["explain", *iris_like, *arguments, "--method", "gradient", "--out", str(tmp_path / "o"), "-q"]) == 0
    written = ox.Explanation.load(tmp_path / "o" / "attributions.npz")
    np.testing.assert_allclose(written.values[0, :, 0], [-2, 0.25, 3], rtol=1e-6)


def test_a_model_can_be_cut_at_an_internal_value(tmp_path: Path) -> None:
    value = ox.load(DIGITS).graph.nodes[-2].outputs[0]
    arguments = ["--outputs", value, "--target", "0", "--samples", "0:1", "--out", str(tmp_path), "-q"]
    assert main(["explain", DIGITS, DATA, *arguments]) == 0
    assert list(ox.Explanation.load(tmp_path / "attributions.npz").predictions) == [value]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_tables_hold_one_row_per_number(tmp_path: Path, form: str) -> None:
    pd = pytest.importorskip("pandas")
    if form == "parquet":
        pytest.importorskip("pyarrow")
    arguments = ["--samples", "0:2", "--format", form, "--out", str(tmp_path), "-q"]
    assert main(["explain", HALF, HALF_DATA, *arguments]) == 0
    frame = getattr(pd, f"read_{form}")(tmp_path / f"attributions.{form}")
    assert len(frame) == 2 * (4 * 8 + 8)
    assert {"sample", "input", "output", "target", "value", "prediction", "goal", "sum"} <= set(frame.columns)


def test_check_compares_covers_and_audits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", HALF, HALF_DATA]) == 0
    out = capsys.readouterr().out
    assert "equal outputs on the data given" in out
    assert all(m in out for m in ox.methods())
    assert "relevance lost at" in out


def test_convert_copies_a_checked_onnx_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", DIGITS, str(tmp_path / "a.onnx")]) == 0
    assert convert_main([DIGITS, str(tmp_path / "b.onnx"), "--opset", "21"]) == 0
    data = TASKS[0].read()[0]
    expected = ox.load(DIGITS).predict(data)["digit"]
    for name, opset in (("a", 17), ("b", 21)):
        model = ox.load(tmp_path / f"{name}.onnx")
        assert model.opset == opset
        np.testing.assert_allclose(model.predict(data)["digit"], expected, rtol=1e-5)
    assert "opset 21" in capsys.readouterr().out


def test_convert_says_why_it_does_not_read_another_frameworks_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.joblib").write_bytes(b"weights")
    assert main(["convert", str(tmp_path / "net.joblib"), str(tmp_path / "m.onnx")]) == 2
    assert "ConverterError" in (err := capsys.readouterr().err) and "--option trust=True" in err
    assert not (tmp_path / "m.onnx").exists()


BAD = {
    "no such model": (["explain", "none.onnx", DATA], "ModelError: there is no file"),
    "not a model": (["explain", DATA, DATA], "ModelError"),
    "no such data": (["explain", DIGITS, "none.npy"], "InputError: there is no file"),
    "no data": (["explain", DIGITS], "InputError: no data for inputs ['image']"),
    "missing input": (["explain", HALF, DATA], "InputError"),
    "unknown input": (["explain", DIGITS, DATA, "--input", f"x={DATA}"], "InputError: --input names ['x']"),
    "unknown unit": (["explain", DIGITS, DATA, "--target", "11"], "TargetError"),
    "unknown target form": (["explain", DIGITS, DATA, "--target", "best:3"], "InputError: --target"),
    "unknown method": (["explain", DIGITS, DATA, "--method", "tarot"], "RuleError"),
    "unknown composite": (["explain", DIGITS, DATA, "--composite", "tarot"], "RuleError"),
    "code as composite": (["explain", DIGITS, DATA, "--composite", "print(1)"], "InputError: --composite"),
    "unknown parameter": (["explain", DIGITS, DATA, "--set", "tarot=1"], "RuleError"),
    "wrong parameter": (["explain", DIGITS, DATA, "--method", "smoothgrad", "--n-samples", "0"], "RuleError"),
    "no references": (["explain", DIGITS, DATA, "--method", "deepshap"], "InputError: data_ref"),
    "bad baseline": (["explain", DIGITS, DATA, "--method", "deeplift", "--baseline", "grey"], "InputError: --baseline"),
    "samples outside": (["explain", DIGITS, DATA, "--samples", "12"], "InputError: --samples 12"),
    "bad memory": (["explain", DIGITS, DATA, "--max-memory", "much"], "InputError: --max-memory"),
    "too little memory": (["explain", DIGITS, DATA, "--max-memory", "1KB"], "InputError"),
    "unknown value": (["explain", DIGITS, DATA, "--outputs", "nowhere"], "Error"),
    "unknown source": (["convert", __file__, "m.onnx"], "ConverterError"),
    "target not onnx": (["convert", DIGITS, "m.pb"], "InputError"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_typed_message_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("onnxplain: ") and message in err and "Traceback" not in err
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_debug_shows_where_an_error_came_from() -> None:
    with pytest.raises(ox.ModelError):
        main(["inspect", "none.onnx", "--debug"])


def test_an_output_folder_that_is_a_file_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    assert main(["explain", DIGITS, DATA, "--out", str(tmp_path / "taken")]) == 2
    assert (tmp_path / "taken").read_text() == "x"


def test_a_defect_is_status_1_and_asks_for_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(ox, "load", broken)
    assert main(["inspect", DIGITS]) == 1
    assert "unexpected ZeroDivisionError: oops" in capsys.readouterr().err


def test_help_and_version_load_no_torch() -> None:
    code = (
        "import sys\nfrom onnxplain.cli import main\n"
        "try:\n    main(['explain', '--help'])\nexcept SystemExit as e:\n    assert e.code == 0\n"
        "assert not {'torch', 'onnx', 'matplotlib', 'numpy'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["explain"])
    assert stopped.value.code == 2 and "MODEL" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "bytes_"), [("2GB", 2 * 10**9), ("1.5g", 15 * 10**8), ("300 MB", 3 * 10**8), ("64KiB", 64_000), ("7", 7)]
)
def test_sizes_are_bytes(text: str, bytes_: int) -> None:
    assert words.size(text) == bytes_


def test_rows_are_python_slices_or_lists() -> None:
    assert words.rows("2:4", 9) == [2, 3] and words.rows(":2", 9) == [0, 1] and words.rows("7:", 9) == [7, 8]
    assert words.rows("5", 9) == [5] and words.rows("1,-1", 9) == [1, -1]
    for text in ("a", "9", "3:3", "1:2:0"):
        with pytest.raises(InputError, match="--samples"):
            words.rows(text, 9)
