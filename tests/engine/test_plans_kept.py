"""Plans are kept with the graph: a call that finds them gives what a call on a model loaded anew gives, bit for bit."""

from __future__ import annotations

import copy
import gc
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from onnx import numpy_helper

import onnxplain as ox
from onnxplain.graph.memo import SIZE, Memo
from onnxplain.methods.problem import NAMED
from onnxplain.methods.value_key import NoKeyError, key_of
from onnxplain.rules import Epsilon, Gamma

from .models import CASES, loaded
from .table import METHODS, PAIRS, arrays

N = 5
pytestmark = pytest.mark.filterwarnings("ignore:.*(attributions miss|less than 1%):UserWarning")


def anew(name: str, shift: float = 0.0) -> ox.Model:
    """A model that shares nothing with others; its floating weights moved a little."""
    proto = CASES[name].proto()
    for t in proto.graph.initializer if shift else ():
        a = numpy_helper.to_array(t)
        if a.dtype.kind == "f":
            t.CopyFrom(numpy_helper.from_array(a + np.float32(shift), t.name))
    return ox.load(proto, dtype="float64", verify="never", **CASES[name].options)


def explain(model: ox.Model, name: str, method: Any, **options: Any) -> dict[Any, np.ndarray]:
    given = {"target": "all", "seed": 11, **options}
    return arrays(ox.explain(model, CASES[name].data(N), method, **given))


def same(actual: dict[Any, np.ndarray], expected: dict[Any, np.ndarray]) -> None:
    assert actual.keys() == expected.keys()
    for key, b in expected.items():
        np.testing.assert_array_equal(actual[key], b)


@pytest.mark.parametrize(("method", "name"), PAIRS)
def test_a_second_call_gives_what_the_first_on_a_new_model_gives(method: str, name: str) -> None:
    warm = loaded(name)
    for options in ({}, {"target": "predicted"}):
        first = explain(anew(name), name, METHODS[method](name), **options)
        for _ in range(2):
            same(explain(warm, name, METHODS[method](name), **options), first)


def test_plans_are_made_once_for_methods_that_are_written_alike() -> None:
    model, data = anew("cnn"), CASES["cnn"].data(N)
    for target in (0, 1, [2, 3], "all", ox.Top(2)):
        for epsilon in (0.1, 0.1, 0.2):
            ox.explain(model, data, ox.LRP(Epsilon(epsilon)), target=target)
        ox.explain(model, data, ox.DeepLift(baseline=np.ones((1, 2, 8, 9), np.float32)), target=target)
        ox.explain(model, data, ox.DeepLift(), target=target)
    assert len(model.graph.memo) == 3


def test_every_number_of_a_method_counts() -> None:
    model, data = anew("cnn"), CASES["cnn"].data(N)
    values = [
        ox.explain(model, data, method, target=0).values
        for method in (
            ox.LRP(Epsilon(0.1)),
            ox.LRP(Epsilon(0.2)),
            ox.LRP({"convolution": Gamma(0.1)}),
            ox.LRP({"convolution": Gamma(0.2)}),
            ox.LRP({"dense": Gamma(0.2)}),
            ox.LRP("epsilon", winner_takes_all=False),
            ox.LRP("epsilon"),
            ox.LRP("epsilon", seed="one"),
            ox.LRP("epsilon", seed=3.0),
            ox.Gradient(),
        )
    ]
    assert len({v.tobytes() for v in values}) == len(values)


def test_a_predicate_of_nodes_is_asked_again_at_every_call() -> None:
    model, data, wanted = anew("cnn"), CASES["cnn"].data(N), {"Conv"}
    method = ox.LRP([(lambda node: node.op in wanted, Gamma(0.5))])
    with_conv = ox.explain(model, data, method, target=0).values
    wanted.clear()
    without = ox.explain(model, data, method, target=0).values
    assert not np.array_equal(with_conv, without)
    np.testing.assert_array_equal(without, ox.explain(anew("cnn"), data, ox.LRP([(lambda node: False, Gamma(0.5))]), target=0).values)


def test_layers_and_outputs_asked_for_count() -> None:
    model = anew("branches")
    (inner,) = [v for v in model.graph.values if v in model.graph.consumers and len(model.graph.consumers[v]) > 1 and v not in model.inputs][:1]
    without = explain(model, "branches", "gradient")
    with_layer = explain(model, "branches", "gradient", layers=[inner])
    assert {k for k in with_layer if k[0] == "layer"} and not {k for k in without if k[0] == "layer"}
    first = next(iter(model.outputs))
    alone = explain(model, "branches", "gradient", target={first: 0})
    assert {k[1] for k in alone if k[0] == "predictions"} == {first}
    same(explain(model, "branches", "gradient"), without)
    as_function = ox.explain(model, CASES["branches"].data(N), "gradient", target=lambda y: y[first][:, 0].sin())
    assert not np.array_equal(next(iter(as_function.attributions.values())).values, next(iter(alone.values())))


def test_threads_and_models_do_not_mix() -> None:
    """Eight threads ask two models of the same names, with other weights, for five methods at once."""
    models = {shift: anew("cnn", shift) for shift in (0.0, 0.05)}
    asked = [
        (shift, method)
        for method in (ox.Gradient(), ox.LRP(), ox.LRP("epsilon"), ox.DeepLift(), ox.DeepLift(rule="reveal_cancel"))
        for shift in models
    ]
    expected = {(shift, repr(m)): explain(anew("cnn", shift), "cnn", m) for shift, m in asked}
    assert len({next(iter(v.values())).tobytes() for v in expected.values()}) > len(models)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda a: (a[0], repr(a[1]), explain(models[a[0]], "cnn", a[1])), asked * 4))
    assert len(found) == 4 * len(asked)
    for shift, method, values in found:
        same(values, expected[shift, method])


