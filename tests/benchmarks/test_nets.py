"""The nets of the benchmarks: small ones of each family give the same numbers by onnxplain and by torch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

import onnxplain as ox
from benchmarks import ask as ours
from benchmarks import nets
from benchmarks.ask import METHODS, Ask
from benchmarks.contest import Net, differences
from benchmarks.nets.images import UNet
from benchmarks.nets.transformers import Transformer
from benchmarks.peers import PEERS

SMALL: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "U-Net": (partial(UNet, 2, 3), (2, 3, 16, 16)),
    "BERT": (partial(nets.bert, 1, 64), (2, 4, 64)),
    "GPT-2": (partial(Transformer, 1, 64, 1, 5, True, True, 4), (2, 4, 64)),
    "convolutions": (partial(nets.plain_conv, 2, 4), (2, 3, 8, 8)),
    "TCN": (partial(nets.tcn, 4, 2), (2, 12, 20)),
    "LSTM": (partial(nets.lstm, 3, 4, 2), (2, 5, 3)),
    "GRU": (partial(nets.gru, 3, 4, 2), (2, 5, 3)),
    "table": (partial(nets.mlp, 5, 8, 2, 4), (3, 5)),
}


@pytest.mark.parametrize("name", SMALL)
def test_our_gradient_is_torchs(name: str) -> None:
    make, shape = SMALL[name]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    # constants of the file are float32: GELU's √½, the scale of attention
    assert differences(Net(make, x), Ask("gradient", x, (1,)), [])["autograd"] < 1e-6


@pytest.mark.parametrize("library", PEERS)
def test_nobody_explains_recurrence_by_rules_that_it_lacks(library: str) -> None:
    """captum's LRP refuses; by the others' rules gates would be linear, and DeepLIFT would not add up."""
    if PEERS[library].version() is None:
        pytest.skip(f"{library} is not installed")
    for name in ("LSTM", "GRU"):
        peer = PEERS[library](nets.made(SMALL[name][0]))
        assert peer.knows("gradient") == (library in ("captum", "zennit"))
        assert not any(peer.knows(m) for m in ("epsilon", "zplus", "deeplift", "deepshap", "attnlrp"))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_that_is_asked_for_runs(method: str) -> None:
    make, shape = SMALL["BERT" if method == "attnlrp" else "convolutions"]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    net = Net(make, x)
    found = ours.values(ours.explain(net.model, Ask(method, x, (0, 2), n=3, references=x[:1])))
    assert found.shape == (2, *shape) and bool(found.isfinite().all()) and bool(found.any())


def test_the_walk_alone_gives_what_explain_gives() -> None:
    make, shape = SMALL["table"]
    net = Net(make, torch.zeros(shape))
    ask = Ask("gradient", torch.randn(shape, generator=torch.Generator().manual_seed(1)), (2,))
    relevance = ours.walk(net.model, ask)()
    torch.testing.assert_close(relevance["x"], ours.values(ours.explain(net.model, ask)))  # type: ignore[index]


def test_weights_are_the_same_every_time() -> None:
    one, two = (nets.made(nets.small_mlp, seed=3) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not any(p.requires_grad for p in copy.deepcopy(one).parameters())


def test_a_net_through_onnx_predicts_the_same() -> None:
    make, shape = SMALL["GPT-2"]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    net = nets.made(make)
    found = ox.load(nets.as_onnx(net, x)).predict(x.numpy())
    torch.testing.assert_close(
        torch.as_tensor(found if not isinstance(found, dict) else found["y"]), net(x), rtol=1e-4, atol=1e-4
    )
