"""Models from the wild: what they predict and how they are explained."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import onnxplain as ox

from ..promises import (
    assert_close,
    audit_accounts,
    deep_lift_is_complete,
    gradient_equals_autograd,
    gradient_equals_differences,
    relevance_is_accounted_for,
    targets_together_equal_one_at_a_time,
    units_of,
    without_biases,
)
from .models import HUGE, LARGE, Real, every

pytestmark = pytest.mark.real

#: ε → 0 on whatever shares by contribution
EXACT = {
    "Affine": ox.rules.Zero(),
    "Additive": ox.rules.Zero(),
    "Product": ox.rules.Half(epsilon=0.0),
    "Normalization": ox.rules.FrozenStatistics(epsilon=0.0),
}


@every()
def test_it_loads_and_agrees_with_onnxruntime_on_made_up_data(real: Real) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # "was not verified" is a warning
        model = ox.load(real.path, verify="auto")
    assert model.inputs and model.outputs


@every()
def test_predictions_equal_the_stored_ones_of_onnxruntime(real: Real) -> None:
    predicted = real.model().predict(real.all_data())
    expected = real.outputs()
    assert predicted.keys() == expected.keys()
    for name, y in expected.items():
        if y.dtype.kind == "f":
            assert_close(predicted[name], y, 1e-4, name)
        else:
            np.testing.assert_array_equal(predicted[name], y)


@every()
def test_the_gradient_is_what_autograd_finds(real: Real) -> None:
    gradient_equals_autograd(real.model("float64"), real.data(), count=1 if real.large else 2)


@every(slow=LARGE)
def test_the_gradient_through_the_last_activation_is_what_autograd_finds(real: Real) -> None:
    model, data = real.model("float64"), real.data(1)
    if not units_of(model, data, ignore=False):
        with pytest.raises(ox.TargetError, match="from which no relevance can start"):
            ox.explain(model, data, ox.Gradient(ignore_last_activation=False))
        return
    gradient_equals_autograd(model, data, ignore=False, count=1)


@every(slow=HUGE)
def test_the_gradient_is_what_finite_differences_find(real: Real) -> None:
    _not_saturated(real)
    gradient_equals_differences(real.model("float64"), real.jittered())


@every()
def test_deep_lift_is_complete_from_zero(real: Real) -> None:
    deep_lift_is_complete(real.model("float64"), real.data(), 1e-6)


@every(slow=LARGE)
@pytest.mark.parametrize("ignore", [True, False], ids=["before_last_activation", "outputs"])
def test_deep_lift_is_complete_from_another_sample(real: Real, ignore: bool) -> None:
    model, data = real.model("float64"), real.data()
    units = units_of(model, data, ignore=ignore)
    if units:
        deep_lift_is_complete(model, data, 1e-6, real.baseline(), ignore, units)
    else:
        assert not ignore and all(not s.floating for s in model.outputs.values())


@every()
def test_deep_lift_is_complete_in_single_precision(real: Real) -> None:
    # predicted units only: a probability of 1e-8 has no four digits in single precision
    _not_saturated(real)
    model = real.model()
    deep_lift_is_complete(
        model, real.data(), 1e-4, real.baseline(), units=dict.fromkeys(units_of(model, real.data()), "predicted")
    )


@every(slow=HUGE)
def test_lrp_says_where_relevance_was_lost(real: Real) -> None:
    relevance_is_accounted_for(real.model("float64"), real.data())


@every(slow=LARGE)
def test_deep_lift_loses_nothing_on_the_way(real: Real) -> None:
    e = relevance_is_accounted_for(real.model("float64"), real.data(1), ox.DeepLift())
    moved = max(abs(r["relevance_in"]) for r in e.audit_rows)
    assert max(abs(r["lost"]) for r in e.audit_rows) <= 1e-9 * moved


@every(slow=HUGE)
def test_lrp_conserves_where_there_are_no_biases(real: Real) -> None:
    model, data = without_biases(real.model("float64")), real.data(1)
    e = ox.explain(model, data, ox.LRP(EXACT), target=units_of(model, data))
    audit_accounts(e)
    moved = max(abs(r["relevance_in"]) for r in e.audit_rows)
    lost = {r["operator"] for r in e.audit_rows if abs(r["lost"]) > 1e-9 * moved}
    assert lost <= LOSING.get(real.name, set())


#: what loses relevance though it has no bias. tribuo_tinybert: attention's softmax, of which zero inputs do not make
#: zero; position embeddings, which no input reaches. g2p_fr_rnnt: the softmax before the class number
LOSING = {"tribuo_tinybert": {"Softmax", "Add"}, "g2p_fr_rnnt": {"Softmax"}}
#: a probability of 1 − 10⁻⁵ is explained, whose differences have no four digits left
SATURATED = {"g2p_fr_rnnt"}


def _not_saturated(real: Real) -> None:
    if real.name in SATURATED:
        pytest.skip("differences of a probability that is 1 have no digits left")


@every(slow=LARGE)
@pytest.mark.parametrize("method", [ox.LRP(), ox.DeepLift(), ox.Gradient(times_input=True)], ids=lambda m: m.name)
def test_all_targets_at_once_equal_one_at_a_time(real: Real, method: ox.LRP) -> None:
    model, data = real.model("float64"), real.data(2 if not real.large else 1)
    for output, some in units_of(model, data, 3).items():
        targets_together_equal_one_at_a_time(model, data, method, output, some, 1e-10)


@every(slow=LARGE)
def test_ignoring_the_last_activation_changes_only_models_that_end_in_one(real: Real) -> None:
    model, data = real.model("float64"), real.data(1)
    for output, units in units_of(model, data, 1).items():
        before = ox.explain(model, data, ox.Gradient(), target={output: units})
        if not model.outputs[output].floating:  # a class number: only what it was chosen from can be explained
            assert any("before its ArgMax" in n for n in before.notes)
            continue
        behind = ox.explain(model, data, ox.Gradient(ignore_last_activation=False), target={output: units})
        noted = any("is explained before its" in n for n in before.notes)
        same = all(np.array_equal(a.values, behind.attributions[k].values) for k, a in before.attributions.items())
        assert noted or same
        assert not any("is explained before its" in n for n in behind.notes)
