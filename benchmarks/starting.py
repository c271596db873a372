"""What it takes to begin: opening a model beside onnxruntime, importing and `--help` beside importing torch."""

from __future__ import annotations

import functools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import onnxruntime
import torch

import onnxplain as ox

from . import nets
from .clock import Call, interleaved, ratio
from .job import Job, Settings
from .measured import Measured

#: case → the net and the shape of its input
FILES: dict[str, tuple[Callable[[], torch.nn.Module], tuple[int, ...]]] = {
    "ResNet-50 file, 100 MB": (nets.resnet50, (1, 3, 224, 224)),
    "BERT 12 × 768 file, 340 MB": (nets.bert, (1, 16, 768)),
}
RUNS = {"import": ["-c", "import onnxplain"], "help": ["-m", "onnxplain.cli", "--help"]}
FOLDER = tempfile.TemporaryDirectory(prefix="onnxplain-benchmarks-")


def jobs() -> Iterator[Job]:
    for case in FILES:
        for method in ("load", "load_checked"):
            yield Job("start", case, method, partial(measure_load, case, method))
    for method in RUNS:
        yield Job("start", "a new process", method, partial(measure_run, method), quick=True)


@functools.cache
def file_of(case: str) -> Path:
    make, shape = FILES[case]
    path = Path(FOLDER.name) / f"{len(os.listdir(FOLDER.name))}.onnx"
    path.write_bytes(nets.as_onnx(nets.made(make), torch.zeros(shape)))
    return path


def measure_load(case: str, method: str, settings: Settings) -> Measured:
    """`load`: without the forward pass that compares with onnxruntime; `load_checked`: as `ox.load` is called."""
    path = str(file_of(case))
    verify = "never" if method == "load" else "auto"
    calls: dict[str, Call] = {"floor": partial(_session, path), "onnxplain": partial(ox.load, path, verify=verify)}
    return _measured(case, method, "onnxruntime sessions", calls, settings)


def measure_run(method: str, settings: Settings) -> Measured:
    calls = {"floor": partial(_python, ["-c", "import torch"]), "onnxplain": partial(_python, RUNS[method])}
    return _measured("a new process", method, "times `import torch`", calls, settings)


def _measured(case: str, method: str, unit: str, calls: Mapping[str, Call], settings: Settings) -> Measured:
    seen, failed = interleaved(calls, settings.rounds, settings.limit, list(calls))
    values = {w: ratio(seen, w, "floor") for w in seen if w != "floor"}
    return Measured("start", case, method, unit, values, 1e3 * statistics.median(seen["floor"]), failed=failed)


def _session(path: str) -> object:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _python(arguments: list[str]) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
