"""Measures, keeps every line at once, reports: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import fnmatch
import gc
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

# threads that wait must sleep: on a busy machine CPU time would count their spinning
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from . import memory, page, report, scaling, starting
from .cases import CASES
from .facts import facts, kept
from .job import Job, Settings
from .measured import Measured, read, write
from .options import LIBRARIES, parsed
from .peers import versions
from .table import cells, text

#: part → its jobs
PARTS: dict[str, Callable[[], Iterator[Job]]] = {
    "speed": lambda: chain.from_iterable(case.jobs() for case in CASES),
    "start": starting.jobs,
    "memory": memory.jobs,
    "scaling": scaling.jobs,
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore")
    path = options.out / "rows.jsonl"
    known = options.resume or options.report
    if not known:
        path.unlink(missing_ok=True)
    jobs = [] if options.report else chosen(options)
    if not jobs and not options.report:
        print(f"no case is called {options.only!r} with method {options.method!r} in {options.part}", file=sys.stderr)
        return 2
    about = kept(options.out, facts(options.rounds), fresh=not known, measures=not options.report)
    have = {r.key for r in read(path)}
    measure([j for j in jobs if j.key not in have], options)
    rows = read(path)
    print("\n" + report.shown(rows, options.targets))
    for file in report.write(options.out, rows, about, options.targets):
        print(f"wrote {file}")
    if options.page is not None:
        print(f"{options.page}: {', '.join(page.renew(options.page, report.on_page(rows, about))) or 'no marks'}")
    if options.targets:
        print("\n" + "\n".join(report.summary(rows)))
    return int(options.strict and report.failed(rows))


def chosen(options: argparse.Namespace) -> list[Job]:
    """The jobs that are asked for: a quick run takes the quick ones, any other all but the long ones, unless they are asked for."""
    return [
        job
        for part in options.part
        for job in PARTS[part]()
        if fnmatch.fnmatchcase(job.case, options.only)
        and fnmatch.fnmatchcase(job.method, options.method)
        and (job.quick or not options.quick)
        and (options.long or not job.long)
    ]


def measure(jobs: Sequence[Job], options: argparse.Namespace) -> None:
    there = versions() if jobs else {}
    libraries = tuple(w for w in there if w not in options.without)
    for missing in [w for w in LIBRARIES if w not in there] if jobs else []:
        print(f"{missing} is not installed: left out", file=sys.stderr)
    gc.collect()
    gc.freeze()  # what the libraries made on import need not be looked through before every measurement
    settings, began = Settings(options.rounds, options.limit, libraries), time.monotonic()
    for i, job in enumerate(jobs):
        row: Measured = job.run(settings)
        write(options.out / "rows.jsonl", row)
        line = text(cells([row], options.targets)[1:])
        print(f"[{i + 1}/{len(jobs)}, {(time.monotonic() - began) / 60:.1f} min]  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
