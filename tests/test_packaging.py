"""The project as a whole: the arrows between its parts, its metadata, its shipped files."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "onnxplain"
CONVERTERS = ROOT / "converters" / "onnxplain_converters"
KINDS = {f"onnxplain.layers.{m}" for m in ("base", "block", "control", "kinds", "laid", "masked", "shapes")}

#: part → what it may import of onnxplain, by prefix (itself and errors always); CONTRIBUTING.md draws this
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "layers": set(),
    "rules": KINDS,
    "graph": {*KINDS, "onnxplain.rules.base"},
    "frontend": {"onnxplain.layers", "onnxplain.graph"},
    "specs": {"onnxplain.frontend"},
    "targets": set(),
    "columns": {"onnxplain.specs", "onnxplain.frontend.strings"},
    "data": {"onnxplain.specs", "onnxplain.columns", "onnxplain.few_bits", "onnxplain.frontend.strings", "onnxplain.layers.several", "onnxplain.layers.shapes"},
    "conventions": {*KINDS, "onnxplain.rules", "onnxplain.graph"},
    "methods": {
        "onnxplain.conventions",
        "onnxplain.layers.kept",
        "onnxplain.layers.shapes",
        "onnxplain.rules",
        "onnxplain.graph",
        "onnxplain.targets",
        "onnxplain.data",
        "onnxplain.specs",
    },
    "result": set(),
    "explanation": {"onnxplain.result", "onnxplain.plots"},
    "plots": {"onnxplain.explanation", "onnxplain.result"},
}
#: outside package → the parts that may import it; "at the top" of a module only where True
OUTSIDE: dict[str, set[str]] = {
    "onnx": {"frontend", "demo", "operator_table"},
    "matplotlib": {"plots", "innsight"},
    "plotly": {"plots"},
    "networkx": {"graph"},
}
LAZY = {"pandas", "xarray", "plotly", "shap", "sklearn", "scipy", "PIL", "networkx", "tensorflow", "keras", "jax"}
#: of parts that must load without torch
WITHOUT_TORCH = {"errors", "plots", "cli"}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _names(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (a.name for a in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = (
            importlib.util.resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module
        )
        yield from (f"{base}.{a.name}" for a in node.names)


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(path: Path, root: Path, top_only: bool = False) -> Iterator[str]:
    """Full names that a module imports when it runs; `top_only`: when it is imported."""
    relative = path.relative_to(root.parent).with_suffix("")
    package = ".".join(relative.parts if path.name == "__init__.py" else relative.parts[:-1]).removesuffix(".__init__")
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        yield from _names(node, package)
        inner = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if not _only_for_types(node) and not (top_only and inner):
            todo += ast.iter_child_nodes(node)


def _within(name: str, prefixes: set[str]) -> bool:
    return any(name == p or name.startswith(p + ".") for p in prefixes)


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_imports_against_the_arrows(path: Path) -> None:
    part = part_of(path)
    if part in ARROWS:
        allowed = {f"onnxplain.{part}", "onnxplain.errors", *ARROWS[part]}
        against = [n for n in imports(path, PACKAGE) if _within(n, {"onnxplain"}) and not _within(n, allowed)]
        assert not against, f"{part} may import {sorted(allowed)}"
    for package, parts in OUTSIDE.items():
        assert part in parts or not [n for n in imports(path, PACKAGE) if _within(n, {package})], package
    assert not [n for n in imports(path, PACKAGE, top_only=True) if _within(n, LAZY)], "optional packages load late"
    if part in WITHOUT_TORCH:
        assert not [n for n in imports(path, PACKAGE, top_only=True) if _within(n, {"torch"})]


@pytest.mark.parametrize("path", sorted(CONVERTERS.rglob("*.py")), ids=lambda p: p.name)
def test_converters_import_nothing_from_onnxplain(path: Path) -> None:
    assert not [n for n in imports(path, CONVERTERS) if _within(n, {"onnxplain"})]


def test_the_arrow_test_sees_every_way_to_import() -> None:
    found = set(imports(PACKAGE / "graph" / "plan.py", PACKAGE))
    assert {"torch.Tensor", "onnxplain.rules.base.Rule", "onnxplain.errors.InputError"} <= found


@pytest.mark.parametrize("path", [*sources(), *sorted(CONVERTERS.rglob("*.py"))], ids=lambda p: p.stem)
def test_no_file_needs_more_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_version_is_the_same_everywhere() -> None:
    assert importlib.metadata.version("onnxplain") == project()["version"]


@pytest.mark.parametrize("script", ["onnxplain", "onnxplain-convert"])
def test_console_scripts_point_at_functions(script: str) -> None:
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name=script)
    assert entry.value == project()["scripts"][script]
    assert callable(entry.load())


def test_constraints_pin_every_package_that_make_asks_for() -> None:
    pinned = {_canonical(line.partition("==")[0]) for line in _lines("constraints.txt") if "==" in line}
    extras = project()["optional-dependencies"]
    asked = {*project()["dependencies"], *extras["dev"], *extras["tables"], *extras["images"], *extras["docs"]}
    names = {_canonical(re.split(r"[<>=\[]", a)[0]) for a in asked} - {"onnxplain"}
    assert names <= pinned, f"not pinned: {sorted(names - pinned)}"


def test_every_extra_is_part_of_all_or_for_developers() -> None:
    extras = project()["optional-dependencies"]

    def within(extra: str) -> set[str]:
        own = [n for r in extras[extra] if r.startswith("onnxplain[") for n in re.findall(r"\w+", r)[1:]]
        return {extra}.union(*map(within, own))

    assert within("all") == set(extras) - {"docs", "dev", "bench"}


def test_licence_notice_and_type_marker_are_there() -> None:
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    assert "patents" in (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert (PACKAGE / "py.typed").exists()


def test_ci_runs_make_test() -> None:
    run = ROOT / ".ci" / "run"
    assert run.stat().st_mode & 0o100 and "make test" in run.read_text(encoding="utf-8")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _lines(name: str) -> list[str]:
    return (ROOT / name).read_text(encoding="utf-8").splitlines()
