"""The benchmark suite on a tiny case: what it writes, what it calls missed, and how it goes on. Nothing here is timed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import benchmarks.__main__ as suite
from benchmarks import nets
from benchmarks.cases import CASES
from benchmarks.cases.base import Case
from benchmarks.goals import GOALS, Goal
from benchmarks.job import Job, Settings
from benchmarks.measured import Measured, read
from benchmarks.report import TITLES

TINY = Case("tiny", partial(nets.mlp, 4, 8, 1, 3), (2, 4), ("gradient", "epsilon"), targets=(1,), quick=True)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The suite with one case, whose gradient meets its goal and whose LRP cannot."""
    monkeypatch.setattr(suite, "PARTS", {"speed": TINY.jobs})
    monkeypatch.setattr(suite, "versions", dict)
    monkeypatch.setitem(GOALS, ("tiny", "gradient"), Goal(1e9))
    monkeypatch.setitem(GOALS, ("tiny", "epsilon"), Goal(1e-9))
    return tmp_path


def run(out: Path, *arguments: str) -> int:
    threads = suite.torch.get_num_threads()
    try:
        return suite.main(["--part", "speed", "--rounds", "2", "--limit", "0", "--out", str(out), *arguments])
    finally:
        suite.torch.set_num_threads(threads)


def test_a_missed_target_is_exit_code_1_only_where_it_is_asked_for(tiny: Path) -> None:
    assert run(tiny, "--strict") == 1
    assert run(tiny, "--strict", "--method", "gradient") == 0
    assert run(tiny, "--targets") == 0


def test_table_and_json_have_every_line_with_its_verdict(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tiny, "--targets")
    shown = capsys.readouterr().out
    assert "1 of 2 targets missed" in shown and "missed: tiny, epsilon" in shown
    found = json.loads((tiny / "benchmarks.json").read_text(encoding="utf-8"))
    assert [(r["case"], r["method"], r["verdict"]) for r in found["rows"]] == [
        ("tiny", "gradient", "yes"),
        ("tiny", "epsilon", "no"),
    ]
    assert all(r["values"]["onnxplain"]["median"] > 0 and r["floor_ms"] > 0 for r in found["rows"])
    assert found["about"]["rounds"] == 2 and "torch" in found["about"]
    page = (tiny / "benchmarks.md").read_text(encoding="utf-8")
    assert "| tiny | gradient |" in page and "| ≤ 1e+09 | yes |" in page and "| ≤ 1e-09 | no |" in page
    assert (tiny / "speed.png").stat().st_size > 1000


def test_our_gradient_is_autograds(tiny: Path) -> None:
    run(tiny)
    gradient, epsilon = read(tiny / "rows.jsonl")
    assert gradient.differences["autograd"] < 1e-12 and not epsilon.differences


def test_a_run_that_was_broken_off_goes_on_where_it_was(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tiny, "--method", "gradient")
    before = read(tiny / "rows.jsonl")
    run(tiny, "--resume")
    after = read(tiny / "rows.jsonl")
    assert [r.method for r in after] == ["gradient", "epsilon"] and after[:1] == before
    monkeypatch.setattr(suite, "PARTS", {})
    assert run(tiny, "--report", "--strict") == 1
    assert read(tiny / "rows.jsonl") == after


def test_a_new_run_forgets_the_last_one(tiny: Path) -> None:
    run(tiny)
    run(tiny, "--method", "epsilon")
    assert [r.method for r in read(tiny / "rows.jsonl")] == ["epsilon"]


def test_a_name_that_no_case_has_is_exit_code_2(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tiny, "--only", "nothing") == 2
    assert "no case is called 'nothing'" in capsys.readouterr().err


def test_the_marked_table_of_a_page_is_written_anew_and_the_rest_stays(tiny: Path) -> None:
    page = tiny / "page.md"
    page.write_text("before\n<!-- speed -->\nold\n<!-- /speed -->\nafter\n", encoding="utf-8")
    run(tiny, "--targets", "--page", str(page))
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- speed -->\n") and text.endswith("<!-- /speed -->\nafter\n")
    assert "old" not in text and "| tiny | gradient |" in text


def test_an_explanation_that_fails_is_a_missed_target_and_says_why(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(settings: Settings) -> Measured:
        return Measured("speed", "tiny", "gradient", "floors", {}, 1.0, failed={"onnxplain": "ValueError: no"})

    def jobs() -> Iterator[Job]:
        yield Job("speed", "tiny", "gradient", broken)

    monkeypatch.setattr(suite, "PARTS", {"speed": jobs})
    assert run(tiny, "--strict") == 1
    assert "fails: tiny, gradient: onnxplain: ValueError: no" in (tiny / "benchmarks.md").read_text(encoding="utf-8")


def test_the_performance_page_has_a_place_for_every_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "performance.md").read_text(encoding="utf-8")
    for part in (*TITLES, "summary"):
        assert page.count(f"<!-- {part} -->\n") == page.count(f"<!-- /{part} -->") == 1


def test_every_goal_belongs_to_a_line_of_the_suite() -> None:
    lines = {(j.case, j.method) for jobs in suite.PARTS.values() for j in jobs()}
    assert set(GOALS) <= lines


def test_cases_have_names_of_their_own_and_targets_that_exist() -> None:
    assert len({c.name for c in CASES}) == len(CASES)
    assert all(len(set(c.targets)) == len(c.targets) for c in CASES)
