"""A whole LSTM in torch's kernel: where a walk takes the gradient through every step, all of them at once.

oneDNN computes x Wᵀ + b, all steps and their adjoint in one call each, single precision on the CPU. What rules do to a step's parts
it cannot say: the nodes are put together for walks that transpose, and only there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeGuard

import torch
from torch import Tensor

from ...layers.base import Cotangents, Layer, Pulled
from ...layers.kinds import Additive, Affine
from ...rules.base import Rule, Site
from ..graph import Graph, Node
from .plans import Parts
from .scan import Scan

#: targets up to which one call for each takes less than steps that take all of them together (measured)
FEW_TARGETS = 4
#: torch's number of an LSTM among the modes of its recurrent kernels
LSTM = 2
#: the nodes of a step, each with the values it reads: the inputs h, c, z = 0, 1, 2, then what nodes make in their order
STEP = (
    *(("MatMul", (0,)), ("Add", (2, 3)), ("Split", (4,)), ("Sigmoid", (5,)), ("Split", (7,)), ("Tanh", (6,))),
    *(("Gate", (10, 1)), ("Gate", (8, 11)), ("Add", (12, 13)), ("Tanh", (14,)), ("Gate", (9, 15))),
)
#: c′ and h′ among them
AFTER = (16, 14, 16)


class KernelLSTM(Layer):
    """(h, c, all h, notes) of a product with the input and the steps over it; the notes are the kernel's, or those of the steps where
    these were run instead: in other precisions, on other devices, while plans are traced."""

    kind = "Control"

    def __init__(self, product: Affine, steps: Scan, parts: Parts) -> None:
        super().__init__()
        self.product, self.steps, self.parts = product, steps, parts
        self.size = product.w.shape[1] // 4
        (step,) = steps.bodies
        state = step.graph.nodes[0].layer
        assert _is_dense(state)
        (w, b), (recurrent, none) = _in_order(product), _in_order(state)
        self.weights = [w, recurrent, b, none]

    def forward(self, h: Tensor, c: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        if not self._takes(h, c, x):
            made: tuple[Tensor, ...] = self.steps.forward(h, c, self.product.forward(x))
            return made
        given = self._as_read(x, h, c)
        # notes are made where automatic differentiation is on; as nothing here asks for it, none takes place
        with torch.inference_mode(False), torch.enable_grad():
            y, last, cell, notes = torch.ops.aten.mkldnn_rnn_layer(
                *(given[0], *self.weights, *given[1:], self.steps.scanned[0].backward, [], LSTM, self.size, 1),
                *(True, False, False, True),
            )
        return last[0], cell[0], self._laid(y), notes

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        given = [r for r in cotangents[:3] if r is not None]
        if not given:
            return (None, None, None)
        in_kernel = outputs[3].dtype == torch.uint8
        if in_kernel and given[0].shape[0] <= FEW_TARGETS and self._takes(*inputs):
            each = [self._pulled([None if r is None else r[t] for r in cotangents], inputs, outputs) for t in range(len(given[0]))]
            return tuple([torch.stack(r) for r in zip(*each, strict=True)])
        h, c, x = inputs
        z = self.product.forward(x)
        made = self.steps.forward(h, c, z) if in_kernel else outputs
        site = Site(self.steps, (h, c, z), made)
        *first, pulled = self.parts(site, tuple(cotangents[:3]))
        return (*first, None if pulled is None else self.product.transpose(pulled, x))

    def _takes(self, h: Tensor, c: Tensor, x: Tensor) -> bool:
        real = type(x) is Tensor and x.is_cpu and x.dtype == torch.float32 and torch._C._get_mkldnn_enabled()
        return real and x.dim() == 3 and x.numel() > 0 and h.shape == c.shape == (self._laid(x).shape[1], self.size)

    def _laid(self, x: Tensor) -> Tensor:
        """Steps first, or back."""
        return x.transpose(0, self.steps.scanned[0].axis)

    def _as_read(self, x: Tensor, h: Tensor, c: Tensor) -> list[Tensor]:
        """All steps and two states as the kernel takes them, which looks at no strides."""
        return [v.contiguous() for v in (self._laid(x), h[None], c[None])]

    def _pulled(self, r: Sequence[Tensor | None], inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Tensor]:
        """For one target."""
        (h, c, x), (last, cell, y, notes) = inputs, outputs
        given = [torch.zeros_like(v) if p is None else p for p, v in zip(r, (last, cell, y), strict=False)]
        read, made, arrives = self._as_read(x, h, c), self._as_read(y, last, cell), self._as_read(given[2], *given[:2])
        pulled = torch.ops.aten.mkldnn_rnn_layer_backward(
            *(read[0], *self.weights, *read[1:], *made, *arrives, self.steps.scanned[0].backward),
            *(LSTM, self.size, 1, True, True, False, [], False, notes),
        )
        return [pulled[5][0], pulled[6][0], self._laid(pulled[0])]


def _in_order(layer: Affine) -> tuple[Tensor, Tensor]:
    """Weights (4 n, inputs) and bias with the gates in the order of torch's kernel; plans share what is made of the same weights."""
    bias = layer.w.new_zeros(layer.w.shape[1]) if layer.b is None else layer.b
    made = layer.reweighted(_reordered, _reordered(bias))
    assert made is not None
    return made.w.mT, made.b


