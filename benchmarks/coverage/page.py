"""docs/coverage.md, from the results."""

from __future__ import annotations

import datetime
import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = (
    "onnxplain", "torch", "onnx", "onnxruntime", "torchvision", "timm", "transformers", "keras", "tensorflow-cpu", "tf2onnx",
    "scikit-learn", "skl2onnx", "xgboost", "lightgbm", "onnxmltools", "jax", "flax", "jax2onnx", "onnx2torch",
)  # fmt: skip

HEAD = """# Coverage

What loads, how exactly it is explained, and what it costs: {count} architectures with random weights, exported by the tools
their users have, none trained and none chosen for passing. This page is made by

    python -m benchmarks.coverage --out docs/coverage.md

{facts}

## Summary

{summary}

## Architectures

Weights are seeded; what initialisation leaves constant is varied and batch normalisations have seen data, so that
activations neither die nor explode. Most nets have their full depth; the last column says what was made smaller.

| column | what it is |
|---|---|
| parity | largest difference from onnxruntime's outputs, relative to the largest value, single precision |
| gradient | along a random direction: difference from finite differences relative to the gradient's size, double precision; the worst of all outputs |
| DeepLIFT 64, 32 | \\|Σ contributions − (f(x) − f(x̄))\\| relative, from a baseline that is not zero, double and single precision |
| LRP | relevance lost by nodes that lose none by design ([the list](methods/transformers.md#what-is-lost-by-design)), as a share of the largest that any node passes; the default composite, where there is a softmax the worse of it and AttnLRP |
| forward | one forward pass, ms, one thread |
| ×G ×D ×R | the whole `explain` call by gradient, DeepLIFT and LRP, in forward passes; for nets of a few ms it is compiling that counts |

A dash: the method has no meaning there (trees have no derivative) or there is nothing to compare with; notes follow each
table.
"""

#: below these a cell is good; else it is set in bold
GOOD = {"parity": 1e-4, "gradient": 1e-4, "deeplift_64": 1e-6, "deeplift_32": 1e-3, "lrp": 1e-3}
#: what misses a column for a reason that is not this library's
WHY = {
    "timm/efficientvit_b0": (
        "its attention has convolutions one behind the other without an activation between them. Some units "
        "there have negative contributions alone, and relevance that reaches them is lost under z⁺, which "
        "shares out along positive ones only; AttnLRP, which takes the ε-rule, loses 5e-5"
    ),
    "hf/longformer": (
        "the exporter wrote the number of samples into index tables. onnxruntime refuses one sample, too, "
        "and with two, the prediction of one changes with the words of the other, so that differences and "
        "contributions of a single sample are not those of the file"
    ),
    "keras/ResNet50V2": "single precision: onnxruntime's values are 8e-5 from those in double precision, ours 4e-5",
    "sklearn/nearest neighbours": (
        "neighbours vote: a step function, without derivative or difference quotients that its comparisons "
        "pass; a warning says so"
    ),
    "sklearn/AdaBoost": (
        "trees vote by comparisons: a step function of their scores; a warning says so, and KernelShap explains it"
    ),
    "sklearn/isolation forest": (
        "a tree's rows are found by comparisons and their lengths looked up: a step function; a warning "
        "says so, and KernelShap explains it"
    ),
}


def page(results: Mapping[str, Mapping[str, Any]], about: Mapping[str, tuple[str, str]], backend: str = "") -> str:
    """`results`: name → what `measure` found; `about`: name → (family, note)."""
    families = list(dict.fromkeys(family for family, _ in about.values()))
    parts = [
        HEAD.format(
            count=sum("nodes" in r or "nodes_error" in r for r in results.values()),
            facts=facts(),
            summary=_summary(results),
        )
    ]
    for family in families:
        names = [n for n, (f, _) in about.items() if f == family and n in results]
        if names:
            parts.append(_table(family, {n: results[n] for n in names}, about))
    if backend:
        parts.append(f"## ONNX's own node tests\n\n{backend}")
    return "\n".join(parts)


