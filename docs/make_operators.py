"""operators.md, made from the registry of layers while the site is built; as a script it prints the page."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

HEAD = """# Operators

{count} operators have a layer, each with a forward pass and a closed-form adjoint. *From opset* is the first operator
set that a layer is right for; a model's operator takes the newest layer that is not newer than the model's own opset.
A layer may still refuse a node (weights that are computed at run time, say): `onnxplain inspect MODEL` says which.
What a kind means for each method is on the page [how it works](how-it-works.md#kinds-and-methods).
"""


def page() -> str:
    """The whole page: one table per kind."""
    from onnxplain.layers import registered

    kinds: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for op, since, layer in registered():
        kinds[layer.kind or "other"][op].add(since)
    parts = [HEAD.format(count=len({op for ops in kinds.values() for op in ops}))]
    for kind in sorted(kinds):
        parts.append(f"## {kind}\n\n| operator | from opset |\n|---|---|")
        parts.append("\n".join(f"| {op} | {', '.join(map(str, sorted(s)))} |" for op, s in sorted(kinds[kind].items())) + "\n")
    return "\n".join(parts)


def on_files(files: Any, config: Any) -> Any:
    """mkdocs calls this with the files of the site."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "operators.md", content=page()))
    return files


if __name__ == "__main__":
    print(page())
