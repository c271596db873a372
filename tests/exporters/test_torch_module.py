"""torch modules, ScriptModules and exported programs as users have them: converted, proven equal, explained as torch would."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import onnxplain as ox
from onnxplain.model import Model

from ..promises import assert_close, deep_lift_is_complete
from .torch_nets import NETS, Batch, Branch, BySize, Residual
from .zoo import ZOO

TRACE = {"exporter": "trace"}  # takes a tenth of a second
#: the matrix (test_matrix.py) has more forms
CASES = [*((n, "module") for n in NETS), ("cnn", "script"), ("cnn", "trace"), ("attention", "program")]
every = pytest.mark.parametrize(("name", "form"), CASES)
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("torch")


def written(name: str, form: str, folder: Path) -> Any:
    """The module itself, or its file in a form."""
    net = NETS[name]
    module, data = net.module(), net.data(2)
    path = folder / f"{name}_{form}.{'pt2' if form == 'program' else 'pt'}"
    if form == "module":
        return module
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if form == "script":
            torch.jit.save(torch.jit.script(module), path)
        elif form == "trace":
            torch.jit.save(torch.jit.trace(module, data), path)
        else:
            shapes = tuple({0: torch.export.Dim.AUTO} for _ in data)
            torch.export.save(torch.export.export(module, data, dynamic_shapes=shapes, strict=False), path)
    return path


LOADED: dict[tuple[str, str], tuple[Model, Model]] = {}


def loaded(name: str, form: str, folder: Path) -> tuple[Model, Model]:
    """In single and in double precision, verified."""
    if (name, form) not in LOADED:
        from onnxplain_converters import to_onnx

        source, net = written(name, form, folder), NETS[name]
        example = None if form == "program" or name == "dense" else net.arguments(*net.data(1))
        proto = to_onnx(source, example)
        LOADED[name, form] = ox.load(proto, verify="always"), ox.load(proto, dtype="float64", verify="never")
    return LOADED[name, form]


def outputs_of(module: nn.Module, arguments: Any) -> dict[str, Tensor]:
    """What the module gives, by the names that its outputs have."""
    y = module(*arguments) if isinstance(arguments, tuple) else module(arguments)
    if isinstance(y, dict):
        return y
    if isinstance(y, tuple):
        return dict(zip(getattr(y, "_fields", ("output", "output_1")), y, strict=True))
    return {"output": y}


@every
def test_it_predicts_what_the_module_predicts_for_any_number_of_samples(name: str, form: str, folder: Path) -> None:
    model, _ = loaded(name, form, folder)
    net = NETS[name]
    for n in (1, 2, 5):
        data = net.data(n)
        with torch.no_grad():
            expected = outputs_of(net.module(), net.arguments(*data))
        found = model.predict({i: x.numpy() for i, x in zip(model.inputs, data, strict=True)})
        assert len(found) == len(expected)
        for ours, theirs in zip(found.values(), expected.values(), strict=True):
            assert_close(ours, theirs.numpy(), 1e-5)


QUICK = ("resnet_basic", "mobilenet_v3", "tokens")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in ZOO])
def test_a_whole_architecture_loads_as_it_is(name: str) -> None:
    entry = ZOO[name]
    module = entry.model()
    model = ox.load(module, example=entry.data(2), dtype="float64", verify="always")
    for n in (1, 3):
        data = entry.data(n)
        feeds = {i: x.numpy() for i, x in zip(model.inputs, data, strict=True)}
        with torch.no_grad():
            y = module(*data)
        for ours, theirs in zip(model.predict(feeds).values(), y if isinstance(y, tuple) else (y,), strict=True):
            assert_close(ours, theirs.numpy(), 1e-4)
    deep_lift_is_complete(model, feeds, 1e-6)


@pytest.mark.parametrize("name", ["residual", "two_inputs"])
def test_explain_takes_the_module_and_shows_it_the_data(name: str) -> None:
    net = NETS[name]
    module, data = net.module(), net.data(4)
    output, inputs = ("output", {"x"}) if name == "residual" else ("score", {"table", "series"})
    e = ox.explain(module, data if len(data) > 1 else data[0], ox.DeepLift(baseline=0.3), target={output: "all"})
    e.check(1e-3)
    assert {i for i, _ in e.attributions} == inputs


def test_deep_lift_is_complete_where_hooks_on_modules_are_not() -> None:
    """A module that is used three times, a functional ReLU and a residual sum have no module of their own to hook."""
    module = Residual().double().eval()
    x = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    model = ox.load(module, example=x, dtype="float64")
    e = ox.explain(model, x, ox.DeepLift(baseline=-0.4), target="all")
    with torch.no_grad():
        difference = module(x) - module(torch.full_like(x, -0.4))
    assert_close(e.values.sum(1), difference.numpy(), 1e-12)


def test_methods_that_only_call_a_model_take_the_module_too() -> None:
    module, x = NETS["dense"].module(), NETS["dense"].data(3)[0].numpy()
    e = ox.explain(module, x, ox.KernelShap(data_ref=np.zeros((1, 4))), target="all", seed=0)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)) - module(torch.zeros(1, 4))
    assert_close(e.values.sum(1), expected.numpy(), 1e-4)


def test_nodes_and_values_are_named_for_their_modules(folder: Path) -> None:
    model, _ = loaded("cnn", "module", folder)
    names = [n.name for n in model.raw.nodes]
    assert names[:4] == ["features/0/Conv", "features/1/BatchNormalization", "features/2/Relu", "features/3/MaxPool"]
    assert "head/Gemm" in names
    x = NETS["cnn"].data(2)[0]
    rules = {"head/*": ox.Epsilon(0.1)}
    e = ox.explain(model, x, ox.LRP(rules), layers=["features/*"])
    assert {v for v, _ in e.layer_attributions} >= {"features/2/Relu", "features/3/MaxPool"}
    used = {r["node"]: r["rule"] for r in e.audit_rows}
    assert "0.1" in used["head/Gemm"] and "0.1" not in used["features/0/Conv"]


def test_both_exporters_and_a_script_name_nodes_alike(folder: Path) -> None:
    from onnxplain_converters import to_onnx

    module, x = NETS["cnn"].module(), NETS["cnn"].data(2)
    weighted = ("Conv", "Gemm", "BatchNormalization")
    found = [
        [n.name for n in to_onnx(module, x, exporter=exporter).graph.node if n.op_type in weighted]
        for exporter in ("export", "trace", "script", "script")  # converting once leaves the module as it was
    ]
    assert found == [["features/0/Conv", "features/1/BatchNormalization", "head/Gemm"]] * 4


def test_names_of_columns_and_classes_reach_the_table() -> None:
    pd = pytest.importorskip("pandas")
    module = NETS["dense"].module()
    module.config = type("Config", (), {"id2label": {0: "low", 1: "mid", 2: "high"}})()  # as in transformers
    table = pd.DataFrame(NETS["dense"].data(3)[0].numpy(), columns=["age", "bmi", "bp", "s1"])
    model = ox.load(module, example=table, options=TRACE)
    assert model.labels == {"output": ("low", "mid", "high")}
    frame = ox.explain(model, table.to_numpy(), "gradient", target="mid").to_frame()
    assert list(frame["feature"].unique()) == ["age", "bmi", "bp", "s1"]


def test_an_argument_that_is_no_data_is_fixed_and_a_dict_may_be_one_argument() -> None:
    module, (left, right) = NETS["dict"].module(), NETS["dict"].data(2)
    assert isinstance(module, Batch)
    for gated in (True, False):
        model = ox.load(module, example=({"left": left, "right": right}, gated), options=TRACE)
        with torch.no_grad():
            expected = module({"left": left, "right": right}, gated)["logits"]
        assert_close(model.predict({"left": left, "right": right})["logits"], expected.numpy(), 1e-5)
    by_name = ox.load(module, example={"batch": {"left": left, "right": right}, "gated": False}, options=TRACE)
    assert list(by_name.inputs) == ["left", "right"] and list(by_name.outputs) == ["logits"]


def test_a_double_precision_module_stays_one() -> None:
    module, x = NETS["residual"].module().double(), NETS["residual"].data(3)[0].double()
    model = ox.load(module, example=x.numpy(), dtype="float64")
    assert next(iter(model.inputs.values())).dtype == "float64"
    with torch.no_grad():
        assert_close(model.predict(x)["output"], module(x).numpy(), 1e-14)  # numbers in the code as well


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_single_with_the_same_weights(kind: torch.dtype) -> None:
    module = NETS["dense"].module().to(kind)
    model = ox.load(module, options=TRACE)
    x = NETS["dense"].data(3)[0]
    with torch.no_grad():
        assert_close(model.predict(x)["output"], module.float()(x).numpy(), 1e-6)


@pytest.mark.parametrize("exporter", ["export", "trace", "script"])
def test_the_module_is_left_as_it_was(exporter: str, capfd: pytest.CaptureFixture[str]) -> None:
    module = NETS["cnn"].module().train()
    module.features[0].eval()  # type: ignore[index]
    module.head.weight.requires_grad_(False)  # type: ignore[union-attr]
    before = {k: v.clone() for k, v in module.state_dict().items()}
    flags = [(n, m.training) for n, m in module.named_modules()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = ox.load(module, example=NETS["cnn"].data(2), options={"exporter": exporter})
    assert flags == [(n, m.training) for n, m in module.named_modules()]
    assert [n for n, p in module.named_parameters() if not p.requires_grad] == ["head.weight"]
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    with torch.no_grad():
        expected = module.eval()(NETS["cnn"].data(2)[0])  # as it predicts: no dropout, stored statistics
    assert_close(model.predict(NETS["cnn"].data(2)[0])["output"], expected.numpy(), 1e-5)
    assert capfd.readouterr() == ("", "")


def test_a_module_that_cannot_be_copied_is_put_back() -> None:
    module = NETS["cnn"].module().train()
    module.lock = (i for i in ())  # type: ignore[assignment]  # a generator has no copy
    flags = [(n, m.training) for n, m in module.named_modules()]
    model = ox.load(module, example=NETS["cnn"].data(2), options=TRACE)
    assert flags == [(n, m.training) for n, m in module.named_modules()]
    assert list(model.outputs) == ["output"]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_is_decided_by_data_stays_a_decision(sign: float) -> None:
    torch.manual_seed(0)
    module, x = Branch().eval(), sign * torch.rand(1, 4, dtype=torch.float64)
    model = ox.load(module, example=torch.rand(2, 4), dtype="float64")
    assert "If" in [n.op for n in model.graph.nodes]
    x.requires_grad_()
    y = module.double()(x)
    assert_close(model.predict(x)["output"], y.detach().numpy(), 1e-6)
    e = ox.explain(model, x.detach(), ox.Gradient(ignore_last_activation=False), target=[1])
    assert_close(e.values[..., 0], torch.autograd.grad(y[:, 1].sum(), x)[0].numpy(), 1e-6)


class Evading(nn.Module):
    """Decides by data in a way that no script compiles."""

    def forward(self, x: Tensor) -> Tensor:
        return [torch.relu, torch.tanh][int(x.sum() > 0)](x)


def test_a_trace_of_a_decision_is_made_only_when_asked_for() -> None:
    x = torch.rand(2, 4)
    with pytest.raises(ox.ConverterError, match=r"trace: a trace keeps one path.*test_torch_module\.py"):
        ox.load(Evading(), example=x)
    model = ox.load(Evading(), example=x, options=TRACE)
    assert_close(model.predict(x)["output"], torch.tanh(x).numpy(), 1e-6)


def test_a_decision_by_the_number_of_samples_is_kept_or_the_number_is_fixed() -> None:
    module = BySize().eval()
    model = ox.load(module, example=torch.randn(2, 4))
    for n in (2, 9):
        x = torch.randn(n, 4, generator=torch.Generator().manual_seed(n))
        with torch.no_grad():
            assert_close(model.predict(x)["output"], module(x).numpy(), 1e-5)
    with pytest.warns(UserWarning, match="takes 2 samples at a time.*takes another path above 5"):
        fixed = ox.load(module, example=torch.randn(2, 4), options={"exporter": "export"})
    assert fixed.fixed_rows == 2


def test_a_program_of_fixed_size_stays_fixed_and_says_so() -> None:
    module, x = NETS["dense"].module(), NETS["dense"].data(5)[0]
    program = torch.export.export(module, (x[:3],))
    with pytest.warns(UserWarning, match="takes 3 samples at a time"):
        e = ox.explain(program, x, "deeplift", target="all")
    with torch.no_grad():
        assert_close(e.values.sum(1), (module(x) - module(0 * x)).numpy(), 1e-4)


def test_the_sample_axis_may_be_another_or_none() -> None:
    torch.manual_seed(0)
    cell, x = nn.GRU(3, 4).eval(), torch.randn(5, 2, 3)  # (time, sample, feature)
    model = ox.load(cell, example=x, batch_axis=1, options={"batch_axis": {"input": 1}, **TRACE})
    more = torch.randn(5, 7, 3)
    with torch.no_grad():
        assert_close(model.predict(more)["output"], cell(more)[0].numpy(), 1e-5)
    fixed = ox.load(NETS["dense"].module(), options={"batch_axis": None, **TRACE})
    assert fixed.fixed_rows == 2
