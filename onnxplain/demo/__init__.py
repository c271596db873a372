"""The demo: two small trained models, explained step by step. `run(folder)` does it; `TASKS` is what it works on."""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .data import TASKS, Task

METHODS = ("lrp", "deeplift", "integrated_gradients", "gradient_input")
PICTURES = 3

__all__ = ["TASKS", "Task", "run"]


def run(out: Path) -> None:
    """Explains every task's samples by several methods; reports and pictures go into `out`."""
    from ..cli.output import make_folder

    make_folder(out)
    for i, task in enumerate(TASKS, 1):
        print(f"{i}. {task.title}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # how far sums are off is printed for every method
            _explain(task, out)
        print()
    first = TASKS[0]
    print(f"Open {out / (first.name + '.html')} in a browser. The same from a shell and from Python:")
    print(f"  {_near(sys.argv[0])} explain {_near(first.model)} {_near(first.samples)} --report")
    print(f'  import onnxplain as ox; ox.explain("{_near(first.model)}", data, method="lrp")["image"].values')


def _explain(task: Task, out: Path) -> None:
    import onnxplain as ox

    data, truth = task.read()
    model = ox.load(task.model, verify="always")
    print(f"   loaded {task.model.name}: {', '.join(f'{n} {x.shape[1:]}' for n, x in data.items())} → digit; ", end="")
    print("its outputs equal onnxruntime's")
    read, (accuracy, held_out) = model.predict(data)["digit"].argmax(1), task.accuracy()
    print(f"   it reads {accuracy:.1%} of {held_out} digits right that it was not trained on; {len(truth)} of them:")
    print(f"   true {_listed(truth)}\n   read {_listed(read)}   (the last two were chosen because they are misread)")
    print(f"   why the digit that it read?  {'method':<22}{'sums miss goal by':>18}{'seconds':>9}")
    results = {}
    for name in METHODS:
        start = time.perf_counter()
        results[name] = ox.explain(model, data, name, progress=False)
        print(f"{'':32}{name:<22}{_worst(results[name]):>18}{time.perf_counter() - start:>9.2f}")
    print("   (LRP gives biases their share of f; the report lists how much, node by node)")
    if len(data) > 1:
        _shares(results["deeplift"], int(read[0]))
    _files(task, results["lrp"], out)


def _near(path: str | Path) -> str:
    """A path as one would type it here: relative where it lies below this folder."""
    absolute, here = Path(path).absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(path)


def _worst(e: Any) -> str:
    delta = np.abs(e.delta["digit"])
    return "no sum promised" if np.isnan(delta).all() else f"{np.nanmax(delta):.1e}"


def _shares(e: Any, read: int) -> None:
    """What each input counted in the first sample, and the features of the table that counted most."""
    parts = {n: float(np.asarray(e[n].values)[0].sum()) for n in e}
    print(f"   sample 0, read as {read}, by DeepLIFT: " + ", ".join(f"{n} {v:+.2f}" for n, v in parts.items()))
    table = e["table"]
    row, names = table.values[0, :, 0], table.labels[table.dims[1]]
    order = np.argsort(-np.abs(row))[:3]
    print("   most of the table: " + ", ".join(f"{names[i]} {row[i]:+.2f}" for i in order))


def _files(task: Task, e: Any, out: Path) -> None:
    from ..cli.output import save_figure

    report = out / f"{task.name}.html"
    e.report(report)
    pictures = [out / f"{task.name}-{s}.png" for s in range(PICTURES)]
    for s, path in enumerate(pictures):
        save_figure(e.plot(sample=s), path)
    saved = out / f"{task.name}.npz"
    e.save(saved)
    print(f"   LRP's report: {report}; pictures: {pictures[0]} … {pictures[-1].name}; numbers: {saved}")


def _listed(digits: np.ndarray) -> str:
    return " ".join(map(str, digits))
