"""What torch exports, by both exporters: read, verified, and explained as torch itself would."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import onnxplain as ox
from onnxplain.graph.sources import find_sources
from onnxplain.model import Model

from ..promises import (
    assert_close,
    deep_lift_is_complete,
    explained_at_sources,
    gradient_equals_autograd,
    relevance_is_accounted_for,
    targets_together_equal_one_at_a_time,
    units_of,
)
from .torch_export import Export
from .zoo import ZOO

#: one of each kind of trouble; the newer exporter takes seconds a model
QUICK = {
    Export("resnet_basic", dynamo=False, free=True),
    Export("densenet", dynamo=False, free=False),
    Export("mobilenet_v3", dynamo=False, free=True),
    Export("unet", dynamo=False, free=True),
    Export("encoder", dynamo=False, free=True),
    Export("lstm", dynamo=False, free=True),
    Export("gru", dynamo=False, free=True),
    Export("signal", dynamo=False, free=True),
    Export("two_inputs", dynamo=True, free=True),
    Export("tokens", dynamo=True, free=True),
}
ALL = [Export(name, dynamo, free) for name in ZOO for dynamo in (False, True) for free in (False, True)]
OLD = [Export(name, False, True, opset) for name in ZOO for opset in (9, 11, 13, 16)]
NEW = [Export(name, True, True, opset) for name in ZOO for opset in (20, 23)]
#: what torch's script exporter refuses at its older opsets
REFUSED = {("unet", 9), *((name, opset) for name in ("encoder", "encoder_norm_first") for opset in (9, 11, 13))}


def cases() -> list[object]:
    exports = [e for e in (*ALL, *OLD, *NEW) if (e.name, e.opset) not in REFUSED]
    return [pytest.param(e, id=e.id, marks=[] if e in QUICK else [pytest.mark.slow]) for e in exports]


every = pytest.mark.parametrize("export", cases())


@cache
def loaded(export: Export, dtype: str) -> tuple[Model, dict[str, np.ndarray]]:
    """The model as read, and two samples."""
    model = ox.load(export.proto(), dtype=dtype, verify="always" if dtype == "float32" else "never")
    made = ZOO[export.name].data(2)
    cast = [x.double() if dtype == "float64" and x.is_floating_point() else x for x in made]
    return model, {n: x.numpy() for n, x in zip(model.inputs, cast, strict=True)}


def outputs_of(source: nn.Module, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    y = source(*inputs)
    return y if isinstance(y, tuple) else (y,)


@every
def test_it_is_verified_and_predicts_as_torch_does(export: Export) -> None:
    model, data = loaded(export, "float32")
    with torch.no_grad():
        expected = outputs_of(ZOO[export.name].model(), [torch.from_numpy(x) for x in data.values()])
    for count in (2, 1) if export.free else (2,):
        predicted = model.predict({n: x[:count] for n, x in data.items()})
        for ours, theirs in zip(predicted.values(), expected, strict=True):
            assert_close(ours, theirs[:count].numpy(), 1e-4)


def gradient_is_torch_s(export: Export, rtol: float) -> None:
    model, data = loaded(export, "float64")
    source = ZOO[export.name].model().double()
    inputs = [torch.from_numpy(x) for x in data.values()]
    embedded: list[Tensor] = []
    if ZOO[export.name].tokens:
        next(m for m in source.modules() if isinstance(m, nn.Embedding)).register_forward_hook(
            lambda *a: embedded.append(a[2])
        )
    else:
        inputs = [x.requires_grad_() for x in inputs]
    made = outputs_of(source, inputs)
    at_values = [s.value for s in find_sources(model.graph)]  # token ids are explained at their embedding
    inside = [v for v in at_values if v not in model.inputs]
    for y, (output, units) in zip(made, units_of(model, data, ignore=False).items(), strict=True):
        e = ox.explain(model, data, ox.Gradient(ignore_last_activation=False), target={output: units}, layers=inside)
        for k, u in enumerate(units):
            at = y.reshape(len(y), -1)[:, u].sum()
            theirs = torch.autograd.grad(
                at, embedded or inputs, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            for value, g in zip(at_values, theirs, strict=True):
                assert_close(
                    explained_at_sources(e, value, output)[..., k], g.numpy(), rtol, f"{output!r} at {value!r}"
                )


@every
def test_its_gradient_is_that_of_the_source(export: Export) -> None:
    # both exporters merge batch normalisation in single precision, which the double-precision source does not see
    gradient_is_torch_s(export, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_the_gradient_of_a_double_precision_export_is_that_of_the_source(name: str) -> None:
    # an attribute, such as a normalisation's ε, is single precision in any file
    gradient_is_torch_s(Export(name, dynamo=False, free=True, double=True), 1e-7)


@every
def test_its_gradient_is_what_autograd_finds_on_the_file(export: Export) -> None:
    gradient_equals_autograd(*loaded(export, "float64"), rtol=1e-10)


@every
@pytest.mark.parametrize("ignore", [True, False], ids=["before_last_activation", "outputs"])
def test_deep_lift_is_complete(export: Export, ignore: bool) -> None:
    model, data = loaded(export, "float64")
    other = {n: 0.5 * x[::-1] + 0.1 if x.dtype.kind == "f" else x[::-1].copy() for n, x in data.items()}
    deep_lift_is_complete(model, data, 1e-6, 0.0, ignore)
    deep_lift_is_complete(model, data, 1e-6, other, ignore)


@every
@pytest.mark.parametrize("composite", ["epsilon_plus", "attn_lrp", "cp_lrp"])
def test_lrp_accounts_for_what_it_loses(export: Export, composite: str) -> None:
    relevance_is_accounted_for(*loaded(export, "float64"), ox.LRP(composite))


@every
@pytest.mark.parametrize("method", [ox.LRP(), ox.DeepLift()], ids=lambda m: m.name)
def test_targets_together_equal_one_at_a_time(export: Export, method: ox.LRP) -> None:
    model, data = loaded(export, "float64")
    for output, units in units_of(model, data).items():
        targets_together_equal_one_at_a_time(model, data, method, output, units, 1e-10)


class Both(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(5, 4)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.tanh(self.a(x) + self.b(y))


def test_samples_go_one_by_one_where_only_one_of_two_inputs_was_exported_with_free_samples() -> None:
    torch.manual_seed(0)
    source, file = Both().eval(), io.BytesIO()
    one = (torch.randn(1, 3), torch.randn(1, 5))
    torch.onnx.export(source, one, file, dynamo=False, input_names=["x", "y"], dynamic_axes={"x": {0: "n"}})
    model = ox.load(file.getvalue(), dtype="float64", verify="always")
    data = {"x": np.random.default_rng(0).normal(size=(3, 3)), "y": np.random.default_rng(1).normal(size=(3, 5))}
    gradient_equals_autograd(model, data)
    deep_lift_is_complete(model, data, 1e-12)
    shared = {"x": data["x"], "y": data["y"][:1]}  # one row goes with every sample, and is explained for each
    repeated = {"x": data["x"], "y": np.repeat(shared["y"], 3, axis=0)}
    few, many = (ox.explain(model, d, "deeplift", target="all") for d in (shared, repeated))
    assert few["y"].values.shape == (3, 5, 4)
    assert np.array_equal(few["y"].values, many["y"].values) and np.array_equal(few["x"].values, many["x"].values)
