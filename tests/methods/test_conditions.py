"""Conditional relevance: masks on internal values, against walks cut in two by hand; `layers` by pattern."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxplain as ox

from ..engine.build import Writer
from ..engine.models import CASES, loaded
from ..engine.oracle import close
from .nets import N, data, net

UNITS = 5


def whole(composite: Any = None) -> tuple[ox.Model, ox.Model, np.ndarray]:
    """A net; the net up to its value "h"; data. No biases: what passes h is f, and each unit's part can be walked alone."""
    w = Writer(61)
    h = w.node("Relu", w.dense("x", 6, UNITS, bias=False), to="h")
    w.dense(w.node("Relu", w.dense(h, UNITS, 4, bias=False)), 4, 3, to="y", bias=False)
    proto = w.model({"x": ("N", 6)}, {"y": ("N", 3)})
    return ox.load(proto, dtype="float64"), ox.load(proto, dtype="float64", outputs=["h"]), np.random.default_rng(0).standard_normal((N, 6))


@pytest.mark.parametrize("condition", [2, [0, 3], [-1], np.array([True, False, True, False, False])], ids=["one", "two", "last", "mask"])
@pytest.mark.parametrize("composite", ["epsilon", "zplus"])
def test_it_is_what_the_chosen_units_relevance_walks_on_to(condition: Any, composite: str) -> None:
    full, lower, x = whole()
    e = ox.explain(full, x, ox.LRP(composite, conditions={"h": condition}), target="all")
    at_h = ox.explain(full, x, ox.LRP(composite), target="all", layers=["h"]).layers["h"].values  # (N, units, targets)
    chosen = np.zeros(UNITS)
    chosen[condition] = 1
    for k in range(3):
        parts = [
            ox.explain(lower, x, ox.LRP(composite, seed=at_h[:, [u], k]), target=u).values[..., 0] for u in range(UNITS) if chosen[u]
        ]
        close(e.values[..., k], np.sum(parts, 0))


@pytest.mark.parametrize("name", ["cnn", "residual"])
def test_the_parts_of_all_channels_add_up_to_the_whole(name: str) -> None:
    model, x = loaded(name), CASES[name].data(N)
    at = "pooled" if name == "cnn" else "h"
    channels = 4 if name == "cnn" else 6
    parts = [ox.explain(model, x, ox.LRP(conditions={at: c}), target="all").values for c in range(channels)]
    close(np.sum(parts, 0), ox.explain(model, x, "lrp", target="all").values)
    everything = ox.explain(model, x, ox.LRP(conditions={at: np.ones(channels, bool)}), target="all")
    close(everything.values, ox.explain(model, x, "lrp", target="all").values)


def test_a_mask_in_the_shape_of_a_sample_chooses_places() -> None:
    model, x = loaded("cnn"), CASES["cnn"].data(N)
    shape = ox.explain(model, x, "lrp", layers=["pooled"]).layers["pooled"].values.shape[1:-1]
    mask = np.random.default_rng(0).random(shape) > 0.5
    e = ox.explain(model, x, ox.LRP(conditions={"pooled": mask}), target="all", layers=["pooled"])
    free = ox.explain(model, x, "lrp", target="all", layers=["pooled"])
    close(e.layers["pooled"].values, free.layers["pooled"].values * mask[..., None])
    other = ox.explain(model, x, ox.LRP(conditions={"pooled": ~mask}), target="all")
    close(e.values + other.values, free.values)


def test_conditions_at_two_values_hold_together_and_the_audit_lists_what_they_stop() -> None:
    model, x = net("image"), data("image")
    both = ox.LRP(conditions={"early": [0, 2], "late": 1})
    e = ox.explain(model, x, both, layers=["early", "late"])
    assert not e.layers["late"].values[:, [0, 2, 3, 4]].any() and e.layers["late"].values[:, 1].any()
    assert not e.layers["early"].values[:, [1, 3]].any()
    stopped = {row["node"]: row["lost"] for row in e.audit_rows if row["operator"] == "Mask"}
    assert set(stopped) == {"mask of early", "mask of late"} and all(np.isfinite(v) for v in stopped.values())


@pytest.mark.parametrize("chunk", [1, (2, 1)])
def test_chunks_and_single_targets_change_nothing(chunk: Any) -> None:
    method = ox.LRP(conditions={"late": [1, 3]})
    e = ox.explain(net("image"), data("image"), method, target="all")
    close(ox.explain(net("image"), data("image"), method, target="all", chunk_size=chunk).values, e.values)
    close(np.stack([ox.explain(net("image"), data("image"), method, target=t).values[..., 0] for t in range(3)], -1), e.values)


