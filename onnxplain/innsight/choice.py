"""Which output nodes are explained: `output_idx` and `output_label`, for one output or for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import TargetError
from .converter import Converter

#: nodes of the first output that are explained when nothing is said
MOST = 10

#: for each output its nodes, or None where it is not explained
Chosen = list[list[int] | None]


def choose(conv: Converter, output_idx: Any, output_label: Any) -> Chosen:
    """`output_idx`: a node, a list of nodes of the first output, or a list with an entry for each output (None: skip).
    `output_label`: the same by name. Raises `TargetError` where both are given and mean different nodes."""
    sizes = [d[0] for d in conv.output_dim]
    by_idx = None if output_idx is None else [_nodes(v, n, k) for k, (v, n) in enumerate(_each(output_idx, sizes))]
    by_label = None
    if output_label is not None:
        by_label = [
            None
            if v is None
            else [_position(name, conv.output_names[k]) for name in ([v] if isinstance(v, str) else v)]
            for k, (v, _) in enumerate(_each(output_label, sizes))
        ]
    if by_idx is not None and by_label is not None and by_idx != by_label:
        raise TargetError(
            f"output_idx={output_idx!r} and output_label={output_label!r} name different nodes: give one of them"
        )
    chosen = by_idx or by_label or [list(range(min(MOST, sizes[0]))), *[None] * (len(sizes) - 1)]
    if all(v is None for v in chosen):
        raise TargetError("no output is chosen: output_idx is None for all of them")
    return chosen


def _each(given: Any, sizes: Sequence[int]) -> list[tuple[Any, int]]:
    """(what is given, nodes) for each output."""
    entries = given.tolist() if isinstance(given, np.ndarray) else given
    several = isinstance(entries, (list, tuple)) and any(
        v is None or isinstance(v, (list, tuple, np.ndarray, range)) for v in entries
    )
    listed = list(entries) if several else [entries]
    if len(listed) > len(sizes):
        raise TargetError(f"{len(listed)} entries for {len(sizes)} outputs: {given!r}")
    listed += [None] * (len(sizes) - len(listed))
    return list(zip(listed, sizes, strict=True))


def _nodes(given: Any, size: int, output: int) -> list[int] | None:
    if given is None:
        return None
    nodes = [int(v) for v in np.atleast_1d(np.asarray(given))]
    wrong = [v for v in nodes if not 0 <= v < size]
    if wrong or not nodes:
        raise TargetError(f"output {output + 1} has no nodes {wrong or 'in an empty list'}: they are 0 to {size - 1}")
    return nodes


def _position(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise TargetError(f"there is no output node {name!r}; they are {', '.join(names[:20])}")
    return list(names).index(name)
