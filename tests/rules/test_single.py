"""What a rule comes to on a layer of one input and one output is the rule itself, bit for bit."""

from __future__ import annotations

import pytest
import torch

from onnxplain.errors import RuleError
from onnxplain.graph.graph import Node
from onnxplain.graph.plan import settles
from onnxplain.rules import Epsilon, Norm, Pass, Rule, Site, Zero
from onnxplain.rules.gradient import Adjoint
from tests.layers.cases import ALL
from tests.layers.harness import Case, outputs_of

from .sites import relevance_at

RULES = (
    Adjoint(),
    Pass(),
    Norm(),
    *(Epsilon(0.01, bias) for bias in ("absorb", "ignore", "distribute")),
    *(Zero(bias) for bias in ("absorb", "ignore", "distribute")),
)


def _pairs() -> list[tuple[Case, Rule]]:
    found = []
    for case in ALL:
        layer = case.layer()
        one = len(case.feeds()) == 1 == case.n_outputs and layer.carries(0) and next(iter(case.feeds().values())).dtype.kind == "f"
        if one and not settles(Node("node", case.op, layer, ("x",), ("y",))):
            found += [(case, rule) for rule in RULES if rule.covers(layer)]
    return found


@pytest.mark.parametrize(("case", "rule"), _pairs(), ids=lambda v: v.id if isinstance(v, Case) else repr(v))
def test_a_single_function_gives_what_the_rule_gives(case: Case, rule: Rule) -> None:
    layer, inputs = case.layer(), case.tensors()
    outputs = outputs_of(layer, inputs)
    if len(outputs) != 1 or not outputs[0].is_floating_point():
        pytest.skip("it makes more than one value, or integers")
    (x,), (y,) = inputs, outputs
    for rectified in (False, True) if rule.takes_rectified else (False,):
        single = rule.single(layer, rectified)
        if single is None:
            continue
        r, at = relevance_at(y), Site(layer, inputs, outputs, rectified=rectified)
        try:
            (expected,) = rule(at, (r,))
        except RuleError:
            with pytest.raises(RuleError):
                single(r, x, y)
            continue
        found = single(r, x, y)
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            assert found.shape == expected.shape
            assert torch.equal(found.nan_to_num(7.0), expected.nan_to_num(7.0))
            assert torch.equal(found.isnan(), expected.isnan())
