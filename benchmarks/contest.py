"""onnxplain, the other libraries and the floor take turns on one net: one process, round after round."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from torch import Tensor, nn

import onnxplain as ox

from . import ask as ours
from . import nets
from .ask import Ask
from .clock import Call, Spread, interleaved, ratio
from .job import Settings
from .peers import PEERS, Peer, autograd

#: who computes the same numbers as we do (random draws and other people's unfinished rules cannot agree)
ALIKE = {
    ("autograd", "gradient"),
    *(("zennit", m) for m in ("epsilon", "zplus", "plus_flat", "alpha2beta1", "alpha_beta", "gamma", "gamma_box")),
    *((w, m) for w in ("captum", "zennit") for m in ("gradient_input",)),
    ("captum", "ig"),
    *((w, m) for w in ("captum", "shap", "tangermeme") for m in ("deeplift", "deepshap")),
    ("lxt", "attnlrp"),
}


class Net:
    """One net as every library has it."""

    def __init__(self, make: Callable[[], nn.Module], x: Tensor, seed: int = 0) -> None:
        self.net = nets.made(make, seed)
        self.source = nets.as_onnx(self.net, x)
        self.known: dict[str, Peer] = {}

    @cached_property
    def model(self) -> ox.Model:
        return ox.load(self.source, verify="never")

    def peers(self, libraries: Sequence[str], method: str) -> dict[str, Peer]:
        """Those of `libraries` that know the method on this net."""
        for w in libraries:
            if w not in self.known and method in PEERS[w].methods:
                self.known[w] = PEERS[w](self.net)
        return {w: self.known[w] for w in libraries if w in self.known and self.known[w].knows(method)}

    def pools(self) -> bool:
        return any(isinstance(m, nn.MaxPool1d | nn.MaxPool2d) for m in self.net.modules())


@dataclass(frozen=True)
class Result:
    values: dict[str, Spread]
    floor_ms: float
    failed: dict[str, str]


def race(
    net: Net, ask: Ask, settings: Settings, extra: dict[str, Call] | None = None, floor: Call | None = None
) -> Result:
    """CPU time in floors: one autograd forward pass and input gradient for the first target. `extra` replaces or adds calls."""
    calls: dict[str, Call] = {
        "floor": floor or partial(autograd, net.net, ask.x, ask.targets[:1]),
        "onnxplain": partial(ours.explain, net.model, ask),
        **(extra or {}),
    }
    if len(ask.targets) > 1 and ask.method == "gradient":
        calls["autograd"] = partial(autograd, net.net, ask.x, ask.targets)
    calls |= {w: partial(peer.run, ask) for w, peer in net.peers(settings.libraries, ask.method).items()}
    seen, failed = interleaved(calls, settings.rounds, settings.limit, ("floor", "onnxplain", "products"))
    if "floor" in failed:
        raise RuntimeError(f"plain torch fails: {failed['floor']}")
    ratios = {w: ratio(seen, w, "floor") for w in seen if w != "floor"}
    ratios["wall"] = ratio(seen, "onnxplain", "floor", wall=True)
    return Result(ratios, 1e3 * statistics.median(seen["floor"]), failed)


def differences(net: Net, ask: Ask, libraries: Sequence[str]) -> dict[str, float]:
    """max |ours − theirs| / max |theirs| in float64 (in float32 a ReLU near 0 may fall on either side), first target."""
    alike = [w for w in ("autograd", *libraries) if (w, ask.method) in ALIKE and not _unfinished(w, ask.method, net)]
    peers = {w: PEERS[w] for w in alike if w in PEERS and w in net.peers([w], ask.method)}
    if not peers and "autograd" not in alike:
        return {}
    exact, at = copy.deepcopy(net.net).double(), _double(ask)
    mine = ours.values(ours.explain(ox.load(net.source, verify="never", dtype="float64"), at))
    found = {}
    for w in alike:
        if w == "autograd":
            theirs = autograd(exact, at.x, at.targets)
        elif w in peers:
            theirs = peers[w](exact).run(at).detach()
        else:
            continue
        found[w] = float((mine - theirs).abs().max() / theirs.abs().max())
    return found


def _double(ask: Ask) -> Ask:
    at = replace(ask, x=ask.x.double(), targets=ask.targets[:1])
    if ask.method == "attnlrp":
        at = replace(
            at, epsilon=1e-12
        )  # LXT divides without a stabiliser; through twelve blocks ours moves the last digits
    if ask.references is not None:
        at = replace(at, references=ask.references.double())
    return at if ask.baseline is None else replace(at, baseline=ask.baseline.double())


def _unfinished(who: str, method: str, net: Net) -> bool:
    """captum's and shap's DeepLIFT of max-pooling does not add up to the difference of the outputs; ours does."""
    return who in ("captum", "shap") and method in ("deeplift", "deepshap") and net.pools()
