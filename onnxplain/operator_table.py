"""Every operator that is known here: from which opset on, how it is computed, its kind, and its rules by default."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import onnx

from .frontend.control import CONTROL
from .frontend.lowering import LOWERED
from .frontend.reasons import REASONS
from .layers.base import Layer, registered
from .layers.kinds import Integer
from .methods.table import METHODS

#: methods whose rules are listed
RULED = ("lrp", "deeplift", "connection_weights")
#: the domain of parts that no file holds
OWN = "onnxplain"
#: how an operator is computed
LAYER, WRITTEN, DEFINED, GRAPHS = "layer", "written out as others", "by ONNX's definition", "graphs inside"
EVALUATED, REFUSED = "evaluated where no relevance passes", "refused"


@dataclass(frozen=True)
class Operator:
    """`since`: the opsets from which on its layers are right. `kind`, and the rule of each method by default, are of
    its newest layer; "" where it is made of others, which have their own."""

    operator: str
    domain: str
    since: tuple[int, ...]
    computed: str
    kind: str = ""
    lrp: str = ""
    deeplift: str = ""
    connection_weights: str = ""


def operators() -> Any:
    """A table of all operators, one row each: a pandas DataFrame, or a list of dicts where pandas is missing."""
    from .result.optional import optional

    rows = [asdict(o) for o in rows_of_operators()]
    pandas = optional("pandas")
    return rows if pandas is None else pandas.DataFrame(rows)


def rows_of_operators() -> list[Operator]:
    """The main domain first, then by name."""
    standard = {s.name for s in onnx.defs.get_all_schemas_with_history() if s.domain == ""}
    layers: dict[str, dict[int, type[Layer]]] = defaultdict(dict)
    for key, since, cls in registered():
        if key in standard or key in LOWERED or (":" in key and not key.startswith(OWN)):  # the rest only lowering writes
            known = layers[key].get(since)
            if known is None or issubclass(known, Integer):  # on integers it is another layer, listed only if alone
                layers[key][since] = cls
    names = {*layers, *LOWERED, *CONTROL, *_schemas()} - {"Constant"}
    return sorted((_operator(key, layers.get(key, {})) for key in names), key=lambda o: (o.domain, o.operator))


def _operator(key: str, layers: Mapping[int, type[Layer]]) -> Operator:
    domain, _, op = key.rpartition(":")
    computed = _computed(key, bool(layers))
    if not layers:
        return Operator(op, domain, (), computed)
    floating = {since: cls for since, cls in layers.items() if not issubclass(cls, Integer)} or layers
    newest = floating[max(floating)]
    return Operator(op, domain, tuple(sorted(layers)), computed, newest.kind, **{m: _rule(m, op, newest) for m in RULED})


def _computed(key: str, has_layer: bool) -> str:
    if has_layer:
        return f"{LAYER}, or {WRITTEN}" if key in LOWERED else LAYER
    if key in LOWERED:
        return WRITTEN
    if key in CONTROL:
        return GRAPHS
    if key in REASONS:
        return REFUSED
    schema = _schemas().get(key)
    defined = schema is not None and (schema.has_function or schema.has_context_dependent_function)
    return DEFINED if defined else EVALUATED


def _schemas() -> dict[str, Any]:
    """The newest definition of every operator of the two standard domains, by key."""
    return {
        f"{s.domain}:{s.name}" if s.domain else s.name: s
        for s in onnx.defs.get_all_schemas()
        if s.domain in ("", "ai.onnx.ml") and not s.deprecated
    }


def _rule(method: str, op: str, cls: type[Layer]) -> str:
    """The first row of the method's default rules that is for the operator, its family or its kind."""
    for match, rule in METHODS[method][0]().walk_rules().rows:
        fits = issubclass(cls, match) if isinstance(match, type) else match in (op, cls.kind, getattr(cls, "family", None))
        if fits and issubclass(cls, rule.kinds):
            return repr(rule)
    return ""
