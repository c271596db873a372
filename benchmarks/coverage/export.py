"""One architecture → NAME.onnx and its data, NAME.npz; run as a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx

from .names import ALL, file_name


def export(name: str, folder: Path) -> None:
    made = ALL[name].make()
    path = folder / file_name(name)
    np.savez(path.with_name(path.name + ".npz"), **{k: np.asarray(v) for k, v in made.data.items()})  # type: ignore[arg-type]
    onnx.save(made.proto, path.with_name(path.name + ".onnx"))
    path.with_name(path.name + ".json").write_text(json.dumps({"how": made.how, "alone": made.alone}))


if __name__ == "__main__":
    export(sys.argv[1], Path(sys.argv[2]))
