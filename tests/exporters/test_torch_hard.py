"""Modules of torch's that are awkward to export, as users have them: converted to what they predict, warned of, or refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import onnxplain as ox

from ..promises import assert_close, deep_lift_is_complete

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:DeprecationWarning")
TRACE = {"exporter": "trace"}  # takes a tenth of a second
X = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make().eval()


def loaded(module: Any, example: Any, **more: Any) -> ox.Model:
    """With no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return ox.load(module, example=example, dtype="float64", options={**TRACE, **more})


@dataclass
class Scores:
    logits: Tensor
    hidden: Tensor | None = None


class Given(nn.Module):
    """Returns a dataclass, one field of which is empty; one argument goes by name only."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(5, 3)

    def forward(self, x: Tensor, *, scale: float = 1.0) -> Scores:
        return Scores(self.a(x) * scale)


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(5, 3)

    def forward(self, x: Tensor, *, gate: Tensor) -> Tensor:
        return self.a(x) * gate


MADE_WEIGHTS: dict[str, Callable[[], nn.Module]] = {
    "weight_norm": lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(5, 4)), nn.Tanh(), nn.Linear(4, 2)),
    "spectral_norm": lambda: nn.Sequential(parametrizations.spectral_norm(nn.Linear(5, 4)), nn.Tanh()),
    "orthogonal": lambda: nn.Sequential(parametrizations.orthogonal(nn.Linear(5, 4)), nn.Tanh()),
    "old weight_norm": lambda: nn.Sequential(nn.utils.weight_norm(nn.Linear(5, 4)), nn.Tanh()),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize("name", MADE_WEIGHTS)
def test_weights_that_are_made_at_every_call_are_settled(name: str) -> None:
    module = seeded(MADE_WEIGHTS[name])
    model = ox.load(module, example=X, dtype="float64", options=TRACE)
    with torch.no_grad():
        assert_close(model.predict(X)["output"], module(X).numpy(), 1e-5)
    deep_lift_is_complete(model, {"input": X.double().numpy()}, 1e-6, 0.3)
    if not name.startswith("old"):
        assert model.raw.nodes[0].op == "Gemm"
        assert torch.nn.utils.parametrize.is_parametrized(module[0])  # the user's own is left as it was


def test_rows_that_an_embedding_shortens_are_short() -> None:
    module = seeded(lambda: nn.Sequential(nn.Embedding(9, 4, max_norm=0.5), nn.Flatten(), nn.Linear(12, 2)))
    ids = torch.tensor([[0, 3, 8], [1, 1, 2]])
    model = loaded(module, ids)
    with torch.no_grad():
        assert_close(model.predict(ids)["output"], module(ids).numpy(), 1e-5)
    deep_lift_is_complete(model, {"input": ids.numpy()}, 1e-6)


def test_a_dataclass_gives_its_fields_and_an_argument_may_go_by_name() -> None:
    module = seeded(Given)
    model = loaded(module, {"x": X, "scale": 2.0})
    assert list(model.outputs) == ["logits"]
    with torch.no_grad():
        assert_close(model.predict(X)["logits"], module(X, scale=2.0).logits.numpy(), 1e-5)


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.optim.swa_utils.AveragedModel, torch.compile])
def test_what_is_put_around_a_module_is_taken_off(wrap: Callable[[nn.Module], nn.Module]) -> None:
    module = wrap(seeded(lambda: nn.Sequential(nn.Linear(5, 4), nn.ReLU())))
    model = loaded(module, None)
    assert list(model.inputs) == ["input"] and model.raw.nodes[0].name == "0/Gemm"


def test_a_program_with_an_argument_by_name_is_its_own_example() -> None:
    program = torch.export.export(seeded(Gated), (X,), {"gate": X[:, :3]})
    with pytest.warns(UserWarning, match="takes 3 samples at a time"):
        model = ox.load(program)
    assert list(model.inputs) == ["x", "gate"]
    with torch.no_grad():
        found = model.predict({"x": X, "gate": X[:, :3]})
        assert_close(found["output"], program.module()(X, gate=X[:, :3]).numpy(), 1e-5)


class Padded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)

    def forward(self, x: Tensor, pad: Tensor) -> Tensor:
        return self.encoder(x, src_key_padding_mask=pad)


def test_padding_on_the_fast_path_of_attention_is_warned_of() -> None:
    module, x = seeded(Padded), torch.randn(2, 4, 8)
    pad = torch.tensor([[False, False, True, True], [False] * 4])
    with pytest.warns(UserWarning, match="fast path of attention.*padded places are 0"):
        model = ox.load(module, example=(x, pad), options=TRACE)
    assert torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            expected = module(x, pad).numpy()
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    assert_close(model.predict({"x": x, "pad": pad})["output"], expected, 1e-5)


@pytest.mark.parametrize(
    "make",
    [lambda: nn.BatchNorm1d(5, track_running_stats=False), lambda: nn.MultiheadAttention(5, 1)],
    ids=["statistics", "axis"],
)
def test_samples_that_depend_on_each_other_are_warned_of(make: Callable[[], nn.Module]) -> None:
    module = seeded(make)
    example = (X[:, None], X[:, None], X[:, None]) if isinstance(module, nn.MultiheadAttention) else X
    with pytest.warns(UserWarning, match="depends on the samples beside it.*chunk_size=1"):
        ox.load(module, example=example, options={"exporter": "export"})


def test_one_batch_axis_is_said_once() -> None:
    torch.manual_seed(0)
    cell, x = nn.GRU(3, 4).eval(), torch.randn(5, 2, 3)  # (time, sample, feature)
    for model in (
        ox.load(cell, example=x, batch_axis=1, dtype="float64", options=TRACE),
        loaded(cell, x, batch_axis={"input": 1}),
    ):
        assert [s.batch_axis for s in (*model.inputs.values(), *model.outputs.values())] == [1, 1, 1]
        e = ox.explain(model, torch.randn(5, 7, 3), "deeplift", target={"output_1": "all"})
        e.check(1e-6)
    cut = ox.load(cell, example=x, batch_axis=1, outputs=["output"], options=TRACE)
    assert list(cut.outputs) == ["output"] and cut.outputs["output"].batch_axis == 1


class Complex(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.complex(x, x)


class Halving(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(5, 3).half()

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x.half()).float()


REFUSED: dict[str, tuple[Any, str]] = {
    "complex numbers": (Complex(), "complex numbers.*view_as_real"),
    "half precision in forward": (Halving(), r"leave out what forward does.*x\.half\(\)"),
    "a class": (nn.Linear, "Linear is a class; give one of its objects"),
    "weights": (nn.Linear(2, 2).state_dict(), r"holds weights by name \(weight, bias\)"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_in_one_paragraph(what: str) -> None:
    source, message = REFUSED[what]
    with pytest.raises(ox.ConverterError, match=message) as caught:
        ox.load(source, example=X)
    assert "\n" not in str(caught.value)


def test_a_file_written_on_the_fast_path_says_how_to_write_it(capfd: pytest.CaptureFixture[str]) -> None:
    encoder = seeded(lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True))
    x = torch.randn(2, 4, 8)
    with torch.no_grad():
        traced = torch.jit.trace(encoder, x)
    capfd.readouterr()
    with pytest.raises(ox.ConverterError, match=r"write the file again after torch\.backends\.mha"):
        ox.load(traced, example=x)
    assert capfd.readouterr() == ("", "")  # torch's exporter would print whole graphs


def test_a_sample_without_an_axis_for_samples_is_asked_about() -> None:
    with pytest.warns(UserWarning, match="Is axis 0 of the example that of the samples"):
        ox.load(seeded(lambda: nn.Linear(5, 3)), example=np.zeros(5), options=TRACE)
