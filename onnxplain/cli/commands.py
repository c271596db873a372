"""The verbs: each takes the parsed arguments, prints what it did, and raises `OnnxplainError` for bad input."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConverterError, InputError, UnsupportedOpError
from . import arguments as words
from .data_files import READERS, Table, read_data, read_plain
from .images import Preprocess
from .output import make_folder, save_figure, write
from .text import audit_lines, coverage_lines, feature_lines, method_lines, only_calls, result_lines

Say = Callable[..., None]


def inspect(args: argparse.Namespace) -> None:
    model = _load(args)
    print(model)
    if args.method or args.composite:
        print()
        print("\n".join(coverage_lines(model, _method(args, model))))
    if args.dot:
        write(args.dot, lambda fresh: fresh.write_text(model.graph.to_dot() + "\n", encoding="utf-8"))
        print(f"wrote {args.dot}")


def explain(args: argparse.Namespace) -> None:
    import onnxplain as ox

    say: Say = (lambda *_: None) if args.quiet else print
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f"--out {args.out} is a file; name a folder")
    model = _load(args)
    data = _data(args, model)
    e = ox.explain(
        model,
        data,
        _method(args, model),
        target=_target(args.target),
        layers=words.words(args.layers),
        max_memory=words.size(args.max_memory),
        seed=args.seed,
        progress=False if args.quiet else "auto",
    )
    say(e)
    say("\n".join(["", *result_lines(e, model.labels or {}), *feature_lines(e)]))
    say("\n" + "\n".join(f"wrote {path}" for path in _results(args, e)))


def check(args: argparse.Namespace) -> None:
    import onnxplain as ox

    model = _load(args, verify="never" if args.verify == "never" else "always")
    print(f"{model}\n")
    if args.verify != "never":
        print("onnxruntime: equal outputs on random data")
    data = _data(args, model) if args.data or args.input else None
    if data is not None:
        model.check(data)
        print("onnxruntime: equal outputs on the data given")
    print("\n".join(["", *method_lines(model)]))
    if data is not None:
        e = ox.explain(model, data, _method(args, model), progress=False)
        print("\n".join(["", str(e), "", *audit_lines(e)]))


def convert(args: argparse.Namespace) -> None:
    from ..sources import converted

    if not args.source.exists():
        raise InputError(f"there is no file {args.source}")
    if args.target.suffix.lower() != ".onnx":
        raise InputError(f"{args.target}: the file to write ends in .onnx")
    try:
        proto = converted(args.source, {"example": _example(args), "opset": args.opset, **_options(args)})
        content = proto.SerializeToString()
    except ValueError as e:
        raise ConverterError(str(e)) from e
    write(args.target, lambda fresh: fresh.write_bytes(content))
    print(f"wrote {args.target} ({len(content):,} bytes, opset {proto.opset_import[0].version})")


def demo(args: argparse.Namespace) -> None:
    from ..demo import run

    run(args.out)


VERBS: dict[str, Callable[[argparse.Namespace], None]] = {
    "inspect": inspect,
    "explain": explain,
    "check": check,
    "convert": convert,
    "demo": demo,
}


def _load(args: argparse.Namespace, verify: str | None = None) -> Any:
    import onnxplain as ox

    from ..sources import is_converted

    outputs, labels = list(words.words(args.outputs)) or None, _labels(args.labels)
    try:
        return ox.load(
            args.model,
            example=_example(args, is_converted(args.model)),
            outputs=outputs,
            batch_axis=args.batch_axis,
            output_labels=labels,
            dtype=args.dtype,
            device=args.device,
            precision=args.precision,
            verify=verify or args.verify,
            options=_options(args) or None,
        )
    except UnsupportedOpError:
        if args.verb != "explain" or not only_calls(args.method):
            raise
    return ox.BlackBox(args.model, outputs, args.batch_axis, output_labels=labels)


def _example(args: argparse.Namespace, with_data: bool = False) -> Any:
    """The data that a converter is shown: --example, or else DATA itself; None where neither is a file of numbers."""
    data = getattr(args, "data", None) if with_data else None
    path = args.example or (data if data is not None and data.is_file() and data.suffix.lower() in READERS else None)
    found = None if path is None else read_plain(path)
    columns = words.words(getattr(args, "columns", ""))
    return found[columns] if isinstance(found, Table) and columns else found


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """What the framework's converter is told."""
    return {k: words.value(v) for k, v in words.pairs(args.option, "--option").items()}


