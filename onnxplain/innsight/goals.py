"""The values at which outputs are explained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from ..conventions.innsight import LAST
from ..data import prepare
from ..graph.last_activation import explained_value
from ..graph.plan import Forward
from ..model import Model


def explained(model: Model, feeds: Mapping[str, np.ndarray], output: str, ignore_last_act: bool) -> np.ndarray:
    """(samples, nodes): the output, or what its last activation reads."""
    graph, at = explained_value(model.graph_with((), merged=False), output, LAST if ignore_last_act else ())
    x = prepare(model.inputs, dict(feeds), model.dtype, model.device)
    with torch.inference_mode():
        trace = Forward(graph, graph.inputs, [at.value], []).run({n: model.inputs[n].native(v) for n, v in x.items()})
    return trace[at.value].cpu().numpy()
