"""Model: a graph with named inputs and outputs, ready to predict and to be explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .columns import own_texts
from .data import as_declared, by_input, n_samples, prepare
from .errors import InputError
from .frontend.passes import UNMERGED, simplify
from .frontend.stored import Stored
from .graph.graph import Graph, Node
from .graph.plan import Forward, walked
from .graph.sources import find_sources
from .precision import products
from .specs import Spec, fixed_rows

#: rows of one forward pass of `predict`
PREDICT_ROWS = 256
NO_RELEVANCE = "carries no relevance"
NO_RULE = "no rule"
#: methods whose rules `print(model)` shows
SUMMARY_METHODS = ("lrp", "deeplift", "connection_weights")


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """What `load` gives. `inputs`, `outputs`: name → Spec. `graph`: what rules are chosen on.

    `raw`: the graph as read, before linear layers took their biases and batch normalisations in.
    """

    name: str
    raw: Graph
    graph: Graph
    inputs: Mapping[str, Spec]
    outputs: Mapping[str, Spec]
    dtype: torch.dtype
    device: torch.device
    opset: int
    source: Stored | None = None
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    precision: str = "float32"

    def predict(self, data: Any) -> dict[str, Any]:
        """{output name: array} for `data` in any form that `explain` takes; a list of arrays where that is a sequence."""
        feeds = prepare(self.inputs, data, self.dtype, self.device, explained=False)
        texts = own_texts(self.inputs, by_input(self.inputs, data))
        with products(self.precision, self.device):
            return {o: as_declared(self.outputs[o], y, texts) for o, y in self.forward(feeds).items()}

    def forward(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Outputs (as the model writes them) for checked feeds with samples first; in chunks of rows."""
        n, fixed = n_samples(self.inputs, feeds), self.fixed_rows
        graph = self.graph
        plan = graph.memo.get("outputs", lambda: Forward(graph, graph.inputs, graph.outputs, []))
        if any(x is None or x.numel() == 0 for x in feeds.values()):  # an empty value has no rows to go through in pieces
            return self._whole(plan, feeds)
        whole = self.graph.joins_samples or any(
            s.batch_axis is None and o not in self.graph.constants for o, s in self.outputs.items()
        )
        size = fixed or (n if whole else PREDICT_ROWS)
        parts: dict[str, list[Tensor]] = {o: [] for o in self.outputs}
        with torch.inference_mode():
            for start in range(0, n, size):
                rows = torch.arange(start, min(start + size, n))
                real = len(rows)
                if fixed and real < fixed:
                    rows = torch.cat([rows, rows[-1:].expand(fixed - real)])
                trace = plan.run(
                    {
                        i: x if (axis := self.inputs[i].batch_axis) is None else x[rows].movedim(0, axis)
                        for i, x in feeds.items()
                    }
                )
                for o, kept in parts.items():
                    axis = self.outputs[o].batch_axis
                    y = trace[o]
                    per_row = axis is not None and axis < y.dim() and y.shape[axis] == len(rows)
                    if axis is not None and not per_row and n > size:
                        raise InputError(
                            f"output {o!r} has shape {tuple(y.shape)} for {len(rows)} samples (axis {axis}): if the samples "
                            f"lie on another axis, say so with ox.load(..., batch_axis={{{o!r}: axis}})"
                        )
                    kept.append(y.narrow(axis, 0, real) if axis is not None and per_row else y)
        axes = {o: self.outputs[o].batch_axis for o in parts}
        return {o: p[0] if len(p) == 1 or axes[o] is None else torch.cat(p, axes[o] or 0) for o, p in parts.items()}

    def _whole(self, plan: Forward, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The outputs of one call."""
        with torch.inference_mode():
            trace = plan.run({n: self.inputs[n].native(x) for n, x in feeds.items()})
        return {o: trace[o] for o in self.outputs}

    @cached_property
    def fixed_rows(self) -> int | None:
        """The number of samples the model insists on, if it does."""
        return fixed_rows(self.inputs)

    def graph_with(self, values: Iterable[str], merged: bool = True) -> Graph:
        """The graph in which these internal values are computed: of two layers that were merged, the value between
        them exists again. `merged=False`: batch normalisations stay beside linear layers."""
        if not merged:
            kept = tuple(values)
            return self.raw.memo.get(("unmerged", kept), lambda: simplify(self.raw, kept, UNMERGED))
        missing = tuple([v for v in values if v not in self.graph.values])
        unknown = [v for v in missing if v not in self.raw.values]
        if unknown:
            from difflib import get_close_matches

            near = {v: get_close_matches(v, self.raw.values, 3) for v in unknown}
            raise InputError(f"the model computes no values {unknown}; near them: {near}; model.graph.values lists all")
        return self.raw.memo.get(("simplified", missing), lambda: simplify(self.raw, missing)) if missing else self.graph

    def check(self, data: Any = None) -> None:
        """Compares one forward pass with onnxruntime's, value by value where they differ; raises `VerificationError`."""
        from .verify import verify

        verify(self, data, strict=True)

    def coverage(self, method: Any) -> list[dict[str, str]] | Any:
        """A table: node, operator, kind, and the rule it gets under this method, or why it gets none."""
        from .methods.table import method_from
        from .result.optional import optional

        rows = self.coverage_rows(method_from(method))
        pandas = optional("pandas")
        return rows if pandas is None else pandas.DataFrame(rows)

    def coverage_rows(self, method: Any) -> list[dict[str, str]]:
        """`coverage` as plain rows."""
        active, nodes = walked(self.graph, self.graph.outputs, [s.value for s in find_sources(self.graph)])
        found = method.walk_rules().coverage(self.graph, nodes, active)

        def said(n: Node) -> str:
            if n.name not in found:
                return f"{n.layer.note}, {NO_RELEVANCE}" if n.layer.note else NO_RELEVANCE
            rule = found[n.name]
            return f"{NO_RULE}: {rule}" if isinstance(rule, str) else str(rule)

        return [{"node": n.name, "operator": n.op, "kind": n.kind, "rule": said(n)} for n in self.graph.every_node()]

    def __repr__(self) -> str:
        return f"Model({self.name!r}: {', '.join(self.inputs)} → {', '.join(self.outputs)}, {len(self.graph.nodes)} nodes)"

    def __str__(self) -> str:
        lines = [f"{self.name}  (opset {self.opset}, {str(self.dtype).removeprefix('torch.')}, {self.device})", ""]
        lines += _table([("input", "type and shape", "sample axis"), *((s.name, s.described(), str(s.batch_axis)) for s in self.inputs.values())])
        lines.append("")
        lines += _table([("output", "type and shape", "sample axis"), *((s.name, s.described(), str(s.batch_axis)) for s in self.outputs.values())])
        lines.append("")
        from .methods.table import METHODS

        tables = [[r["rule"] for r in self.coverage_rows(METHODS[m][0]())] for m in SUMMARY_METHODS]
        body = [
            (n.name, n.op, n.kind, *("–" if c.endswith(NO_RELEVANCE) else c.split(":")[0].split("(")[0] for c in cells))
            for n, *cells in zip(self.graph.every_node(), *tables, strict=True)
        ]
        lines += _table([("node", "operator", "kind", *SUMMARY_METHODS), *body])
        return "\n".join(lines)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [min(48, max(len(r[i]) for r in rows)) for i in range(len(rows[0]))]
    return ["  ".join(_cut(c, w).ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
