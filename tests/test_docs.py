"""The documentation: its code runs, its tables are whole, its links lead somewhere, its pictures are made by its script."""

from __future__ import annotations

import ast
import dataclasses
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from benchmarks.paper.grid import FACTORS
from onnxplain.methods.base import Method
from onnxplain.methods.table import METHODS
from onnxplain.rules import COMPOSITES

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in DOCS.rglob("*.md"))]
FAMILIES = sorted(p.name for p in (DOCS / "methods").glob("*.md") if p.name not in ("index.md", "choosing.md"))
MADE_WHILE_BUILDING = {"operators.md"}
LARGEST, ALL_TOGETHER = 60_000, 700_000  # bytes of pictures


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text(page), re.DOTALL)


def links(page: str) -> list[str]:
    """Targets of links and pictures, code left out."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```|`[^`\n]*`", "", text(page), flags=re.DOTALL))


@pytest.mark.filterwarnings("ignore:.*attributions (miss|sum):UserWarning")
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)])
def test_python_on_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks(page)), encoding="utf-8")
    made = runpy.run_path(str(script))
    assert any(getattr(thing, "__name__", "").startswith("onnxplain") for thing in made.values()), (
        "it imports what it shows"
    )


def test_a_familys_page_has_code_a_picture_sources_and_a_cost() -> None:
    wanted = {
        "code": r"```python",
        "picture": r"!\[",
        "source": r"\b(19|20)\d\d\b",
        "cost": r"(?i)cost|passes",
        "when": r"When",
    }
    missing = {
        page: [what for what, pattern in wanted.items() if not re.search(pattern, text(f"docs/methods/{page}"))]
        for page in FAMILIES
    }
    assert {page: what for page, what in missing.items() if what} == {}


@pytest.mark.parametrize("page", ["README.md", "docs/methods/index.md"])
def test_the_tables_of_methods_name_every_one(page: str) -> None:
    assert [m for m in ox.methods() if f"`{m}`" not in text(page)] == []


def test_every_family_is_in_the_table_of_methods() -> None:
    index = links("docs/methods/index.md")
    assert [p for p in FAMILIES if not any(link.startswith(p) for link in index)] == []


@pytest.mark.parametrize("name", METHODS)
def test_the_parameters_and_defaults_of_a_method_are_on_its_page(name: str) -> None:
    """Every parameter of its class stands on a family's page; in a table's first column it has its default beside it."""
    references = {"data_ref": np.zeros((1, 1))} if "data_ref" in _parameters(name) else {}
    made = METHODS[name][0](**references)
    shared = {f.name for f in dataclasses.fields(Method)}
    pages = [t for p in FAMILIES if f"`{type(made).__name__}" in (t := text(f"docs/methods/{p}"))]
    own = [f for f in dataclasses.fields(made) if f.name not in {*shared, "data_ref", "seed", "composite", "inputs"}]
    assert pages and [f.name for f in own if not any(_documented(f, page) for page in pages)] == []


def _parameters(name: str) -> set[str]:
    make = METHODS[name][0]
    return {f.name for f in dataclasses.fields(make)} if isinstance(make, type) else set()


def _documented(field: dataclasses.Field[Any], page: str) -> bool:
    rows = [line for line in page.splitlines() if line.startswith("|") and f"`{field.name}`" in line.split("|")[1]]
    said = [_values(row.split("|")[2]) for row in rows]
    return (
        any(field.default in values for values in said)
        if rows
        else f"{field.name}=" in page or f"`{field.name}`" in page
    )


def _values(cell: str) -> list[Any]:
    """The Python values in backticks, calls left out."""
    return [ast.literal_eval(code) for code in re.findall(r"`([^`(]+)`", cell)]


def test_every_composite_is_on_the_page_of_lrp() -> None:
    assert [c for c in COMPOSITES if f"`{c}(" not in text("docs/methods/lrp.md")] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings_that_exist(page: str) -> None:
    here = (ROOT / page).parent
    broken = []
    for link in links(page):
        path, _, heading = link.partition("#")
        if re.match(r"[a-z]+:", link) or path in MADE_WHILE_BUILDING:
            continue
        target = (here / path).resolve() if path else ROOT / page
        if not target.is_file() or (heading and target.suffix == ".md" and heading not in _headings(target)):
            broken.append(link)
    assert broken == []


def _headings(page: Path) -> set[str]:
    """As mkdocs makes them: small letters, hyphens, nothing else."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", t.encode("ascii", "ignore").decode()).strip().lower())
        for t in titles
    }


def test_pictures_are_small_are_shown_and_have_a_function_that_draws_them() -> None:
    stored = {p.name: p.stat().st_size for p in (DOCS / "images").iterdir()}
    assert {n: s for n, s in stored.items() if s > LARGEST} == {} and sum(stored.values()) <= ALL_TOGETHER
    shown = {Path(link).name for page in PAGES for link in links(page) if link.endswith(".png")}
    assert shown == set(stored)
    script = ast.parse(text("docs/make_pictures.py"))
    table = next(n.value for n in script.body if isinstance(n, ast.AnnAssign) and ast.unparse(n.target) == "PICTURES")
    assert isinstance(table, ast.Dict)
    drawn = {f"{ast.literal_eval(key)}.png" for key in table.keys if key}
    measured = {f"paper-{factor.name}.png" for factor in FACTORS}  # by benchmarks.paper
    assert drawn <= set(stored) <= drawn | measured


def test_every_page_is_in_the_sites_navigation() -> None:
    nav = text("mkdocs.yml")
    assert [p for p in PAGES if p.startswith("docs/") and f": {p.removeprefix('docs/')}\n" not in nav] == []


def test_every_command_and_option_of_the_manual_exists() -> None:
    from onnxplain.cli.arguments import parser

    (verbs,) = [a for a in parser()._actions if hasattr(a, "choices") and isinstance(a.choices, dict)]
    options = {o for p in verbs.choices.values() for a in p._actions for o in a.option_strings}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text("docs/command-line.md"))) <= options
