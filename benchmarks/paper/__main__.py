"""Run time over outputs, depth, width, batch and image side, as in the paper's section 5.2: `python -m benchmarks.paper --help`.

CPU seconds of one thread, all libraries in turn on the same weights and data; the mean over models, as the paper has it.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

import onnxplain as ox

from .. import ask as ours
from ..clock import Call, Spread, interleaved, seconds_of
from ..contest import Net
from ..facts import facts, kept
from ..measured import Measured, read, write
from ..options import LIBRARIES
from ..page import renew
from ..peers import versions
from ..table import said
from .grid import FACTORS, Factor, Point
from .innvestigate import Innvestigate, Interpreter, Turn
from .methods import METHODS, ask_for
from .plots import write as plots
from .tables import convert, summary

Spent = dict[str, list[float]]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    path = options.out / "rows.jsonl"
    if not (options.resume or options.report):
        path.unlink(missing_ok=True)
    other = Interpreter(options.innvestigate) if options.innvestigate and not options.report else None
    about = facts(options.rounds) | {"models": options.models, "references": options.references}
    about |= {"innvestigate": other.about["version"], "tensorflow": other.about["tensorflow"]} if other else {}
    about = kept(options.out, about, fresh=not (options.resume or options.report), measures=not options.report)
    there = [w for w in versions() if w in LIBRARIES and w not in options.without]
    have = {r.key for r in read(path)}
    gc.collect()
    gc.freeze()
    late: set[tuple[str, str, str, str]] = set()
    for factor in FACTORS if not options.report else ():
        if factor.name not in options.factor:
            continue
        for kind, size, point in factor.points(options.minimal):
            if kind not in options.kind:
                continue
            missing = [m for m in ("convert", *METHODS) if ("paper", f"{factor.name}, {kind}", m, size) not in have]
            for row in measure(factor, kind, size, point, missing, there, other, late, options) if missing else ():
                write(path, row)
                found = "  ".join(f"{w} {v.median:.4f}" for w, v in row.values.items())
                found += "".join(f"  {w} fails: {what}" for w, what in row.failed.items())
                print(f"{row.case} {size}  {row.method}  {found}", flush=True)
    if other is not None:
        other.close()
    rows = read(path)
    found = "\n".join(summary(rows))
    made = [convert(options.out, rows, about), *plots(options.out, rows)]
    print("\n".join([found, *(f"wrote {p}" for p in made)]))
    if options.page is not None:
        parts = renew(options.page, {"paper": f"{said(about)}\n\n{found}"})
        print(f"{options.page}: {', '.join(parts) or 'no marks'}")
    return 0


def measure(
    factor: Factor,
    kind: str,
    size: int,
    point: Point,
    methods: Sequence[str],
    libraries: Sequence[str],
    other: Interpreter | None,
    late: set[tuple[str, str, str, str]],
    options: argparse.Namespace,
) -> list[Measured]:
    """All methods at one point. Who took longer than the limit is in `late`, and is not asked again at larger sizes."""
    x, references = point.data(point.batch, 1), point.data(options.references, 2)
    spent: dict[str, Spent] = {m: {} for m in methods}
    failed: dict[str, dict[str, str]] = {m: {} for m in methods}
    for seed in range(options.models):
        net = Net(point.net, x[:2], seed)
        loads = [seconds_of(lambda net=net: ox.load(net.source, verify="never")) for _ in range(2)]  # type: ignore[misc]
        if "convert" in methods:
            spent["convert"].setdefault("onnxplain", []).append(min(loads))
        beside = {"innvestigate": Innvestigate(net.net, other)} if other is not None else {}
        for name in (m for m in methods if m != "convert"):
            ask = ask_for(name, x, references, point.outputs)
            calls: dict[str, Call] = {"onnxplain": partial(ours.explain, net.model, ask)}
            calls |= {w: partial(p.run, ask) for w, p in net.peers(libraries, ask.method).items()}
            calls |= {w: Turn(p, ask) for w, p in beside.items() if p.knows(ask.method)}
            calls = {w: c for w, c in calls.items() if (factor.name, kind, name, w) not in late}
            seen, said = interleaved(calls, options.rounds, options.limit, list(calls), least=0.02)
            failed[name] |= said
            for w, seconds in seen.items():
                spent[name].setdefault(w, []).append(statistics.median(seconds))
                if spent[name][w][-1] > options.limit:
                    late.add((factor.name, kind, name, w))
    row: Callable[..., Measured] = partial(Measured, "paper", f"{factor.name}, {kind}", unit="s", size=size)
    return [row(method=m, values={w: _mean(s) for w, s in spent[m].items()}, failed=failed[m]) for m in methods]


def _mean(seconds: Sequence[float]) -> Spread:
    return Spread(statistics.mean(seconds), min(seconds), max(seconds))


def _options(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.paper", description="The run-time grids of the innsight paper."
    )
    parser.add_argument(
        "--minimal", action="store_true", help="the paper's minimal mode: five sizes each, 4 references, 1 model"
    )
    parser.add_argument("--factor", nargs="+", choices=[f.name for f in FACTORS], default=[f.name for f in FACTORS])
    parser.add_argument("--kind", nargs="+", choices=("tab", "img"), default=["tab", "img"])
    parser.add_argument(
        "--models", type=int, help="nets of random weights per point (20, as the paper; 1 with --minimal)"
    )
    parser.add_argument(
        "--references", type=int, help="for DeepSHAP and expected gradients (10, as the paper; 4 with --minimal)"
    )
    parser.add_argument(
        "--rounds", type=int, default=2, help="rounds per net, all libraries in turn; the median counts (2)"
    )
    parser.add_argument(
        "--limit",
        type=float,
        help="who takes more CPU seconds is not asked at larger sizes (20; 5 with --minimal)",
    )
    parser.add_argument("--without", nargs="*", default=[], choices=LIBRARIES, help="libraries to leave out")
    parser.add_argument(
        "--innvestigate", metavar="PYTHON", help="an interpreter that has innvestigate and TensorFlow 2.14"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/paper"), help="folder for rows, tables and plots (out/paper)"
    )
    parser.add_argument("--page", type=Path, help="a Markdown page with a mark for the table of all points")
    parser.add_argument("--resume", action="store_true", help="keep the lines that OUT has, measure the others")
    parser.add_argument("--report", action="store_true", help="measure nothing: tables and plots of what OUT has")
    options = parser.parse_args(arguments)
    options.models = options.models or (1 if options.minimal else 20)
    options.references = options.references or (4 if options.minimal else 10)
    options.limit = options.limit or (5.0 if options.minimal else 20.0)
    return options


if __name__ == "__main__":
    sys.exit(main())
