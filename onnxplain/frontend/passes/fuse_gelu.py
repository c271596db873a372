"""x (1 + erf(x/√2))/2 and its approximation by a tanh, written out → one Gelu."""

from __future__ import annotations

import math
from collections.abc import Collection

from ...graph.graph import Graph, Node
from ...layers.elementwise.gated import ALPHA, GAMMA, Gelu, TanhGelu
from .gates import gated, rounded
from .rewrite import Fused, fuse
from .spelled import NEAR, function, plus, polynomial


def fuse_gelu(graph: Graph, keep: Collection[str]) -> Graph:
    """½ x (1 + erf κx), ½ x erfc(−κx) and ½ x (1 + tanh α(x + γx³)), with constants near those of gelu.

    The constants are kept as they are written: rounded to single precision, they change double precision results.
    """
    return fuse(graph, keep, _gelu)


def _gelu(graph: Graph, last: Node) -> Fused | None:
    for x, s, c in gated(graph, last):
        if c == 0.5 and (layer := _by_erf(graph, x, s) or _by_tanh(graph, x, s)) is not None:
            return Fused("Gelu", layer, x)
    return None


def _by_erf(graph: Graph, x: str, s: str) -> Gelu | None:
    """With s = 1 + erf(κx/√2) or erfc(−κx/√2)."""
    raised = plus(graph, s)
    if raised is not None and raised[1] == 1:
        argument, sign = function(graph, raised[0], "Erf"), 1.0
    else:
        argument, sign = function(graph, s, "Erfc"), -1.0
    terms = None if argument is None else polynomial(graph, argument, x)
    if terms is None or set(terms) != {1}:
        return None
    kappa = sign * terms[1] * math.sqrt(2)
    return Gelu(rounded(kappa, 1.0, graph)) if abs(kappa - 1) <= NEAR else None


def _by_tanh(graph: Graph, x: str, s: str) -> TanhGelu | None:
    """With s = 1 + tanh(αx + αγx³)."""
    raised = plus(graph, s)
    argument = function(graph, raised[0], "Tanh") if raised is not None and raised[1] == 1 else None
    terms = None if argument is None else polynomial(graph, argument, x)
    if terms is None or set(terms) != {1, 3}:
        return None
    alpha, gamma = terms[1], terms[3] / terms[1] if terms[1] else 0.0
    if abs(alpha - ALPHA) > NEAR * ALPHA or abs(gamma - GAMMA) > NEAR * GAMMA:
        return None
    return TanhGelu(rounded(alpha, ALPHA, graph), rounded(gamma, GAMMA, graph))
