"""Peak memory: each library and method in a process of its own, growth over what it held before the call.

python -m benchmarks.memory LIBRARY METHOD [MAX_MEMORY]     prints MB
"""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

import onnxplain as ox

from . import ask as ours
from . import nets
from .ask import Ask
from .clock import Call, Spread
from .job import Job, Settings
from .measured import Measured
from .peers import PEERS, autograd

PLAIN = "VGG-16, 8 × 224²"
METHODS = ("gradient", "epsilon", "zplus", "alpha2beta1", "deeplift")
#: MB that are given as `max_memory`
BOUND, BOUNDED = 300, METHODS[1:]
SHAPE = (8, 3, 224, 224)


def jobs() -> Iterator[Job]:
    for method in METHODS:
        yield Job("memory", PLAIN, method, partial(measure, PLAIN, method))
    for method in BOUNDED:
        case = f"{PLAIN}, max_memory {BOUND} MB"
        yield Job("memory", case, method, partial(measure, case, method, bound=BOUND))


def measure(case: str, method: str, settings: Settings, bound: int | None = None) -> Measured:
    who = ["onnxplain"]
    if bound is None:
        libraries = [w for w in ("captum", "zennit") if w in settings.libraries and method in PEERS[w].methods]
        who += ["autograd"] if method == "gradient" else libraries
    values, failed = {}, {}
    for w in who:
        command = [sys.executable, "-m", "benchmarks.memory", w, method, *([] if bound is None else [f"{bound}MB"])]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            failed[w] = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        else:
            grown = float(done.stdout)
            values[w] = Spread(grown, grown, grown)
    return Measured("memory", case, method, "MB", values, failed=failed)


def main(library: str, method: str, max_memory: str | None = None) -> None:
    torch.set_num_threads(2)
    ask = Ask(method, torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)), (3,))
    call = _call(library, ask, max_memory)
    _give_back()
    before = _now("VmRSS")
    _forget_peak()
    call()
    print((_now("VmHWM") - before) / 1024)


def _call(library: str, ask: Ask, max_memory: str | None) -> Call:
    """The explanation, ready to run, and nothing else in memory; one sample was explained so that all code is loaded."""
    net = nets.made(nets.vgg16)
    first = Ask(ask.method, ask.x[:1], ask.targets)
    if library == "onnxplain":
        model = ox.load(nets.as_onnx(net, ask.x), verify="never")
        del net
        ours.explain(model, first, max_memory=max_memory)
        return partial(ours.explain, model, ask, max_memory=max_memory)
    if library == "autograd":
        autograd(net, first.x, first.targets)
        return partial(autograd, net, ask.x, ask.targets)
    PEERS[library].version()
    peer = PEERS[library](net)
    del net
    peer.run(first)
    return partial(peer.run, ask)


def _give_back() -> None:
    """Free memory that the C library keeps would hide growth."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _forget_peak() -> None:
    """The peak so far becomes what is held now (Linux; proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _now(what: str) -> int:
    """kB"""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what + ":"))


if __name__ == "__main__":
    main(*sys.argv[1:])
