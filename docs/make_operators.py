"""operators.md, made from the tables of operators and of tests while the site is built; as a script it prints the page."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

HEAD = """# Operators

{count} operators: {layers} have a layer, with a forward pass and a closed-form adjoint; the others are written out as
operators that have one, when a model is loaded. `ox.operators()` is this table.

*From opset*: the first operator set that a layer is right for; a model's operator takes the newest layer that is not
newer than the model's own opset. A layer may still refuse a node: `onnxplain check MODEL` says which, and why. *Rules*:
of the default composite; every other composite goes by [kind](how-it-works.md#kinds-and-methods). DeepLIFT's rule is
`Rescale` on every kind. *Tests*: nodes of the operator that are compared with onnxruntime and whose kind's promises are
tested; ONNX's own node tests come on top (see [coverage](coverage.md)).
"""
TITLES = {"": "ONNX", "ai.onnx.ml": "ai.onnx.ml: tables, text and trees", "com.microsoft": "com.microsoft: what onnxruntime writes"}


def page() -> str:
    """The whole page: one table per domain."""
    from onnxplain.operator_table import rows_of_operators

    tested, rows = _tests(), rows_of_operators()
    parts = [HEAD.format(count=len(rows), layers=sum(r.computed.startswith("layer") for r in rows))]
    for domain in dict.fromkeys(r.domain for r in rows):
        parts.append(f"## {TITLES.get(domain, domain)}\n\n| operator | from opset | computed | kind | LRP | connection weights | tests |\n|---|---|---|---|---|---|---|")
        parts += [
            f"| {r.operator} | {', '.join(map(str, r.since))} | {r.computed} | {r.kind} | {_name(r.lrp)} | "
            f"{_name(r.connection_weights)} | {tested[domain, r.operator] or ''} |"
            for r in rows
            if r.domain == domain
        ]
        parts.append("")
    return "\n".join(parts)


def _name(rule: str) -> str:
    return rule.partition("(")[0]


def _tests() -> Counter[tuple[str, str]]:
    """How many nodes of each operator the tests compare."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.frontend.lowering.cases import CASES as parts
    from tests.layers.cases import ALL as layers

    return Counter((c.domain, c.op) for c in (*layers, *parts))


def on_files(files: Any, config: Any) -> Any:
    """mkdocs calls this with the files of the site."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "operators.md", content=page()))
    return files


if __name__ == "__main__":
    print(page())
