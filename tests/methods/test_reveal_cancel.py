"""DeepLIFT's reveal-cancel rule against its formula written out, innsight's numbers, and completeness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import onnxplain as ox

from ..engine.build import Writer
from ..engine.models import CASES, loaded
from ..engine.oracle import close
from .innsight_nets import arrays, cases, net

N = 4


def method(**options: Any) -> ox.DeepLift:
    return ox.DeepLift(rule="reveal_cancel", **options)


def written_out(w: Tensor, z: Tensor, z0: Tensor, d: Tensor, f: Any) -> Tensor:
    """Contributions of the inputs to every unit of y = f(z) for one sample, (inputs, units): each Δz⁺ and Δz⁻ by loops."""
    out = torch.zeros(len(d), len(z), dtype=torch.float64)
    for j in range(len(z)):
        parts = w[j] * d
        plus, minus = parts[parts > 0].sum(), parts[parts < 0].sum()
        dy_plus = (f(z0[j] + plus) - f(z0[j])) / 2 + (f(z0[j] + minus + plus) - f(z0[j] + minus)) / 2
        dy_minus = (f(z0[j] + minus) - f(z0[j])) / 2 + (f(z0[j] + plus + minus) - f(z0[j] + plus)) / 2
        for i, part in enumerate(parts):
            out[i, j] = part * (dy_plus / plus if part > 0 else dy_minus / minus if part < 0 else 0)
    return out


@pytest.mark.parametrize(("op", "f"), [("Relu", torch.relu), ("Tanh", torch.tanh), ("Softplus", torch.nn.functional.softplus)])
def test_contributions_to_one_layer_equal_the_formula_written_out(op: str, f: Any) -> None:
    writer = Writer(31)
    h = writer.dense("x", 6, 5)
    writer.node("Identity", writer.node(op, h), to="y")
    weight, bias = (torch.from_numpy(numbers(writer, i)).double() for i in (0, 1))
    model = ox.load(writer.model({"x": ("N", 6)}, {"y": ("N", 5)}), dtype="float64")
    random = np.random.default_rng(0)
    x, x0 = random.standard_normal((2, N, 6))
    x[1, 2] = x0[1, 2]  # an input that does not differ
    e = ox.explain(model, x, method(baseline=x0, ignore_last_activation=False), target="all")
    for s in range(N):
        d, z, z0 = (torch.from_numpy(v[s]) for v in (x - x0, x, x0))
        close(e.values[s], written_out(weight, weight @ z + bias, weight @ z0 + bias, d, f).numpy())


def numbers(writer: Writer, i: int) -> np.ndarray:
    from onnx import numpy_helper

    return np.array(numpy_helper.to_array(writer.initializers[i]))


@pytest.mark.parametrize("name", list(CASES))
def test_it_is_complete_to_rounding_on_every_model(name: str) -> None:
    data, base = CASES[name].data(N), CASES[name].data(N, seed=3, scale=0.7)
    e = ox.explain(loaded(name), data, method(baseline=base), target="all")
    for output, goal in e.goals.items():
        close(e.sums[output], goal, 1e-12)


@pytest.mark.parametrize("name", ["mlp", "cnn", "residual", "branches", "embedding"])
def test_deepshap_is_complete_and_the_mean_of_single_baselines(name: str) -> None:
    data, refs = CASES[name].data(N), CASES[name].data(3, seed=5)
    e = ox.explain(loaded(name), data, ox.DeepShap(data_ref=refs, rule="reveal_cancel"), target="all")
    single = [
        ox.explain(loaded(name), data, method(baseline={k: r[i] for k, r in refs.items()}), target="all") for i in range(3)
    ]
    for pair, a in e.attributions.items():
        close(a.values, np.mean([s.attributions[pair].values for s in single], 0))
    for output, goal in e.goals.items():
        close(e.sums[output], goal, 1e-12)


@pytest.mark.parametrize("baseline", [0.0, "same"])
def test_it_is_exact_where_all_contributions_have_one_sign_or_none(baseline: Any) -> None:
    writer = Writer()
    w = writer.constant(np.array([[1.0, 2.0], [-1.0, -3.0], [0.0, 0.0]], np.float32))
    h = writer.node("Tanh", writer.node("Gemm", "x", w, writer.constant(np.array([0.1, -0.2, 0.3], np.float32)), transB=1))
    writer.dense(h, 3, 2, to="y")
    model = ox.load(writer.model({"x": ("N", 2)}, {"y": ("N", 2)}), dtype="float64")
    x = np.array([[0.5, 1.0], [2.0, 0.25]])
    e = ox.explain(model, x, method(baseline=x if baseline == "same" else 0.0), target="all")
    assert np.isfinite(e.values).all()
    close(e.sums["y"], e.goals["y"], 1e-13)
    # one sign only: nothing to reveal, rescale says the same
    close(e.values, ox.explain(model, x, ox.DeepLift(baseline=x if baseline == "same" else 0.0), target="all").values)


def test_it_reveals_what_cancels() -> None:
    """y = max(a − b, 0) with a = b = 1 and zeros as baseline: rescale says 0 for both, their Shapley values are ±½."""
    writer = Writer()
    w = writer.constant(np.array([[1.0, -1.0]], np.float32))
    writer.node("Relu", writer.node("Gemm", "x", w, transB=1), to="y")
    model = ox.load(writer.model({"x": ("N", 2)}, {"y": ("N", 1)}), dtype="float64")
    x = np.array([[1.0, 1.0]])
    close(ox.explain(model, x, method()).values[0, :, 0], [0.5, -0.5])
    close(ox.explain(model, x, "deeplift").values[0, :, 0], [0.0, 0.0])


def written(how: str) -> ox.Model:
    """Convolution, ReLU, dense layer: the same function written in several ways."""
    w = Writer(33)
    weight, bias = w.weight(4, 2, 3), w.weight(4)
    h = w.node("Conv", "x", weight, bias)
    if how == "reshaped":
        h = w.node("Relu", w.node("Reshape", h, w.constant(np.array([-1, 2, 2, 5]))))
        h = w.node("Reshape", h, w.constant(np.array([-1, 4, 5])))
    elif how == "transposed":
        h = w.node("Transpose", w.node("Relu", w.node("Transpose", h, perm=[0, 2, 1])), perm=[0, 2, 1])
    elif how == "two halves":
        h = w.node("Relu", w.node("Mul", w.node("Add", h, w.node("Conv", "x", weight, bias)), w.constant(0.5)))
    elif how == "two signs":
        h = w.node("Relu", w.node("Mul", w.node("Mul", h, w.constant(-2.0)), w.constant(-0.5)))
    else:
        h = w.node("Relu", h)
    w.dense(w.node("Flatten", h), 20, 3, to="y")
    return ox.load(w.model({"x": ("N", 2, 7)}, {"y": ("N", 3)}), dtype="float64")


@pytest.mark.parametrize("how", ["reshaped", "transposed", "two halves", "two signs"])
def test_what_lies_between_a_layer_and_its_activation_does_not_matter(how: str) -> None:
    x, x0 = np.random.default_rng(1).standard_normal((2, N, 2, 7))
    expected = ox.explain(written("plainly"), x, method(baseline=x0), target="all")
    e = ox.explain(written(how), x, method(baseline=x0), target="all")
    close(e.goals["y"], expected.goals["y"])
    close(e.values, expected.values)


def test_batch_normalisation_that_cannot_be_merged_is_seen_through() -> None:
    """conv + skip → batch norm → ReLU: by the formula with the scaled contributions of both terms."""
    w = Writer(34)
    h = w.node("Gemm", "x", w.weight(5, 5), w.weight(5), transB=1)
    h = w.node("Relu", w.batch_norm(w.node("Add", h, "x"), 5))
    w.node("Identity", h, to="y")
    proto = w.model({"x": ("N", 5)}, {"y": ("N", 5)})
    weight, bias, scale, offset, mean = (torch.from_numpy(numbers(w, i)).double() for i in (0, 1, 3, 4, 5))
    variance = torch.from_numpy(numbers(w, 2)).double()
    model = ox.load(proto, dtype="float64")
    x, x0 = np.random.default_rng(2).standard_normal((2, N, 5))
    e = ox.explain(model, x, method(baseline=x0, ignore_last_activation=False), target="all")
    a = scale / (variance + 1e-5).sqrt()
    # the skip and the dense layer are separate contributions of the same input
    both = torch.cat([weight, torch.eye(5, dtype=torch.float64)], 1) * a[:, None]
    for s in range(N):
        d = torch.from_numpy(x[s] - x0[s])
        z, z0 = (a * (weight @ v + bias + v - mean) + offset for v in (torch.from_numpy(x[s]), torch.from_numpy(x0[s])))
        parts = written_out(both, z, z0, torch.cat([d, d]), torch.relu)
        close(e.values[s], (parts[:5] + parts[5:]).numpy(), 1e-9)


def pooled(first: str, second: str) -> ox.Model:
    w = Writer(36)
    h = w.node("Conv", "x", w.weight(4, 2, 3, 3), w.weight(4))
    for op in (first, second):
        h = w.node(op, h, **({"kernel_shape": [3, 3], "strides": [2, 1], "pads": [1, 1, 0, 1]} if op == "MaxPool" else {}))
    w.dense(w.node("Flatten", h), 4 * 3 * 5, 3, to="y")
    return ox.load(w.model({"x": ("N", 2, 8, 7)}, {"y": ("N", 3)}), dtype="float64")


@pytest.mark.parametrize("op", ["Relu", "Tanh", "Sigmoid"])
def test_an_activation_behind_max_pooling_counts_as_before_it(op: str) -> None:
    x, x0 = np.random.default_rng(4).standard_normal((2, N, 2, 8, 7))
    expected = ox.explain(pooled(op, "MaxPool"), x, method(baseline=x0), target="all")
    e = ox.explain(pooled("MaxPool", op), x, method(baseline=x0), target="all")
    close(e.values, expected.values)
    close(e.sums["y"], e.goals["y"], 1e-12)
    assert np.abs(e.values - ox.explain(pooled("MaxPool", op), x, ox.DeepLift(baseline=x0), target="all").values).max() > 1e-3


def test_a_layer_whose_value_is_read_twice_is_not_joined() -> None:
    w = Writer(35)
    h = w.dense("x", 4, 5)
    w.dense(w.node("Mul", h, w.node("Tanh", h)), 5, 2, to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 2)}), dtype="float64")
    x = np.random.default_rng(3).standard_normal((N, 4))
    close(ox.explain(model, x, method(), target="all").values, ox.explain(model, x, "deeplift", target="all").values)


@pytest.mark.parametrize("chunk", [1, (2, 1), 3])
def test_chunks_and_single_targets_change_nothing(chunk: Any) -> None:
    data = CASES["cnn"].data(N)
    e = ox.explain(loaded("cnn"), data, method(baseline=0.3), target="all")
    close(ox.explain(loaded("cnn"), data, method(baseline=0.3), target="all", chunk_size=chunk).values, e.values)
    one = [ox.explain(loaded("cnn"), data, method(baseline=0.3), target=t).values[..., 0] for t in range(4)]
    close(np.stack(one, -1), e.values)


def test_an_internal_value_inside_a_pair_is_refused_and_others_are_complete() -> None:
    data = CASES["cnn"].data(N)
    e = ox.explain(loaded("cnn"), data, method(baseline=0.3), layers=["pooled"])
    close(e.layers["pooled"].values.reshape(N, -1).sum(1), e.goals["y"][:, 0], 1e-12)
    inner = next(n for n in loaded("cnn").graph.nodes if n.op == "Relu").inputs[0]
    with pytest.raises(ox.RuleError, match="activation it goes into"):
        ox.explain(loaded("cnn"), data, method(), layers=[inner])


CHAINS = ["conv1d_basic", "conv2d_basic", "conv2d_pad2", "dense_leaky_relu_linear", "dense_logistic_logistic", "dense_relu_linear", "dense_relu_tanh", "dense_softplus_softplus", "dense_tanh_relu", "dense_zeros_nobias", "nn_iris_tanh", "nn_mtcars_linear"]


#: where a unit has no positive (or negative) contributions to what does not differ, innsight divides the rounding error
#: of Δy⁺ by 1e-15; the exact quotient is 0/0, taken as 0 here
ROUNDING = {("DeepSHAP", name) for name in ("conv1d_basic", "dense_relu_linear", "dense_relu_tanh")}


@pytest.mark.filterwarnings("ignore:.*attributions miss")  # relative to differences of saturated outputs, 1e-16
@pytest.mark.parametrize("name", CHAINS)
def test_numbers_equal_innsights(name: str) -> None:
    case, stored, compared = cases()[name], arrays(name), 0
    x, x0, refs = (stored[case[k][0]["key"]].astype(np.float64) for k in ("data", "x_ref", "data_ref"))
    for run in case["runs"]:
        args = run["args"]
        if run["dtype"] != "double" or args.get("rule_name") != "reveal_cancel":
            continue
        if not args["ignore_last_act"] and case["layers"][-1]["activation_name"] == "softmax":
            continue  # innsight's rule for a softmax is no share of the whole
        model = net(name, last_activation=not args["ignore_last_act"])
        chosen: Any = ox.DeepShap(data_ref=refs, rule="reveal_cancel", ignore_last_activation=False)
        if run["method"] == "DeepLift":
            chosen = method(baseline=x0 if "x_ref" in args else 0.0, ignore_last_activation=False)
        e = ox.explain(model, x, chosen, target=[u - 1 for u in np.ravel(run["output_idx"][0]).tolist()])
        close(e.values, stored[run["result"][0]["key"]], 1e-2 if (run["method"], name) in ROUNDING else 1e-9)
        compared += 1
    assert compared >= 2


def test_it_is_complete_in_single_precision_and_under_noise_and_in_the_audit() -> None:
    data = {n: x.astype(np.float32) for n, x in CASES["cnn"].data(N).items()}
    e = ox.explain(loaded("cnn", "float32"), data, method(baseline=0.3), target="all")
    close(e.sums["y"], e.goals["y"], 2e-6)
    noisy = ox.explain(loaded("cnn"), CASES["cnn"].data(N), ox.Smooth(method=method(baseline=0.3), n_samples=2), target="all", seed=0)
    assert np.isfinite(noisy.values).all()
    rows = ox.explain(loaded("cnn"), CASES["cnn"].data(N), method(baseline=0.3), target="all").audit_rows
    joined = [r for r in rows if r["kind"] == "Block"]
    assert {r["operator"] for r in joined} == {"Conv+Relu"}
    assert all(abs(r["lost"]) < 1e-12 * max(1, abs(r["relevance_in"])) for r in rows)
