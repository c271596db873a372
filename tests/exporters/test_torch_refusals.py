"""What of torch is refused, and how the error helps; what files say they hold."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import onnxplain as ox
from onnxplain.cli import main

from ..promises import assert_close
from .torch_nets import NETS

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:DeprecationWarning")
TRACE = {"exporter": "trace"}  # takes a tenth of a second


REFUSALS: dict[str, tuple[Any, Any, str]] = {
    "a convolution without an example": (nn.Conv2d(1, 2, 3), None, "must be shown: its Conv2d leaves the shape open"),
    "rows that do not fit": (NETS["dense"].module(), np.zeros((2, 5)), r"does not take the example \(input \(2, 5\)\)"),
    "an argument of another name": (
        NETS["two_inputs"].module(),
        {"x": np.zeros((1, 4))},
        "arguments of the module are",
    ),
    "text": (NETS["dense"].module(), np.array([["a", "b", "c", "d"]]), "give tensors or arrays of numbers"),
    "no values": (nn.LazyLinear(3), np.zeros((2, 4)), "has no values yet"),
    "no model": (torch.zeros(3), None, "holds a Tensor, which is no torch model"),
    "an unknown exporter": (NETS["dense"].module(), None, "exporter='best'"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_it_says_what_is_wrong_with(what: str) -> None:
    source, example, message = REFUSALS[what]
    options = {"exporter": "best"} if what == "an unknown exporter" else None
    with pytest.raises(ox.ConverterError, match=message):
        ox.load(source, example=example, options=options)


class Restless(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 30)

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.a(x), 0.5)


def test_dropout_that_never_rests_is_named() -> None:
    with pytest.raises(ox.ConverterError, match="differ from call to call"):
        ox.load(Restless(), example=torch.randn(2, 4), options=TRACE)


class ThroughNumpy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(np.sort(x.detach().numpy(), 1))


def test_a_module_that_cannot_be_exported_gets_every_exporter_s_reason(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ox.ConverterError) as caught:
        ox.load(ThroughNumpy(), example=torch.randn(2, 4))
    said = str(caught.value)
    assert "cannot be exported" in said and "What to try" in said and "\n" not in said
    assert all(f"{exporter}: " in said for exporter in ("export", "trace", "script"))
    assert capfd.readouterr() == ("", "")


def test_without_onnxscript_the_older_exporter_is_taken_and_the_newer_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    module = NETS["dense"].module()
    assert list(ox.load(module).outputs) == ["output"]
    with pytest.raises(ox.MissingDependencyError, match=r"onnxplain\[torch\]"):
        ox.load(module, options={"exporter": "export"})


def test_files_say_what_they_hold(tmp_path: Path) -> None:
    module = NETS["dense"].module()
    torch.save(module, tmp_path / "module.pt")
    torch.save(module.state_dict(), tmp_path / "weights.pth")
    (tmp_path / "text.pt").write_text("weights")
    (tmp_path / "cut.pt2").write_bytes(b"PK\x03\x04")
    with pytest.raises(ox.ConverterError, match="runs code from the file.*trust"):
        ox.load(tmp_path / "module.pt")
    with pytest.raises(ox.ConverterError, match=r"holds weights by name \(0.weight, 0.bias, 2.weight, …\)"):
        ox.load(tmp_path / "weights.pth", options={"trust": True})
    for name in ("text.pt", "cut.pt2"):
        with pytest.raises(ox.ConverterError, match="no file that torch wrote"):
            ox.load(tmp_path / name)
    trusted = ox.load(tmp_path / "module.pt", options={"trust": True, **TRACE})
    x = NETS["dense"].data(3)[0]
    with torch.no_grad():
        assert_close(trusted.predict(x)["output"], module(x).numpy(), 1e-5)


def test_a_script_module_that_r_saved_loads_by_path_and_its_names_survive(tmp_path: Path) -> None:
    """R's jit_save writes what torch.jit.save writes; a trace there is made in evaluation mode."""
    net = NETS["cnn"]
    torch.jit.save(torch.jit.trace(net.module(), net.data(2)), tmp_path / "net.pt")
    with pytest.raises(ox.ConverterError, match="must be shown"):
        ox.load(tmp_path / "net.pt")
    e = ox.explain(tmp_path / "net.pt", net.data(3)[0], "deeplift")
    assert e.values.shape == (3, 2, 8, 8, 1)


def test_the_command_line_converts_and_explains_a_torch_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = NETS["cnn"]
    file, data = tmp_path / "net.pt", tmp_path / "x.npy"
    torch.jit.save(torch.jit.script(net.module()), file)
    np.save(data, net.data(3)[0].numpy())
    assert main(["convert", str(file), str(tmp_path / "a.onnx")]) == 2
    assert "must be shown" in capsys.readouterr().err
    assert main(["convert", str(file), str(tmp_path / "a.onnx"), "--example", str(data)]) == 0
    assert main(["explain", str(file), str(data), "--out", str(tmp_path / "out"), "-q"]) == 0
    assert_close(
        ox.load(tmp_path / "a.onnx").predict(net.data(3)[0])["output"],
        net.module()(net.data(3)[0]).detach().numpy(),
        1e-5,
    )


def test_a_compiled_module_is_the_module_it_wraps() -> None:
    module = NETS["dense"].module()
    assert next(n.name for n in ox.load(torch.compile(module), options=TRACE).graph.nodes) == "0/Gemm"
