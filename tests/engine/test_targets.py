"""Every way to say what is explained gives the gradient that autograd gives for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

import onnxplain as ox

from .models import CASES, loaded
from .oracle import close, gradient, run, tensors

N = 4
pytestmark = pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
LABELS = ["red", "green", "blue"]
Values = Mapping[str, Tensor]
Scalar = Callable[[Values], Tensor]


def unit(k: int, output: str = "y") -> Scalar:
    return lambda v: v[output].reshape(N, -1)[:, k]


def picked(units: Any, output: str = "y") -> Scalar:
    return lambda v: v[output].reshape(N, -1).gather(1, torch.as_tensor(np.asarray(units)).reshape(N, 1))[:, 0]


def best(place: int = 0, output: str = "y") -> Scalar:
    def value(v: Values) -> Tensor:
        flat = v[output].reshape(N, -1)
        return flat.gather(1, flat.detach().argsort(1, descending=True)[:, place : place + 1])[:, 0]

    return value


def minus(a: Scalar, b: Scalar) -> Scalar:
    return lambda v: a(v) - b(v)


def autograd(name: str, scalars: list[Scalar], input: str = "x", wanted: tuple[str, ...] = ("y",)) -> np.ndarray:
    """(samples, *input axes, targets)"""
    data, model = CASES[name].data(N), loaded(name)
    parts = [gradient(model, data, s, list(wanted))[input] for s in scalars]
    return np.stack(parts, axis=-1)


ROWS = [2, 0, 1, 2]
#: (name of the model, target, what it stands for, labels)
FORMS: dict[str, tuple[str, Any, list[Scalar], tuple[str, ...]]] = {
    "predicted": ("mlp", "predicted", [best()], ("predicted",)),
    "all": ("mlp", "all", [unit(0), unit(1), unit(2)], ("0", "1", "2")),
    "a number": ("mlp", 1, [unit(1)], ("1",)),
    "a number from the end": ("mlp", -1, [unit(2)], ("2",)),
    "a numpy number": ("mlp", np.int64(1), [unit(1)], ("1",)),
    "a small numpy number": ("mlp", np.uint8(1), [unit(1)], ("1",)),
    "a torch number": ("mlp", torch.tensor(1), [unit(1)], ("1",)),
    "a list": ("mlp", [2, 0], [unit(2), unit(0)], ("2", "0")),
    "a list with one twice": ("mlp", [1, 1], [unit(1), unit(1)], ("1", "1")),
    "a range": ("mlp", range(2), [unit(0), unit(1)], ("0", "1")),
    "an array": ("mlp", np.array([2, -3]), [unit(2), unit(0)], ("2", "0")),
    "a position": ("map_output", (1, 2), [unit(5)], ("1, 2",)),
    "a position from the end": ("map_output", (-2, -1), [unit(2)], ("0, 2",)),
    "a list of positions": ("map_output", [(0, 1), (1, 0)], [unit(1), unit(3)], ("0, 1", "1, 0")),
    "a flat number of a map": ("map_output", 4, [unit(4)], ("1, 1",)),
    "all of a map": (
        "map_output",
        "all",
        [unit(k) for k in range(6)],
        tuple(f"{i}, {j}" for i in (0, 1) for j in (0, 1, 2)),
    ),
    "one per sample": ("mlp", ox.PerSample(ROWS), [picked(ROWS)], ("per sample",)),
    "one per sample as an array": ("mlp", ox.PerSample(np.array(ROWS)), [picked(ROWS)], ("per sample",)),
    "one per sample as a tensor": ("mlp", ox.PerSample(torch.tensor(ROWS)), [picked(ROWS)], ("per sample",)),
    "one position per sample": (
        "map_output",
        ox.PerSample([(1, 1), (0, 0), (0, 2), (-1, 0)]),
        [picked([4, 0, 2, 3])],
        ("per sample",),
    ),
    "a contrast": ("mlp", ox.Contrast(0, 2), [minus(unit(0), unit(2))], ("0 − 2",)),
    "the predicted against one": ("mlp", ox.Contrast("predicted", 1), [minus(best(), unit(1))], ("predicted − 1",)),
    "one against the predicted": ("mlp", ox.Contrast(-1, "predicted"), [minus(unit(2), best())], ("2 − predicted",)),
    "a contrast of positions": ("map_output", ox.Contrast((0, 0), (1, 2)), [minus(unit(0), unit(5))], ("0, 0 − 1, 2",)),
    "the best": ("mlp", ox.Top(1), [best()], ("top 1",)),
    "the best two": ("mlp", ox.Top(2), [best(0), best(1)], ("top 1", "top 2")),
    "all by rank": ("mlp", ox.Top(np.int64(3)), [best(0), best(1), best(2)], ("top 1", "top 2", "top 3")),
    "by output": ("mlp", {"y": [0, 1]}, [unit(0), unit(1)], ("0", "1")),
    "a callable of the outputs": (
        "mlp",
        lambda o: o["y"][:, 0] * o["y"][:, 1],
        [lambda v: v["y"][:, 0] * v["y"][:, 1]],
        ("callable",),
    ),
    "a callable of the only output": ("mlp", lambda y: y[:, 0] - y[:, 1], [minus(unit(0), unit(1))], ("callable",)),
    "a callable that uses methods": ("mlp", lambda y: y.exp().sum(1), [lambda v: v["y"].exp().sum(1)], ("callable",)),
    "a callable that keeps an axis": ("mlp", lambda y: y["y"][:, :1], [unit(0)], ("callable",)),
    "before a sigmoid": ("sigmoid_output", 0, [unit(0, "logit")], ("0",)),
    "before a softmax that is reshaped": (
        "softmax_reshaped",
        [1, 5],
        [unit(1, "scores"), unit(5, "scores")],
        ("1", "5"),
    ),
    "before an arg-max": ("arg_max", "predicted", [best(0, "scores")], ("predicted",)),
    "before an arg-max, by number": ("arg_max", [2], [unit(2, "scores")], ("2",)),
}
WANTED = {"sigmoid_output": ("logit",), "softmax_reshaped": ("scores",), "arg_max": ("scores",)}


@pytest.mark.parametrize("chunk_size", ["auto", 1, (3, 1)], ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_a_target_equals_its_gradient_by_autograd(form: str, chunk_size: Any) -> None:
    name, target, scalars, labels = FORMS[form]
    e = ox.explain(loaded(name), CASES[name].data(N), "gradient", target=target, chunk_size=chunk_size)
    close(e.values, autograd(name, scalars, wanted=WANTED.get(name, ("y",))))
    assert e["x"].labels["target"] == labels
    assert e["x"].dims[0] == "sample" and e["x"].dims[-1] == "target"


@pytest.mark.parametrize("form", [f for f in FORMS if FORMS[f][0] in ("mlp", "map_output")])
def test_predictions_are_the_outputs_at_the_target(form: str) -> None:
    name, target, scalars, _ = FORMS[form]
    data = CASES[name].data(N)
    values = run(loaded(name), tensors(data), ["y"])
    e = ox.explain(loaded(name), data, "deeplift", target=target)
    close(e.predictions["y"], np.stack([s(values).numpy() for s in scalars], 1))
    zero = run(loaded(name), {"x": torch.zeros(N, *CASES[name].shapes["x"], dtype=torch.float64)}, ["y"])
    # per sample, at x, what was chosen at x
    if not isinstance(target, ox.Top) and "predicted" not in form:
        close(e.goals["y"], np.stack([(s(values) - s(zero)).numpy() for s in scalars], 1))
    close(e.sums["y"], e.values.reshape(N, -1, len(scalars)).sum(1))
    e.check(1e-9)
    assert np.abs(e.delta["y"]).max() < 1e-9


def test_units_say_which_unit_each_target_is() -> None:
    e = ox.explain(loaded("mlp"), CASES["mlp"].data(N), "gradient", target=ox.Top(2))
    scores = loaded("mlp").predict(CASES["mlp"].data(N))["y"]
    np.testing.assert_array_equal(e.target_units["y"], np.argsort(-scores, 1)[:, :2])
    e = ox.explain(loaded("mlp"), CASES["mlp"].data(N), "gradient", target=ox.Contrast(0, 1))
    np.testing.assert_array_equal(e.target_units["y"], np.full((N, 1), -1))


def test_labels_name_units_in_every_form() -> None:
    model = loaded("mlp", output_labels=tuple(LABELS))
    data = CASES["mlp"].data(N)
    explain = lambda t: ox.explain(model, data, "gradient", target=t)
    close(explain("blue").values, autograd("mlp", [unit(2)]))
    close(explain(["blue", 0]).values, autograd("mlp", [unit(2), unit(0)]))
    close(explain(ox.PerSample(["blue", "red", "green", "blue"])).values, autograd("mlp", [picked(ROWS)]))
    close(explain(ox.Contrast("red", "green")).values, autograd("mlp", [minus(unit(0), unit(1))]))
    assert explain("all")["x"].labels["target"] == tuple(LABELS)
    assert explain(1)["x"].labels["target"] == ("green",)
    assert explain(ox.Contrast("red", -1))["x"].labels["target"] == ("red − blue",)


def test_a_label_may_be_a_word_that_means_something_else() -> None:
    model = loaded("mlp", output_labels=("all", "predicted", "other"))
    data = CASES["mlp"].data(N)
    close(ox.explain(model, data, "gradient", target="all").values, autograd("mlp", [unit(0)]))
    close(ox.explain(model, data, "gradient", target="predicted").values, autograd("mlp", [unit(1)]))


def test_labels_may_come_from_the_file() -> None:
    from .models import mlp

    proto = mlp()
    proto.metadata_props.add(key="onnxplain.output_labels", value='{"y": ["red", "green", "blue"]}')
    proto.metadata_props.add(key="onnxplain.input_labels", value='{"x": ["a", "b", "c", "d", "e", "f"]}')
    e = ox.explain(ox.load(proto, dtype="float64"), CASES["mlp"].data(N), "gradient", target="green")
    close(e.values, autograd("mlp", [unit(1)]))
    assert e["x"].labels["feature"] == tuple("abcdef")


# Several outputs ---------------------------------------------------------------------------------------------------


def branches(target: Any, method: Any = "gradient") -> ox.Explanation:
    return ox.explain(loaded("branches"), CASES["branches"].data(N), method, target=target)


def test_without_names_a_target_is_meant_for_every_output() -> None:
    e = branches(1)
    assert set(e) == {("a", "both"), ("b", "both"), ("a", "alone"), ("b", "alone")}
    for output in ("both", "alone"):
        close(e["a", output].values, autograd("branches", [unit(1, output)], "a", (output,)))
    assert set(e.predictions) == {"both", "alone"}


def test_each_output_may_have_its_own_target() -> None:
    e = branches({"both": "all", "alone": ox.Contrast(0, 1)})
    close(e["b", "both"].values, autograd("branches", [unit(k, "both") for k in range(3)], "b", ("both",)))
    close(e["a", "alone"].values, autograd("branches", [minus(unit(0, "alone"), unit(1, "alone"))], "a", ("alone",)))


def test_only_the_outputs_that_are_named_are_explained() -> None:
    e = branches({"alone": 0})
    assert set(e) == {"a", "b"} and list(e.predictions) == ["alone"]


@pytest.mark.parametrize(
    "method", ["gradient", "deeplift", "lrp", "integrated_gradients", "smoothgrad", "connection_weights"]
)
def test_an_input_that_does_not_reach_an_output_gets_zeros_and_is_marked(method: str) -> None:
    e = branches({"both": 0, "alone": 0}, method)
    assert not e["b", "alone"].connected and e["b", "both"].connected and e["a", "alone"].connected
    assert e["b", "alone"].values.shape == (N, 2, 3, 1) and not e["b", "alone"].values.any()


def test_a_callable_may_mix_outputs() -> None:
    e = branches(lambda o: o["both"][:, 2] * o["alone"][:, 0])
    scalar = lambda v: v["both"][:, 2] * v["alone"][:, 0]
    for name in ("a", "b"):
        close(e[name].values, autograd("branches", [scalar], name, ("both", "alone")))


def test_a_callable_over_outputs_keeps_deeplift_complete() -> None:
    target = lambda o: o["both"][:, 2] * o["alone"][:, 0] + o["both"].pow(3).sum(1)
    e = branches(target, ox.DeepLift(baseline=0.3))
    (goals,), (sums,) = e.goals.values(), e.sums.values()
    data = CASES["branches"].data(N)
    at, base = (
        run(loaded("branches"), tensors(d), ["both", "alone"])
        for d in (data, {n: np.full_like(x, 0.3) for n, x in data.items()})
    )
    close(goals[:, 0], (target(at) - target(base)).numpy())
    close(sums, goals)


def test_a_callable_for_one_of_several_outputs() -> None:
    e = branches({"both": lambda o: o["both"][:, 0] ** 2, "alone": 1})
    close(e["b", "both"].values, autograd("branches", [lambda v: v["both"][:, 0] ** 2], "b", ("both",)))
    close(e["a", "alone"].values, autograd("branches", [unit(1, "alone")], "a", ("alone",)))


def test_an_output_that_other_layers_read_is_explained_like_any_other() -> None:
    e = ox.explain(
        loaded("inner_output"), CASES["inner_output"].data(N), "gradient", target={"hidden": "all", "y": "all"}
    )
    close(e["x", "hidden"].values, autograd("inner_output", [unit(k, "hidden") for k in range(5)], "x", ("hidden",)))
    close(e["x", "y"].values, autograd("inner_output", [unit(k, "y") for k in range(3)], "x", ("y",)))


# The last activation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sigmoid_output", "softmax_reshaped"])
def test_the_last_activation_can_be_kept(name: str) -> None:
    data = CASES[name].data(N)
    e = ox.explain(loaded(name), data, ox.Gradient(ignore_last_activation=False), target=0)
    close(e.values, autograd(name, [unit(0)]))
    assert not [n for n in e.notes if "before its" in n]
    assert [n for n in ox.explain(loaded(name), data, "gradient", target=0).notes if "before its" in n]


def test_predictions_are_probabilities_even_where_logits_are_explained() -> None:
    data = CASES["softmax_reshaped"].data(N)
    e = ox.explain(loaded("softmax_reshaped"), data, "lrp", target="all")
    close(e.predictions["y"], loaded("softmax_reshaped").predict(data)["y"])


def test_other_readers_of_the_last_activation_see_no_change() -> None:
    """Only the walk for that output starts before it."""
    from .build import Writer

    w = Writer(71)
    p = w.node("Softmax", w.dense("x", 4, 3, to="scores"), axis=-1, to="p")
    w.dense(p, 3, 2, to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"p": ("N", 3), "y": ("N", 2)}), dtype="float64")
    data = CASES["linear"].data(N)
    e = ox.explain(model, data, "gradient", target=1)
    close(e["x", "p"].values[..., 0], gradient(model, data, unit(1, "scores"), ["scores"])["x"])
    close(e["x", "y"].values[..., 0], gradient(model, data, unit(1, "y"), ["y"])["x"])


def test_an_integer_output_is_a_target_error_where_nothing_leads_before_it() -> None:
    model = loaded("arg_max")
    with pytest.raises(ox.TargetError, match="label.*int64.*scores"):
        ox.explain(model, CASES["arg_max"].data(N), ox.Gradient(ignore_last_activation=False))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("target", ["predicted", "all", 1, [0, 1], ox.Top(2)], ids=str)
def test_shapes_are_samples_then_the_inputs_own_axes_then_targets(name: str, target: Any) -> None:
    if name == "sigmoid_output" and target != "predicted" and target != "all":
        target = 0
    case = CASES[name]
    e = ox.explain(loaded(name), case.data(N), "gradient", target=target)
    for pair, a in e.attributions.items():
        count = e.predictions[pair[1]].shape[1]
        assert a.values.shape == (N, *case.shapes[pair[0]], count)
        assert len(a.dims) == a.values.ndim and a.values.dtype == np.float64
        assert len(a.labels["target"]) == count
    for table in (e.predictions, e.sums, e.goals, e.delta):
        assert all(v.shape[0] == N for v in table.values())


def test_a_unit_that_is_not_there_at_the_baseline_is_named() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
    net (float[4] x) => (float[m] y) { found = Unique (x)  y = Sin (found) }"""
    model = ox.load(onnx.parser.parse_model(text), verify="never", batch_axis={"x": None, "y": None})
    with pytest.raises(ox.TargetError, match="unit 2 of the target is not there at a baseline.*has 1 units"):
        ox.explain(model, np.arange(4.0), ox.DeepLift(baseline=np.zeros(4)), target={"y": [2]})
