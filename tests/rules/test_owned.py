"""Relevance that nobody else holds: what a rule writes over it is what it would have made beside it, and what it calls its own
shares memory with nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onnxplain.errors import RuleError
from onnxplain.layers import shapes
from onnxplain.layers.base import Layer
from onnxplain.rules import (
    AlphaBeta,
    Epsilon,
    Gamma,
    Norm,
    Pass,
    Rescale,
    Rule,
    Site,
    WinnerTakesAll,
    Zero,
    ZPlus,
    temporaries,
)
from onnxplain.rules.gradient import Adjoint
from tests.layers.cases import ALL
from tests.layers.harness import Case, outputs_of

from .sites import relevance_at

RULES = (Adjoint(), Pass(), Norm(), Epsilon(0.01), Zero(), AlphaBeta(), ZPlus(), Gamma(), WinnerTakesAll(), Rescale())


def _pairs() -> list[tuple[Case, Rule, Layer]]:
    found = []
    for case in ALL:
        layer = case.layer()
        if type(layer).settle is Layer.settle and layer.carries(0):
            found += [(case, rule, layer) for rule in RULES if rule.covers(layer)]
    return found


def _named(v: object) -> str:
    return v.id if isinstance(v, Case) else repr(v) if isinstance(v, Rule) else ""


ANEW = [(case, rule) for case, rule, layer in _pairs() if rule.sends(layer) == "anew"]
ONE = [(case, rule) for case, rule, layer in _pairs() if len(case.feeds()) == 1 == case.n_outputs]
OVER = [(case, rule) for case, rule in ONE if type(rule).over is not Rule.over]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the cases were large."""
    monkeypatch.setattr(shapes, "FEW", 0)
    monkeypatch.setattr(temporaries, "FEW", 0)


@pytest.mark.parametrize(("case", "rule"), ANEW, ids=_named)
def test_what_is_made_anew_shares_memory_with_nothing(case: Case, rule: Rule) -> None:
    layer, inputs = case.layer(), case.tensors()
    outputs = outputs_of(layer, inputs)
    if not outputs[0].is_floating_point():
        pytest.skip("it makes integers")
    r, kept = relevance_at(outputs[0]), [x.clone() for x in inputs]
    at = Site(layer, inputs, outputs, *((kept, outputs_of(layer, kept)) if isinstance(rule, Rescale) else ()))
    pulled = [p for p in rule(at, (r, *[None] * (len(outputs) - 1))) if p is not None]
    assert pulled
    places = [x.untyped_storage().data_ptr() for x in (r, *inputs, *kept, *outputs, *layer.buffers()) if x.numel()]
    for p in pulled:
        own = p.untyped_storage().data_ptr()
        assert not p.numel() or own not in places
        assert all(n == 1 or s for n, s in zip(p.shape, p.stride(), strict=True))  # no number of it stands twice
        places.append(own)


@pytest.mark.parametrize(("case", "rule"), OVER, ids=_named)
def test_what_is_written_over_relevance_is_what_the_rule_gives(case: Case, rule: Rule) -> None:
    layer, (x,) = case.layer(), case.tensors()
    y, *others = outputs_of(layer, (x,))
    if others or not (x.is_floating_point() and y.is_floating_point()):
        pytest.skip("it reads or makes integers, or makes several values")
    r, before = relevance_at(y), (x.clone(), y.clone())
    for single, over in ((rule.single(layer, k), rule.over(layer, k)) for k in (False, True) if rule.takes_rectified or not k):
        if single is None or over is None:
            assert single is over
            continue
        for targets in (1, 3):
            try:
                expected = single(r[:targets].clone(), x, y)
            except RuleError:
                continue
            _equal(over(r[:targets].clone(), x, y), expected)
    assert torch.equal(x.nan_to_num(7), before[0].nan_to_num(7)) and torch.equal(y.nan_to_num(7), before[1].nan_to_num(7))


@pytest.mark.parametrize(("case", "rule"), [(c, r) for c, r in ONE if isinstance(r, Rescale)], ids=_named)
def test_multipliers_are_the_same_where_relevance_is_owned(case: Case, rule: Rule) -> None:
    layer, (x,) = case.layer(), case.tensors()
    if not x.is_floating_point():
        pytest.skip("it reads integers")
    y, y0 = outputs_of(layer, (x,))[0], outputs_of(layer, (x + 0.25,))[0]
    if not y.is_floating_point() or y.shape != y0.shape:
        pytest.skip("it makes integers, or other shapes")
    r = relevance_at(y)
    beside, over = (Site(layer, (x,), (y,), (x + 0.25,), (y0,), owned=owned) for owned in (False, True))
    _equal(rule(over, (r.clone(),))[0], rule(beside, (r.clone(),))[0])
    prepared = rule.prepared(layer, (True,))
    if prepared is not None and prepared.over is not None:
        _equal(prepared.over((r.clone(),), prepared.parts(beside))[0], prepared.apply((r.clone(),), prepared.parts(beside))[0])


def _equal(found: Tensor | None, expected: Tensor | None) -> None:
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.shape == expected.shape
        assert torch.equal(found.nan_to_num(7.0), expected.nan_to_num(7.0))
