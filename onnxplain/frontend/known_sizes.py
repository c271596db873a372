"""Sizes that the file tells are numbers before anything runs: what exporters compute of them (the scale of attention, the halves of a
gate) is constant then.

The first axis may be one of samples, and so may any axis of size 1, where a file was written for one sample: those are read off the
values as they come.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from onnx import NodeProto
from torch import Tensor

from .types import ValueType

#: stands for a size that is not known: no size, and no number by which others are asked for
UNKNOWN = -(2**62)
#: operators that move sizes, unchanged
MOVES = frozenset({"Concat", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Unsqueeze"})


@dataclass
class KnownSizes:
    """`held`: whole numbers made of sizes, not all of which are known."""

    held: dict[str, Tensor] = field(default_factory=dict)

    def reads(self, n: NodeProto, constants: Mapping[str, Tensor]) -> Mapping[str, Tensor] | None:
        """All that a node reads, where it moves numbers that are known in part, to places that are known; else None."""
        moved = n.input if n.op_type == "Concat" else n.input[:1]
        if n.op_type not in MOVES or n.domain not in ("", "ai.onnx") or not any(i in self.held for i in moved):
            return None
        if not all(i in constants for i in n.input[len(moved) :] if i):
            return None
        both = ChainMap(self.held, constants)  # type: ignore[arg-type]
        return both if all(i in both for i in moved) else None

    def shape(self, n: NodeProto, types: Mapping[str, ValueType]) -> Tensor | None:
        """What a Shape makes, as far as it is known."""
        known = types.get(n.input[0]) if n.op_type == "Shape" and n.domain in ("", "ai.onnx") else None
        if known is None or known.sizes is None:
            return None
        ends = {a.name: a.i for a in n.attribute}
        sizes = [UNKNOWN if i == 0 or size is None or size == 1 else size for i, size in enumerate(known.sizes)]
        return torch.tensor(sizes[ends.get("start", 0) : ends.get("end")], dtype=torch.int64)

    def whole(self, n: NodeProto, found: Sequence[Tensor]) -> bool:
        """Whether all that a node makes is known; what is not is kept as far as it is."""
        partly = {v: x for v, x in zip(n.output, found, strict=False) if bool((x == UNKNOWN).any())}
        self.held.update(partly)
        return not partly