def test_what_a_user_changes_in_a_result_does_not_come_back() -> None:
    model, data = anew("cnn"), CASES["cnn"].data(N)
    first = ox.explain(model, data, "lrp", target=0)
    before = dict(first.rules)
    first.rules.clear()  # type: ignore[attr-defined]
    assert dict(ox.explain(model, data, "lrp", target=0).rules) == before


def test_a_method_that_cannot_be_used_is_refused_again() -> None:
    model, data = anew("attention"), CASES["attention"].data(N)
    for _ in range(2):
        with pytest.raises(ox.RuleError, match="cannot be explained"):
            ox.explain(model, data, ox.LRP(ox.Composite((("Affine", Epsilon()),))))


def test_few_plans_are_kept_and_none_are_copied() -> None:
    model, data = anew("cnn"), CASES["cnn"].data(1)
    for k in range(SIZE + 3):
        ox.explain(model, data, ox.LRP(Epsilon(0.001 * k)), target=0)
    assert len(model.graph.memo) == SIZE
    twin = copy.deepcopy(model.graph)
    assert len(twin.memo) == 0
    assert len(pickle.loads(pickle.dumps(Memo(3)))) == 0


@pytest.mark.parametrize("pair", [(1, 1.0), (1, True), (0.0, -0.0), ((1,), [1]), ("1", 1), (None, 0), ({"a": 1, "b": 2}, {"b": 2, "a": 1})], ids=str)
def test_keys_of_different_values_differ(pair: tuple[Any, Any]) -> None:
    a, b = pair
    assert key_of(a) != key_of(b)
    assert key_of(a) == key_of(copy.deepcopy(a))


@pytest.mark.parametrize("value", [np.ones(2), lambda n: True, object(), [np.float32(1)], ox.LRP({lambda n: True: Epsilon()})], ids=lambda v: type(v).__name__)
def test_what_is_no_value_has_no_key(value: Any) -> None:
    with pytest.raises(NoKeyError):
        key_of(value)


def test_a_subclass_that_is_no_dataclass_has_no_key() -> None:
    class Mine(ox.Gradient):
        pass

    with pytest.raises(NoKeyError):
        key_of(Mine())


def test_a_memo_that_fails_keeps_nothing() -> None:
    memo = Memo(2)
    with pytest.raises(ZeroDivisionError):
        memo.get("a", lambda: 1 // 0)
    assert len(memo) == 0
    assert [memo.get(k, lambda k=k: k) for k in (1, 2, 1, 3)] == [1, 2, 1, 3]
    assert memo.get(1, lambda: "again") == 1  # asked for last but one
    assert memo.get(2, lambda: "again") == "again"


def test_targets_by_number_or_name_are_kept_apart() -> None:
    """Each asked twice, among others of the same hash or the same units."""
    model, data = anew("mlp"), CASES["mlp"].data(N)
    size = len(ox.explain(model, data, "gradient", target="all").target_labels["y"])
    names = tuple(map(str, range(size)[::-1]))
    named = replace(model, labels={"y": names})
    for _ in range(2):
        for target in (1, -1, (1,), [1, 0], [0, 1], [1, 1], np.int64(1), np.array([1]), [(1,)]):
            units = [u % size for u in np.ravel(np.asarray(target))]
            plain, labelled = (ox.explain(m, data, "gradient", target=target) for m in (model, named))
            assert plain.target_labels["y"] == tuple(map(str, units))
            assert labelled.target_labels["y"] == tuple(names[u] for u in units)
            np.testing.assert_array_equal(plain.target_units["y"], np.tile(units, (N, 1)))
            np.testing.assert_array_equal(plain.values, labelled.values)
        assert ox.explain(named, data, "gradient", target="0").target_units["y"].tolist() == [[size - 1]] * N
        for wrong in (True, [True, 0], 1.0, size, "0"):
            with pytest.raises(ox.TargetError):
                ox.explain(model, data, "gradient", target=wrong)


def test_few_targets_are_kept() -> None:
    model, data = anew("mlp"), CASES["mlp"].data(1)
    for k in range(2 * NAMED + 3):
        ox.explain(model, data, "gradient", target=[0] * (k + 1))
    (problem,) = model.graph.memo._kept.values()
    assert 0 < len(problem.named) <= NAMED


def test_what_is_kept_with_a_graph_holds_no_data() -> None:
    model, x = anew("mlp"), CASES["mlp"].data(N)
    given = {k: torch.from_numpy(v).double() for k, v in x.items()}
    ids = {t.untyped_storage().data_ptr() for t in given.values()}
    for method in ("gradient", "lrp", "deeplift"):
        ox.explain(model, given, method, target=[0, 1])
    gc.collect()
    dense = [o for o in gc.get_objects() if type(o) is torch.Tensor and o.layout is torch.strided]
    seen = [o for o in dense if o.untyped_storage().data_ptr() in ids]
    assert {id(t) for t in seen} <= {id(t) for t in given.values()}


def test_targets_by_output_are_kept_too() -> None:
    """Each output's own; what is kept for one target is not taken for another."""
    model, data = anew("branches"), CASES["branches"].data(N)
    outputs = [o for o, s in model.outputs.items() if s.floating]
    for _ in range(2):
        for target in ({outputs[0]: 1}, {outputs[0]: 0}, {outputs[0]: [0, 1]}):
            e = ox.explain(model, data, "gradient", target=target)
            wanted = np.atleast_1d(np.array(target[outputs[0]]))
            np.testing.assert_array_equal(e.target_units[outputs[0]], np.tile(wanted, (N, 1)))
            assert list(e.target_units) == [outputs[0]]
    (problem,) = model.graph.memo._kept.values()
    assert len(problem.named) == 3
