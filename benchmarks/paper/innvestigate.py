"""iNNvestigate as a peer: the explanations are made by another interpreter, asked in turn with everybody else."""

from __future__ import annotations

import itertools
import json
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..ask import Ask
from ..peers import Peer
from .elsewhere.keras_side import ANALYZERS

KINDS: dict[type[nn.Module], str] = {
    nn.Linear: "dense",
    nn.Conv2d: "convolution",
    nn.Flatten: "flatten",
    nn.ReLU: "relu",
    nn.Tanh: "tanh",
    nn.AvgPool2d: "avg",
    nn.MaxPool2d: "max",
}


class Interpreter:
    """The other process. It has TensorFlow's own threads, set to one, and reports the CPU seconds that it spent."""

    def __init__(self, python: str) -> None:
        side = Path(__file__).with_name("elsewhere") / "keras_side.py"
        self.process = subprocess.Popen([python, str(side)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.folder = tempfile.TemporaryDirectory(prefix="onnxplain-innvestigate-")
        self.numbers = itertools.count()
        self.about = self._answer()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the interpreter with innvestigate has ended; its messages are above")
        return json.loads(line)

    def file(self, suffix: str) -> Path:
        return Path(self.folder.name) / f"{next(self.numbers)}{suffix}"

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.folder.cleanup()


class Innvestigate(Peer):
    library = "innvestigate"
    methods = frozenset(ANALYZERS)

    def __init__(self, net: nn.Module, interpreter: Interpreter) -> None:
        super().__init__(net)
        self.there = interpreter
        self.elsewhere = 0.0  # CPU seconds spent in the other process so far
        weights = interpreter.file(".npz")
        np.savez(weights, **{name: value.detach().numpy() for name, value in net.state_dict().items()})
        self.about: dict[str, Any] = {
            "net": weights.stem,
            "weights": str(weights),
            "layers": [_layer(m) for m in net.children()],
        }

    def run(self, ask: Ask) -> Tensor:
        data, answer = _saved(self.there, ask.x), self.there.file(".npy")
        shape = (*ask.x.shape[2:], ask.x.shape[1]) if ask.x.dim() == 4 else tuple(ask.x.shape[1:])
        own = {"method": ask.method, "epsilon": ask.epsilon, "targets": list(ask.targets), "shape": shape}
        said = self.there.ask({**self.about, **own, "data": str(data), "answer": str(answer)})
        self.elsewhere += said["seconds"]
        found = torch.from_numpy(np.load(answer))
        answer.unlink()
        return found

    def one(self, ask: Ask, target: int) -> Tensor:
        return self.run(ask.for_target(target))[0]


class Turn:
    """A call whose CPU seconds are the other process's: `clock.seconds_of` reads `elsewhere` and leaves the waiting out."""

    def __init__(self, peer: Innvestigate, ask: Ask) -> None:
        self.peer, self.ask = peer, ask

    @property
    def elsewhere(self) -> float:
        return self.peer.elsewhere

    def __call__(self) -> Tensor:
        return self.peer.run(self.ask)


@lru_cache(maxsize=4)
def _saved(interpreter: Interpreter, x: Tensor) -> Path:
    path = interpreter.file(".npy")
    np.save(path, x.numpy())
    return path


def _layer(module: nn.Module) -> dict[str, Any]:
    made: dict[str, Any] = {"kind": KINDS[type(module)]}
    if isinstance(module, nn.Conv2d):
        made |= {"stride": list(module.stride), "padding": any(map(bool, module.padding))}
    return made
