"""The same verbs from a shell: `onnxplain inspect | explain | check | convert | demo`.

Exit status: 0 done; 2 bad input, with one typed message on stderr; 1 a defect of onnxplain itself.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence

from ..errors import OnnxplainError
from .arguments import convert_arguments, parser

BAD_INPUT, DEFECT, INTERRUPTED = 2, 1, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; `argv` defaults to the process's arguments."""
    return _run(parser().parse_args(argv))


def convert_main(argv: Sequence[str] | None = None) -> int:
    """`onnxplain-convert`: the verb convert on its own."""
    p = argparse.ArgumentParser(prog="onnxplain-convert", description="A framework's model as ONNX.")
    convert_arguments(p)
    p.set_defaults(verb="convert")
    return _run(p.parse_args(argv))


def _run(args: argparse.Namespace) -> int:
    os.environ.setdefault("MPLBACKEND", "Agg")
    try:
        with warnings.catch_warnings():
            if not args.debug:
                warnings.showwarning = _warn  # type: ignore[assignment]
            from .commands import VERBS

            VERBS[args.verb](args)
            sys.stdout.flush()
            return 0
    except BrokenPipeError:  # the reader of a pipe has gone: no further output, no complaint
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except OnnxplainError as e:
        if args.debug:
            raise
        return _say(f"{type(e).__name__}: {e}", BAD_INPUT)
    except Exception as e:
        if args.debug:
            raise
        return _say(f"unexpected {type(e).__name__}: {e} (--debug shows where; please report it)", DEFECT)


def _say(message: str, status: int) -> int:
    print(f"onnxplain: {message}", file=sys.stderr)
    return status


def _warn(message: Warning | str, *_: object) -> None:
    print(f"onnxplain: warning: {message}", file=sys.stderr)
