"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

PARTS = ("speed", "start", "memory", "scaling")
LIBRARIES = ("captum", "zennit", "shap", "tangermeme", "lxt")


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Speed, start, memory and scaling beside plain autograd and other libraries. "
        "What is measured is kept line by line in OUT/rows.jsonl; --resume goes on where a run was broken off.",
    )
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="parts of the suite (all)")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="cases by name, such as 'MLP*'")
    parser.add_argument("--method", default="*", metavar="PATTERN", help="methods, such as 'epsilon'")
    parser.add_argument("--without", nargs="*", default=[], choices=LIBRARIES, help="libraries to leave out")
    parser.add_argument("--quick", action="store_true", help="small nets and few rounds: some minutes")
    parser.add_argument("--long", action="store_true", help="the cases that take minutes each, too")
    parser.add_argument("--rounds", type=int, help="rounds of each line (5; 3 in a quick run)")
    parser.add_argument(
        "--limit", type=float, help="CPU seconds after which a line gets no further round (25; 3 in a quick run)"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads that torch and onnxruntime may use (2)")
    parser.add_argument("--targets", action="store_true", help="beside each line what onnxplain should reach")
    parser.add_argument(
        "--strict", action="store_true", help="exit 1 where a target is missed or a cost jumps; implies --targets"
    )
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder for what is measured (out/bench)")
    parser.add_argument("--resume", action="store_true", help="keep the lines that OUT has, measure the others")
    parser.add_argument(
        "--report", action="store_true", help="measure nothing: tables, plots and exit code of what OUT has"
    )
    parser.add_argument(
        "--page", type=Path, help="a Markdown page whose marked tables are written anew, docs/performance.md"
    )
    options = parser.parse_args(arguments)
    options.targets = options.targets or options.strict
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.limit = options.limit or (3.0 if options.quick else 25.0)
    return options
