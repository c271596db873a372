"""What operators without a layer make that carries no relevance, computed outside torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer

#: the full ONNX argument list → one value per output
Evaluate = Callable[[Sequence[Tensor | None]], tuple[Tensor, ...]]


class Host(Integer):
    """The outputs of one node as `evaluate` computes them; `by`: who does."""

    def __init__(self, node: OnnxNode, evaluate: Evaluate, by: str) -> None:
        super().__init__(node.constants, node.dynamic)
        self.evaluate, self.note = evaluate, f"computed by {by}"

    def forward(self, *inputs: Tensor) -> Any:
        return self.evaluate(self.full(inputs))