def facts() -> str:
    found = [f"python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return f"Made on {datetime.date.today().isoformat()} with " + ", ".join(found) + "."


def cell(row: Mapping[str, Any], name: str) -> float | None:
    """A number; NaN where the method refused; None where nothing was measured."""
    if name == "lrp":
        values = [row[k]["elsewhere"] for k in ("lrp", "attnlrp") if k in row]
        return max(values) if values else math.nan if "lrp_error" in row else None
    return row.get(name, math.nan if f"{name}_error" in row else None)


def good(row: Mapping[str, Any]) -> bool:
    """Whether every number is what it should be; what trees refuse is as it should be."""
    return all(_fine(row, name) for name in GOOD)


def _fine(row: Mapping[str, Any], name: str) -> bool:
    value = cell(row, name)
    if value is None:
        return False
    if math.isnan(value):
        return name in row or "trees have no derivative" in row.get(f"{name}_error", "")
    return value <= GOOD[name]


def _summary(results: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [r for r in results.values() if "export_error" not in r]
    lines = ["| | of | share |", "|---|---|---|"]

    def count(what: str, of: Sequence[Mapping[str, Any]], holds: Any) -> None:
        n = sum(map(holds, of))
        lines.append(f"| {what} | {n} of {len(of)} | {n / max(len(of), 1):.1%} |")

    loaded = [r for r in rows if "nodes" in r]
    count("loaded, every operator known", rows, lambda r: "nodes" in r)
    count(f"equal to onnxruntime (≤ {GOOD['parity']:g})", rows, lambda r: _fine(r, "parity"))
    count(f"gradient equal to finite differences (≤ {GOOD['gradient']:g})", loaded, lambda r: _fine(r, "gradient"))
    count(f"DeepLIFT complete, double precision (≤ {GOOD['deeplift_64']:g})", loaded, lambda r: _fine(r, "deeplift_64"))
    count(f"DeepLIFT complete, single precision (≤ {GOOD['deeplift_32']:g})", loaded, lambda r: _fine(r, "deeplift_32"))
    count(f"LRP loses nothing but by design (≤ {GOOD['lrp']:g})", loaded, lambda r: _fine(r, "lrp"))
    count("all of it", rows, good)
    unexported = [n for n, r in results.items() if "export_error" in r]
    if unexported:
        lines += ["", f"Not exported by any tool tried, so not counted: {', '.join(unexported)}."]
    return "\n".join(lines)


def _table(family: str, results: Mapping[str, Mapping[str, Any]], about: Mapping[str, tuple[str, str]]) -> str:
    lines = [
        f"### {family}\n",
        "| net | export | nodes | parity | gradient | DeepLIFT 64 | 32 | LRP | forward | ×G | ×D | ×R | |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    notes = []
    for name, row in results.items():
        if "export_error" in row:
            continue
        seconds = row.get("seconds", {})
        times = (
            [_number(1e3 * seconds["forward"]), *(_number(seconds[k]) for k in ("gradient", "deeplift", "lrp"))]
            if seconds
            else ["–"] * 4
        )
        cells = [_cell(row, k) for k in GOOD]
        short = name.partition("/")[2] or name
        lines.append(
            f"| {short} | {row.get('how', '')} | {row.get('nodes', '–')} | {' | '.join(cells)} | {' | '.join(times)} | {about[name][1]} |"
        )
        notes += [f"- {short}: {note}" for note in ([WHY[name]] if name in WHY and not good(row) else _notes(row))]
    return "\n".join([*lines, "", *notes, ""])


def _cell(row: Mapping[str, Any], name: str) -> str:
    value = cell(row, name)
    if value is None or math.isnan(value):
        return "–" if value is None or _fine(row, name) else "**refused**"
    text = "0" if value == 0 else f"{value:.0e}"
    return text if value <= GOOD[name] else f"**{text}**"


def _number(x: float) -> str:
    return "–" if math.isnan(x) else f"{x:.2g}" if x < 10 else f"{x:.0f}"


def _notes(row: Mapping[str, Any]) -> list[str]:
    """What an error said, and where LRP lost what it should not; once each."""
    said = {
        " ".join(v.split())[:400].replace("|", "\\|")
        for k, v in row.items()
        if k.endswith("_error") and "trees have no derivative" not in v
    }
    lost = {
        row[k]["where"].replace("|", "\\|")
        for k in ("lrp", "attnlrp")
        if k in row and row[k]["elsewhere"] > GOOD["lrp"] and "where" in row[k]
    }
    return sorted(said) + sorted(f"LRP loses most at {w}" for w in lost)