def _labels(path: Path | None) -> Any:
    """One name per line; or JSON: a list, {"0": name, …}, or one of these by output name."""
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() != ".json":
            return [line.strip() for line in text.splitlines() if line.strip()]
        found = json.loads(text)
    except (OSError, ValueError) as e:
        raise InputError(f"--labels {path} is no list of names: {e}") from e
    counted = [str(i) for i in range(len(found))]
    return [found[i] for i in counted] if isinstance(found, dict) and set(found) == set(counted) else found


def _data(args: argparse.Namespace, model: Any) -> dict[str, Any]:
    named = {k: Path(v) for k, v in words.pairs(args.input, "--input").items()}
    preprocess = Preprocess.parse(args.preprocess) if args.preprocess else None
    data = read_data(args.data, named, model.inputs, preprocess, words.words(args.columns))
    return {n: _rows(x, model.inputs[n].batch_axis, args.samples) for n, x in data.items()}


def _rows(x: Any, axis: int | None, chosen: str | None) -> Any:
    array = np.asarray(x)
    if chosen is None or axis is None or array.ndim <= axis:
        return x
    taken = np.take(array, words.rows(chosen, array.shape[axis]), axis=axis)
    return Table(x.path, x.columns, taken) if isinstance(x, Table) else taken


def _method(args: argparse.Namespace, model: Any) -> Any:
    """The method by name with those parameters that were given; an unknown parameter is the method's own error."""
    import onnxplain as ox

    from ..methods.table import method_from

    options: dict[str, Any] = {k: words.value(v) for k, v in words.pairs(getattr(args, "set", []), "--set").items()}
    for name in ("n_steps", "n_samples"):
        if getattr(args, name, None) is not None:
            options[name] = getattr(args, name)
    if args.composite is not None:
        options["composite"] = words.composite(args.composite)
    if getattr(args, "baseline", None) is not None:
        options["baseline"] = _baseline(args.baseline, model)
    if getattr(args, "data_ref", None) is not None:
        options["data_ref"] = read_data(args.data_ref, {}, model.inputs)
    method = method_from(args.method or "lrp", **options)
    smooth = getattr(args, "smooth", None)
    return method if smooth is None else ox.Smooth(method, n_samples=smooth)


def _baseline(text: str, model: Any) -> Any:
    number = words.value(text)
    if isinstance(number, (int, float)) and not isinstance(number, bool):
        return float(number)
    if not Path(text).exists():
        raise InputError(f"--baseline {text!r} is neither a number nor a file")
    return read_data(Path(text), {}, model.inputs)


def _target(given: list[str] | None) -> Any:
    """--target 3 | gull | 3,5 | predicted | all | top:3 | contrast:3,5; with OUTPUT=… once per output."""
    if not given:
        return "predicted"
    if all("=" in g for g in given):
        return {k: _one_target(v) for k, v in words.pairs(given, "--target").items()}
    if len(given) > 1:
        raise InputError(f"--target is given {len(given)} times: join units by commas, or name outputs as in OUTPUT=3")
    return _one_target(given[0])


def _one_target(text: str) -> Any:
    import onnxplain as ox

    form, colon, rest = text.partition(":")
    units = [int(w) if w.removeprefix("-").isdigit() else w for w in words.words(rest if colon else text)]
    if colon and form == "top" and len(units) == 1 and isinstance(units[0], int):
        return ox.Top(units[0])
    if colon and form == "contrast" and len(units) == 2:
        return ox.Contrast(*units)
    if colon or not units:
        raise InputError(f"--target {text!r}: write top:3, contrast:3,5, predicted, all, or units by commas")
    return units[0] if len(units) == 1 else units


def _results(args: argparse.Namespace, e: Any) -> list[Path]:
    """Writes what was asked for; every file appears whole or not at all."""
    make_folder(args.out)
    written = [args.out / f"attributions.{args.format}"]
    if args.format in ("npz", "nc"):
        e.save(written[0])
    elif args.format == "csv":
        write(written[0], lambda fresh: e.to_frame().to_csv(fresh, index=False))
    else:
        write(written[0], lambda fresh: e.to_frame().to_parquet(fresh, index=False))
    if args.plots:
        for i in range(len(next(iter(e.predictions.values())))):
            written.append(args.out / f"sample-{i:03d}.png")
            save_figure(e.plot(sample=i), written[-1])
    if args.report:
        written.append(args.out / "report.html")
        e.report(written[-1])
    return written