@pytest.mark.parametrize("chunk", ["auto", 1, (2, 1), (1, 5)])
def test_a_list_of_conditions_is_each_of_them_side_by_side(chunk: Any) -> None:
    mask = np.array([True, False, False, True, True])
    several = [{"late": 2}, {"early": [0, 3], "late": mask}, {}]
    e = ox.explain(net("image"), data("image"), ox.LRP(conditions=several), target="all", chunk_size=chunk, layers=["late"])
    for k, condition in enumerate(several):
        alone = ox.explain(net("image"), data("image"), ox.LRP(conditions=condition or None), target="all", layers=["late"])
        close(e.values[..., k::3], alone.values)
        close(e.layers["late"].values[..., k::3], alone.layers["late"].values)
        close(e.goals["y"][:, k::3], alone.goals["y"])
        close(e.predictions["y"][:, k::3], alone.predictions["y"])


def test_conditions_in_a_list_are_named_on_the_target_axis_and_take_seeds_per_target() -> None:
    x, seeds = data("image"), np.random.default_rng(0).standard_normal((N, 2))
    several = ox.LRP(conditions=[{"late": 1}, {"late": [1, 3]}, {"late": np.arange(5) < 2}], seed=seeds)
    e = ox.explain(net("image"), x, several, target=[0, 2])
    assert e["x"].labels["target"] == tuple(f"{u} | late: {c}" for u in (0, 2) for c in ("1", "1, 3", "mask"))
    for t in range(2):
        one = ox.LRP(conditions={"late": [1, 3]}, seed=seeds[:, [t]])
        close(e.values[..., 3 * t + 1], ox.explain(net("image"), x, one, target=[0, 2][t]).values[..., 0])
    with pytest.raises(ox.TargetError, match="3 variants"):
        ox.explain(net("image"), x, several, target=lambda y: y.sum(1))


def test_smoothing_takes_a_list_of_conditions_as_well() -> None:
    inner = ox.LRP(conditions=[{"late": 1}, {"late": 2}])
    e = ox.explain(net("image"), data("image"), ox.Smooth(inner, n_samples=3), target=[0, 1], seed=5)
    alone = ox.Smooth(ox.LRP(conditions={"late": 2}), n_samples=3)
    close(e.values[..., 1::2], ox.explain(net("image"), data("image"), alone, target=[0, 1], seed=5).values)


@pytest.mark.parametrize(
    ("conditions", "error", "said"),
    [
        ({"nowhere": 0}, ox.InputError, "nowhere"),
        ({"late": 9}, ox.RuleError, "channels .9. of a value with 5"),
        ({"late": np.ones((2, 2), bool)}, ox.RuleError, "mask of shape"),
        ({"x": 0}, ox.RuleError, "between"),
        ({"y": 0}, ox.RuleError, "between"),
    ],
)
def test_conditions_that_cannot_hold_are_refused(conditions: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        ox.explain(net("image"), data("image"), ox.LRP(conditions=conditions))


@pytest.mark.parametrize("conditions", [{"late": 0.5}, {"late": []}, {"late": "cat"}, ["late"], [], [{"late": 0.5}]])
def test_conditions_that_mean_nothing_are_refused_at_once(conditions: Any) -> None:
    with pytest.raises(ox.RuleError, match="condition"):
        ox.LRP(conditions=conditions)


@pytest.mark.parametrize("method", ["lrp", "gradient_input", ox.DeepLift(baseline=0.3), ox.DeepLift(rule="reveal_cancel")], ids=repr)
def test_layers_all_gives_every_value_that_relevance_passes(method: Any) -> None:
    x = data("image")
    e = ox.explain(net("image"), x, method, target="all", layers="all")
    assert {"early", "middle", "late", "y"} <= set(e.layers)
    for v in ("early", "late"):
        close(e.layers[v].values, ox.explain(net("image"), x, method, target="all", layers=[v]).layers[v].values)
    if isinstance(method, ox.DeepLift):
        close(e.layers["late"].values.reshape(N, -1, 3).sum(1), e.goals["y"], 1e-12)


def test_layers_take_patterns_and_say_where_none_matches() -> None:
    e = ox.explain(net("image"), data("image"), "lrp", layers=["*l*e", "early"])
    assert set(e.layers) == {"middle", "late", "early"}
    with pytest.raises(ox.InputError, match="matches none"):
        ox.explain(net("image"), data("image"), "lrp", layers="block*")