def _reordered(w: Tensor) -> Tensor:
    """(…, 4 n), gates i, o, f, c as in ONNX → i, f, c, o; each unit's weights lie one after the other, as the kernel reads them."""
    i, o, f, c = w.chunk(4, -1)
    return torch.cat([i, f, c, o], -1).movedim(-1, 0).contiguous().movedim(0, -1)


def in_kernels(graph: Graph, keep: Collection[str], rules: Mapping[str, Rule]) -> tuple[Graph, list[str]]:
    """The graph in which every LSTM that is transposed is one node, with the product before it, and the names of those nodes; not where
    others read what is between, or `keep` names it."""
    if not graph.stepped or not torch.backends.mkldnn.is_available():
        return graph, []
    seen, joined, inside = {*keep, *graph.outputs}, {}, set()
    for n in graph.nodes:
        before = graph.producer.get(n.inputs[-1]) if n.inputs else None
        if before is None or before.outputs[0] in seen or len(graph.consumers[before.outputs[0]]) != 1:
            continue
        if any(graph.consumers[v] or v in seen for v in n.outputs[3:]):
            continue
        if (layer := _joined(before, n, rules)) is not None:
            joined[n.name] = replace(n, op="LSTM", layer=layer, inputs=(*n.inputs[:2], *before.inputs))
            inside.add(before.name)
    nodes = tuple([joined.get(n.name, n) for n in graph.nodes if n.name not in inside])
    return (replace(graph, nodes=nodes) if joined else graph), list(joined)


def _joined(before: Node, n: Node, rules: Mapping[str, Rule]) -> KernelLSTM | None:
    product, steps, parts = before.layer, n.layer, rules.get(n.name)
    if not _is_dense(product) or not isinstance(steps, Scan) or not isinstance(parts, Parts):
        return None
    within = [rules.get(name) for name in (before.name, *(m.name for m in steps.bodies[0].graph.nodes))]
    if product.w.dtype != torch.float32 or not all(r is not None and r.transposes() for r in within):
        return None
    laid = steps.scanned == steps.stacked and len(steps.scanned) == 1 and steps.scanned[0].axis in (0, 1)
    return KernelLSTM(product, steps, parts) if laid and steps.slots == (0, 1, 2) and _is_lstm(steps, product) else None


def _is_lstm(steps: Scan, product: Affine) -> bool:
    """Whether its step is that of the equations, with the usual functions."""
    graph = steps.bodies[0].graph
    number = {v: i for i, v in enumerate([*graph.inputs, *(v for m in graph.nodes for v in m.outputs)])}
    if tuple([(m.op, tuple([number.get(v, -1) for v in m.inputs])) for m in graph.nodes]) != STEP:
        return False
    if len(graph.inputs) != 3 or tuple([number.get(v) for v in graph.outputs]) != AFTER:
        return False
    state, size = graph.nodes[0].layer, product.w.shape[1] // 4
    sums = [m.layer for m in graph.nodes if m.op == "Add"]
    cuts = [m.layer for m in graph.nodes if m.op == "Split"]
    whole = _is_dense(state) and state.b is None and state.w.shape == (size, 4 * size)
    added = all(isinstance(s, Additive) and s.of_two for s in sums)
    return whole and added and [c.sizes.constant for c in cuts] == [[3 * size, size], [size] * 3] and all(c.cut == -1 for c in cuts)


def _is_dense(layer: Layer) -> TypeGuard[Affine]:
    """x W + b, with one bias for each unit or none."""
    return isinstance(layer, Affine) and layer.family == "dense" and bool(layer.fused)
