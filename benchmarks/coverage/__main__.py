"""Exports, measures, and writes the page."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .names import ALL, file_name
from .page import good, page

MISSING = "ModuleNotFoundError"


def main() -> int:
    options = _options()
    chosen = [n for n in ALL if fnmatch.fnmatchcase(n, options.only)]
    if not chosen and not options.backend:
        print(f"no architecture is called {options.only!r}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as made:
        folder = options.models or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        results: dict[str, Any] = {}
        if options.results is not None and options.results.exists():
            results = json.loads(options.results.read_text(encoding="utf-8"))
        for name in chosen:
            if not options.page_only and (options.again or name not in results):
                results[name] = _one(name, folder, options)
                print(f"{name}: {_said(results[name])}", flush=True)
                if options.results is not None:
                    options.results.write_text(json.dumps(results, indent=1), encoding="utf-8")
        backend = _backend(options)
    if options.out is not None:
        kept = {n: r for n, r in results.items() if n in ALL and MISSING not in r.get("export_error", "")}
        options.out.write_text(page(kept, {n: (a.family, a.note) for n, a in ALL.items()}, backend), encoding="utf-8")
    bad = [n for n in chosen if n in results and "export_error" not in results[n] and not good(results[n])]
    print(f"{len(bad)} of {len(results)} are not as they should be: {', '.join(bad)}")
    return 0


def _one(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    path = folder / file_name(name)
    if not path.with_name(path.name + ".json").exists():
        error = _run([f"{__package__}.export", name, str(folder)], options.limit_seconds)
        if error:
            return {"export_error": error}
    with tempfile.TemporaryDirectory() as made:
        out = Path(made) / "result.json"
        error = _run([f"{__package__}.measure", str(path), str(out)], options.limit_seconds)
        found = json.loads(out.read_text()) if out.exists() else {"nodes_error": error}
    found["how"] = json.loads(path.with_name(path.name + ".json").read_text())["how"]
    if options.models is None:
        for suffix in (".onnx", ".npz", ".json"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    return found


def _run(module: list[str], limit: float) -> str:
    """What went wrong in a process of its own; nothing where nothing did."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", *module],
            check=False,
            capture_output=True,
            text=True,
            timeout=limit,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        return f"took more than {limit:g} s"
    last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
    return "" if done.returncode == 0 else (last or [f"exit status {done.returncode}"])[0][:500]


def _said(row: dict[str, Any]) -> str:
    errors = [f"{k}: {v[:200]}" for k, v in row.items() if k.endswith("_error")]
    return (
        "; ".join(errors)
        if errors
        else "as it should be"
        if good(row)
        else str({k: row.get(k) for k in ("parity", "gradient", "deeplift_64", "deeplift_32", "lrp")})
    )


def _backend(options: argparse.Namespace) -> str:
    """The node tests' part of the page: made now, or as it was made last."""
    if not options.backend:
        return (
            options.backend_page.read_text(encoding="utf-8")
            if options.backend_page and options.backend_page.exists()
            else ""
        )
    from .backend import RUNNERS, markdown, score

    text = markdown({(r, stored): score(r, stored, options.filter) for r in RUNNERS for stored in (False, True)})
    print(text)
    if options.backend_page:
        options.backend_page.write_text(text, encoding="utf-8")
    return text


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.coverage", description="Many architectures: parity, exactness, cost."
    )
    parser.add_argument("--only", default="*", metavar="PATTERN", help="architectures by name, such as 'timm/*'")
    parser.add_argument("--out", type=Path, help="the page, such as docs/coverage.md")
    parser.add_argument(
        "--results", type=Path, help="JSON that results are added to; what it holds is not measured again"
    )
    parser.add_argument("--again", action="store_true", help="measure again what --results holds")
    parser.add_argument("--page-only", action="store_true", help="only write the page of what --results holds")
    parser.add_argument("--models", type=Path, help="folder where exported models are kept and found again")
    parser.add_argument("--limit-seconds", type=float, default=900, help="for each export and each measurement (900)")
    parser.add_argument("--backend", action="store_true", help="also run ONNX's node tests, here and with onnx2torch")
    parser.add_argument("--backend-page", type=Path, help="file where the node tests' part of the page is kept")
    parser.add_argument("--filter", default="", help="which node tests: a regular expression")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
