"""LRP as zennit, captum, iNNvestigate and LXT compute it: our composites with each rule in their form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import RuleError
from ..rules.attention import FrozenStatistics
from ..rules.base import Rule
from ..rules.composites import Composite, Row, composite_from
from ..rules.first_layer import Flat, WSquare, ZBox
from ..rules.gamma import Gamma
from ..rules.gradient import Adjoint
from ..rules.hooked import EpsilonOnMoves
from ..rules.lrp import Epsilon, Norm, Pass, Zero
from ..rules.lxt import Unsigned
from ..rules.pooling import WinnerTakesAll
from ..rules.products import Half, Signal
from ..rules.signed import AlphaBeta, PositiveWeights, ZPlus
from .preset import Preset, left_at_default

#: rule → the library's form of it
Forms = Mapping[type[Rule], Callable[[Any], Rule]]

NOTHING: frozenset[str] = frozenset()  # these libraries explain the output they are given
GRADIENTS: tuple[Row, ...] = tuple((kind, Adjoint()) for kind in ("Additive", "Softmax", "Product", "Normalization"))


def in_form(default: Any, forms: Forms, front: tuple[Row, ...], title: str) -> Callable[[Any], Composite]:
    """(method) → its composite (`default` if it has none), rules in the library's form, behind the rows `front`."""

    def rules(method: Any) -> Composite:
        spec = default if method.composite is None else method.composite
        own = (
            composite_from(spec)
            if isinstance(spec, Composite)
            else composite_from(spec, winner_takes_all=method.winner_takes_all)
        )
        rows = [(match, forms.get(type(rule), _same)(rule)) for match, rule in own.rows]
        return Composite((*front, *rows), written=f"{title}'s {own!r}")

    return rules


def _same(rule: Rule) -> Rule:
    return rule


def or_default(rule: Any, name: str, value: float) -> float:
    """A parameter as it was given, or the library's default."""
    return value if left_at_default(rule, name) else getattr(rule, name)


# captum 0.9.0 -----------------------------------------------------------------------------------------------------

TINY = 1e-9


def _positive(rule: ZPlus | AlphaBeta) -> Rule:
    if isinstance(rule, AlphaBeta) and (rule.alpha, rule.beta) != (1, 0):
        raise RuleError(f"captum has no {rule!r}: it has AlphaBeta(1, 0), Epsilon and Gamma")
    if rule.bias not in ("absorb", "ignore"):
        raise RuleError(f"captum's Alpha1_Beta0_Rule keeps the bias or leaves it out: it has no bias={rule.bias!r}")
    return PositiveWeights(rule.bias, TINY)  # type: ignore[arg-type]


CAPTUM_FORMS: Forms = {
    Epsilon: lambda r: replace(r, epsilon=or_default(r, "epsilon", TINY)),
    Norm: lambda r: Epsilon(TINY),
    Gamma: lambda r: replace(r, variant="original", stabilizer=TINY),
    ZPlus: _positive,
    AlphaBeta: _positive,
    WinnerTakesAll: lambda r: WinnerTakesAll(TINY),
}
CAPTUM_ROWS: tuple[Row, ...] = (*GRADIENTS, ("Routing", EpsilonOnMoves(TINY)), ("scale", Adjoint()))

# iNNvestigate 2.1.2 -----------------------------------------------------------------------------------------------


def _ignoring(rule: Any) -> Rule:
    """Without a bias, and divided safely: by z wherever it is not 0."""
    return replace(rule, bias="ignore", stabilizer=0.0)


INNVESTIGATE_FORMS: Forms = {
    Epsilon: lambda r: replace(r, epsilon=or_default(r, "epsilon", 1e-7)),
    AlphaBeta: lambda r: replace(r, bias="whole" if r.bias == "absorb" else r.bias, stabilizer=0.0),
    ZPlus: _ignoring,
    PositiveWeights: _ignoring,
    WSquare: _ignoring,
    Flat: lambda r: replace(r, stabilizer=0.0),
    ZBox: lambda r: replace(r, stabilizer=0.0),
    Norm: lambda r: replace(r, stabilizer=0.0),
}
INNVESTIGATE_ROWS: tuple[Row, ...] = (("batch_norm", Zero()), ("Additive", Zero()))

# LXT 2.1 ----------------------------------------------------------------------------------------------------------

LXT_FORMS: Forms = {
    Epsilon: lambda r: Unsigned(Zero(r.bias), or_default(r, "epsilon", 1e-6)),
    Norm: lambda r: Unsigned(Zero(), 1e-6),
    Half: lambda r: Unsigned(Half(0.0), 0.5e-8),  # 1e-8 beside 2z
    Signal: lambda r: Unsigned(replace(r, epsilon=0.0), 1e-8),
    FrozenStatistics: lambda r: Unsigned(FrozenStatistics(0.0), or_default(r, "epsilon", 1e-6)),
}
LXT_ROWS: tuple[Row, ...] = (
    ("Additive", Unsigned(Zero(), 1e-8)),
    ("RMSNormalization", Pass()),
    ("SimplifiedLayerNormalization", Pass()),
)

ZENNIT = Preset({"seed": "one"}, rules=in_form("epsilon_plus", {}, GRADIENTS, "zennit"), last=NOTHING)
CAPTUM = Preset(rules=in_form("epsilon", CAPTUM_FORMS, CAPTUM_ROWS, "captum"), last=NOTHING, merged=False)
INNVESTIGATE = Preset(rules=in_form("zero", INNVESTIGATE_FORMS, INNVESTIGATE_ROWS, "iNNvestigate"), merged=False)
LXT = Preset(rules=in_form("attn_lrp", LXT_FORMS, LXT_ROWS, "LXT"), last=NOTHING)
