"""The report: one page that needs nothing else, holds the numbers, and believes no name."""

from __future__ import annotations

import base64
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnxplain.errors import InputError
from onnxplain.explanation import Attribution, Explanation

from .explanations import AUDIT, TARGETS, explanation, many, numbers, table


class Page(HTMLParser):
    """Tags, texts and attributes; and whether every tag that was opened was closed in order."""

    VOID = ("meta", "img", "br")

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def small(**fields: Any) -> Explanation:
    """One sample, one target: a report with one picture."""
    return explanation([table(samples=1, targets=1)], {"y": ("cat",)}, **fields)


def page(e: Explanation, path: Path) -> Page:
    e.report(path)
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> tuple[Explanation, Path, Page]:
    """An explanation with a bit of everything and one sum that misses its goal, its report, and what is in it."""
    goals = {out: g.copy() for out, g in many().goals.items()}
    goals["y"][1, 0] *= 2
    e, path = many(goals=goals), tmp_path_factory.mktemp("report") / "r.html"
    return e, path, page(e, path)


def test_the_page_is_one_file_that_loads_nothing(everything):
    _, path, found = everything
    assert os.listdir(path.parent) == ["r.html"]
    assert found.links and all(link.startswith("data:image/png;base64,") for link in found.links)
    assert not {"script", "link", "iframe", "object", "embed"} & set(found.tags)
    source = path.read_text(encoding="utf-8")
    assert "Content-Security-Policy" in source and "prefers-color-scheme: dark" in source
    assert not re.search(r"https?://|url\(|@import", source)


def test_the_pictures_are_pictures(everything):
    found = everything[2]
    pictures = [base64.b64decode(link.partition(",")[2]) for link in found.links]
    # three samples and one overview for each of four of the 2 + 3 targets
    assert len(pictures) == (3 + 1) * 4 and "Pictures of 4 of 5 targets." in " ".join(found.texts)
    assert all(p.startswith(b"\x89PNG") for p in pictures)


def test_the_page_holds_method_notes_numbers_features_rules_audit_and_versions(everything):
    e, _, found = everything
    text = "\n".join(found.texts)
    for part in (
        e.method,
        e.model,
        e.notes[0],
        "ZPlus()",
        "numpy",
        "Python 3.",
        "no: attributions are zero",
        "lead II",
    ):
        assert part in text, part
    for out in e.predictions:
        for s, t in np.ndindex(e.predictions[out].shape):
            for table_of in (e.predictions, e.goals, e.sums):
                assert f"{table_of[out][s, t]:.5g}" in text
    assert f"{e.delta['y'][1, 0]:.3g}" in text
    assert all(row["node"] in text for row in AUDIT)


def test_names_are_text_and_not_markup(tmp_path):
    evil = "<script>alert(1)</script><img src=http://x/y>\"'&"
    a = Attribution(
        numbers(2, 2, 1), ("sample", "feature", "target"), {"feature": (evil, "b"), "sample": (evil, "t")}, evil, evil
    )
    e = explanation(
        [a], {evil: (evil,)}, model=evil, method=evil, notes=(evil,), rules={evil: evil},
        audit_source=lambda: [{key: evil for key in AUDIT[0]}],
    )  # fmt: skip
    found = page(e, tmp_path / "r.html")
    assert "script" not in found.tags and all(link.startswith("data:") for link in found.links)
    assert any(evil in text for text in found.texts)


def test_the_features_are_the_strongest_by_mean_size(tmp_path):
    values = np.array([[[1.0], [-4.0], [0.5], [0.0]], [[-1.0], [2.0], [0.5], [0.0]]])
    e = explanation([table(values=values, data=None, samples=2)], {"y": ("cat",)})
    text = " ".join(page(e, tmp_path / "r.html").texts)
    found = text[text.index("Strongest features") :]
    assert found.index("f1") < found.index("f0") < found.index("f2")
    for part in (f"{3 / 4.5:.1%}", "100.0%"):
        assert part in found


def test_a_long_explanation_makes_a_short_report(tmp_path):
    a = Attribution(numbers(5000, 300, 2), ("sample", "feature", "target"), {}, "x", "y")
    e = explanation(
        [a], {"y": TARGETS[:2]}, audit_source=lambda: [dict(AUDIT[0], node=f"node_{i}") for i in range(1000)]
    )
    found = page(e, tmp_path / "r.html")
    text = " ".join(found.texts)
    assert (
        "The first 60 of 10,000." in text
        and "The first 3 of 5,000 samples." in text
        and "The first 250 of 1,000" in text
    )
    assert (tmp_path / "r.html").stat().st_size < 2_000_000


def test_without_audit_rules_notes_or_goals_the_page_says_less(tmp_path):
    e = small(goals={"y": np.full((1, 1), np.nan)}, complete=False)
    text = " ".join(page(e, tmp_path / "r.html").texts)
    assert "Where relevance went" not in text and "Rules" not in text and "nan" not in text
    assert "does not promise" in text


def test_an_audit_that_cannot_be_made_is_a_sentence(tmp_path):
    def none():
        raise InputError("Lime() looks at the outputs only: there are no nodes to audit")

    assert "no nodes to audit" in " ".join(page(small(audit_source=none), tmp_path / "r.html").texts)


def test_a_failed_report_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "r.html"
    small().report(path)
    old = path.read_bytes()
    broken = small(audit_source=lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        broken.report(path)
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["r.html"]
    with pytest.raises(InputError, match="cannot write"):
        small().report(tmp_path / "no" / "r.html")


def test_the_same_explanation_gives_the_same_report(tmp_path):
    small().report(tmp_path / "a.html")
    small().report(str(tmp_path / "b.html"))
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
