"""Runs the cases and writes their table."""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import warnings
from pathlib import Path

# threads that wait must sleep: on a busy machine CPU time would count their spinning
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from .cases import CASES, OTHERS, Row
from .clock import medians
from .peers import installed
from .table import Measured, as_json, cells, facts, markdown, text


def main() -> int:
    options = _options()
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore")
    versions = {}
    for library in OTHERS:
        if (version := installed(library)) is None:
            print(f"{library} is not installed: left out", file=sys.stderr)
        else:
            versions[library] = version
    rounds = options.rounds or (3 if options.quick else 7)
    limit = 3.0 if options.quick else 40.0
    measured: list[Measured] = []
    for case in CASES:
        if (options.quick and not case.quick) or not fnmatch.fnmatchcase(case.name, options.only):
            continue
        for row in case.rows([v for v in versions if v not in options.without]):
            if fnmatch.fnmatchcase(row.method, options.method):
                measured.append(_measure(row, rounds, limit))
                print(text(cells(measured[-1:], options.targets)[1:]), flush=True)
    if not measured:
        print(f"no case is called {options.only!r} with method {options.method!r}", file=sys.stderr)
        return 2
    about, table = facts(versions, rounds), cells(measured, options.targets)
    print("\n" + text(table))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "benchmarks.json").write_text(as_json(measured, about), encoding="utf-8")
        (options.out / "benchmarks.md").write_text(markdown(table, about), encoding="utf-8")
        print(f"\nwrote {options.out / 'benchmarks.md'} and benchmarks.json")
    missed = [r for r in measured if r.met is False]
    if options.targets:
        print(f"\n{len(missed)} of {sum(r.met is not None for r in measured)} targets missed")
    return int(options.strict and bool(missed))


def _measure(row: Row, rounds: int, limit: float) -> Measured:
    seconds = medians({"floor": row.floor, **row.calls}, rounds, limit)
    floor = seconds.pop("floor")
    unit = floor if row.nodes is None else 1e-6 * row.nodes
    ratios = {w: s / unit for w, s in seconds.items()}
    if row.nodes is not None:
        ratios["autograd"] = floor / unit
    return Measured(row.case, row.method, 1e3 * floor, ratios, row.differences(), row.nodes is not None)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description="Speed beside captum, zennit and plain autograd.")
    parser.add_argument("--quick", action="store_true", help="small nets and few rounds: a minute or two")
    parser.add_argument("--targets", action="store_true", help="beside each row what onnxplain should reach")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a target is missed; implies --targets")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="cases by name, such as 'MLP*'")
    parser.add_argument("--method", default="*", metavar="PATTERN", help="methods, such as 'epsilon'")
    parser.add_argument("--without", nargs="*", default=[], choices=list(OTHERS), help="libraries to leave out")
    parser.add_argument("--rounds", type=int, help="rounds of each row (7; 3 in a quick run)")
    parser.add_argument("--threads", type=int, default=2, help="threads that torch may use (2)")
    parser.add_argument("--out", type=Path, help="folder for benchmarks.md and benchmarks.json")
    options = parser.parse_args()
    options.targets = options.targets or options.strict
    return options


if __name__ == "__main__":
    sys.exit(main())
