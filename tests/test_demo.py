"""The demo: shipped models are small, right, explained completely, and made by the script beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import onnxplain as ox
from onnxplain.cli import main
from onnxplain.demo import TASKS, Task
from onnxplain.demo.data import DIGITS, MEASURES, measure

each_task = pytest.mark.parametrize("task", TASKS, ids=lambda t: t.name)


def test_the_demo_says_what_it_did_and_leaves_reports_and_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--out", str(tmp_path / "made")]) == 0
    out = capsys.readouterr().out
    for task in TASKS:
        assert task.title in out and str(tmp_path / "made" / f"{task.name}.html") in out
        assert "<html" in (tmp_path / "made" / f"{task.name}.html").read_text(encoding="utf-8")
        assert (tmp_path / "made" / f"{task.name}-0.png").read_bytes().startswith(b"\x89PNG")
        ox.Explanation.load(tmp_path / "made" / f"{task.name}.npz")
    assert "99.3%" in out and "94.0%" in out


def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    assert main(["demo", "--out", str(tmp_path / "taken")]) == 2


@each_task
def test_shipped_models_are_small_and_hold_no_paths(task: Task) -> None:
    content = task.model.read_bytes()
    assert len(content) + task.samples.stat().st_size < 150_000
    assert b"/home" not in content and b".py" not in content
    onnx.checker.check_model(content, full_check=True)


@each_task
def test_samples_are_each_digit_read_right_and_two_misread(task: Task) -> None:
    data, truth = task.read()
    read = ox.load(task.model).predict(data)["digit"].argmax(1)
    np.testing.assert_array_equal(truth[:10], range(10))
    np.testing.assert_array_equal(read[:10], truth[:10])
    assert (read[10:] != truth[10:]).all()


@each_task
def test_deeplift_is_complete_on_the_shipped_models(task: Task) -> None:
    data, _ = task.read()
    e = ox.explain(ox.load(task.model, dtype="float64"), data, "deeplift", target="all")
    f = ox.load(task.model, dtype="float64").predict
    zeros = {k: np.zeros_like(v) for k, v in data.items()}
    total = sum(np.asarray(e[n].values).reshape(len(truth_of(task)), -1, 10).sum(1) for n in e)
    # multipliers are quotients of float64 differences
    np.testing.assert_allclose(total, f(data)["digit"] - f(zeros)["digit"], rtol=1e-8, atol=1e-9)


@each_task
def test_names_of_features_and_units_come_with_the_model(task: Task) -> None:
    model = ox.load(task.model)
    data, _ = task.read()
    e = ox.explain(model, data, "gradient", target=["7"])
    assert e.target_labels["digit"] == ("7",) and DIGITS[7] == "7"
    if "table" in data:
        assert tuple(e["table"].labels["feature"]) == MEASURES


def test_measurements_are_those_the_table_holds() -> None:
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_digits

    whole = (load_digits().images / 16).astype(np.float32)
    data, _ = TASKS[1].read()
    for half, row in zip(data["image"][:, 0], data["table"], strict=True):
        (found,) = np.flatnonzero((whole[:, :4] == half).all((1, 2)) & np.isclose(measure(whole), row).all(1))[:1]
        np.testing.assert_allclose(measure(whole[[found]])[0], row, rtol=1e-6)


@pytest.mark.slow
def test_the_script_makes_the_same_models_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    from onnxplain.demo import data, make_models

    monkeypatch.setattr(data, "HERE", tmp_path)
    monkeypatch.setattr(make_models, "HERE", tmp_path)
    make_models.main()
    for task in TASKS:
        with np.load(tmp_path / f"{task.name}.npz") as again:
            # training is float32 on whatever threads there are: nearly the same model, not the same bits
            assert abs(float(again["accuracy"]) - (0.993 if task.name == "digits" else 0.94)) < 0.03


def truth_of(task: Task) -> np.ndarray:
    return task.read()[1]
