"""The command line's words: verbs, arguments, and how an argument's text becomes a value. Imports nothing heavy."""

from __future__ import annotations

import argparse
import ast
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..errors import InputError

DATA_HELP = ".npy, .npz (keys are inputs), .csv or .parquet (columns are features), .png or .jpg, or a folder of these"
UNITS = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="onnxplain", description="Explains the predictions of any ONNX model exactly.")
    top.add_argument("--version", action="version", version=f"onnxplain {_version()}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    _inspect(verbs.add_parser("inspect", help="what a model holds: inputs, outputs, nodes, kinds, rules"))
    _explain(verbs.add_parser("explain", help="attributions of a model's outputs to its inputs"))
    _check(verbs.add_parser("check", help="compare with onnxruntime; say which methods cover the model; audit"))
    convert_arguments(verbs.add_parser("convert", help="a framework's model as ONNX"))
    _demo(verbs.add_parser("demo", help="explain two small trained models that come with onnxplain"))
    return top


def _inspect(p: argparse.ArgumentParser) -> None:
    _model(p)
    p.add_argument("--method", help="show the rule that this method uses at every node")
    p.add_argument("--composite", help="with --method lrp: which composite")
    p.add_argument("--dot", type=Path, metavar="FILE", help="write the graph for Graphviz")


def _explain(p: argparse.ArgumentParser) -> None:
    _model(p)
    _data(p)
    m = p.add_argument_group("method")
    m.add_argument("--method", default="lrp", help="default: lrp")
    m.add_argument("--composite", help="LRP's rules by name: epsilon_plus, epsilon_alpha2_beta1, …")
    m.add_argument("--baseline", metavar="NUMBER|FILE", help="what the data are compared with; default 0")
    m.add_argument("--data-ref", type=Path, metavar="FILE", help="reference data of expected_gradients, deepshap, the SHAPs")
    m.add_argument("--n-steps", type=int, metavar="N", help="points on the path of integrated_gradients")
    m.add_argument("--n-samples", type=int, metavar="N", help="random draws of smoothgrad and expected_gradients")
    m.add_argument("--smooth", type=int, metavar="N", help="average the method over N noisy copies of the data")
    m.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any other parameter of the method")
    t = p.add_argument_group("what is explained")
    t.add_argument(
        "--target",
        action="append",
        help="predicted (default), all, top:3, contrast:3,5, a unit, a label, several by commas; OUTPUT=… for one output",
    )
    t.add_argument("--layers", default="", metavar="A,B", help="internal values to report as well")
    o = p.add_argument_group("result")
    o.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="folder; default: ./out")
    o.add_argument("--format", default="npz", choices=("npz", "nc", "csv", "parquet"), help="default: npz")
    o.add_argument("--report", action="store_true", help="also report.html, one file that needs nothing else")
    o.add_argument("--plots", action="store_true", help="also one picture per sample")
    r = p.add_argument_group("run")
    r.add_argument("--seed", type=int, help="for methods that draw random numbers")
    r.add_argument("--max-memory", metavar="SIZE", help="upper bound for working memory, such as 2GB")
    r.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")


def _check(p: argparse.ArgumentParser) -> None:
    _model(p)
    _data(p)
    p.add_argument("--method", default="lrp", help="the method audited on DATA; default: lrp")
    p.add_argument("--composite", help="LRP's rules by name")


def convert_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("source", type=Path, metavar="SOURCE", help="a model file")
    p.add_argument("target", type=Path, metavar="MODEL.onnx", help="where the ONNX file goes")
    p.add_argument("--opset", type=int, help="the operator set to write")
    _option(p)
    _debug(p)


def _demo(p: argparse.ArgumentParser) -> None:
    p.add_argument("--out", type=Path, default=Path("demo-output"), metavar="DIR", help="default: ./demo-output")
    _debug(p)


def _model(p: argparse.ArgumentParser) -> None:
    p.add_argument("model", type=Path, metavar="MODEL", help="an ONNX file, or one that convert takes")
    g = p.add_argument_group("model")
    g.add_argument("--outputs", default="", metavar="A,B", help="cut the model at these values")
    g.add_argument("--batch-axis", type=int, metavar="N", help="the axis that holds the samples; default 0")
    g.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    g.add_argument("--device", default="cpu")
    g.add_argument("--precision", default="float32", choices=("float32", "tf32", "bfloat16"), help="digits that products read")
    g.add_argument("--verify", default="auto", choices=("auto", "always", "never"), help="onnxruntime's values at load")
    g.add_argument("--labels", type=Path, metavar="FILE", help="the output's units: one name per line, or JSON")
    _option(g)
    _debug(p)


def _data(p: argparse.ArgumentParser) -> None:
    p.add_argument("data", nargs="?", type=Path, metavar="DATA", help=DATA_HELP)
    g = p.add_argument_group("data")
    g.add_argument("--input", action="append", default=[], metavar="NAME=FILE", help="one input's own data")
    g.add_argument("--columns", default="", metavar="A,B", help="the columns of a table to take, in this order")
    g.add_argument("--preprocess", metavar="WORDS", help="of pictures: 0-1, signed or imagenet; mean=…, size=224, crop …")
    g.add_argument("--samples", metavar="WHICH", help="rows to take: 5, 0:10 or 1,4,7")


def _option(p: argparse._ActionsContainer) -> None:
    p.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="of the framework's converter: activation=softplus"
    )
    p.add_argument(
        "--example", type=Path, metavar="FILE", help="what a framework's model takes, where it must be shown: DATA without pictures"
    )


def _debug(p: argparse.ArgumentParser) -> None:
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _version() -> str:
    try:
        return version("onnxplain")
    except PackageNotFoundError:
        return "(not installed)"


def words(text: str) -> tuple[str, ...]:
    return tuple(w.strip() for w in text.split(",") if w.strip())


def value(text: str) -> Any:
    """A Python literal where the text is one, else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def composite(text: str) -> Any:
    """A composite's name as it is; `EpsilonGammaBox(low=0, high=1)` and `Gamma(0.1)` as the thing itself."""
    if "(" not in text:
        return text
    from ..rules.composites import COMPOSITES, RULES

    known: dict[str, Any] = {**COMPOSITES, **RULES}
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in known):
            raise InputError(f"--composite {text!r}: write a name, or one of {', '.join(known)} with its numbers")
        numbers = {k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg}
        return known[call.func.id](*map(ast.literal_eval, call.args), **numbers)
    except (SyntaxError, ValueError, TypeError) as e:
        raise InputError(f"--composite {text!r}: {e}") from e


def pairs(items: list[str], option: str) -> dict[str, str]:
    """NAME=VALUE, given any number of times."""
    found = {}
    for item in items:
        name, equals, given = item.partition("=")
        if not (name and equals and given):
            raise InputError(f"{option} wants NAME=VALUE, got {item!r}")
        found[name] = given
    return found


def size(text: str | None) -> int | None:
    """'2GB' → 2·10⁹ bytes."""
    if text is None:
        return None
    number, unit = text.strip().lower().removesuffix("b").removesuffix("i"), 1
    if number and number[-1] in UNITS:
        number, unit = number[:-1], UNITS[number[-1]]
    try:
        bytes_ = int(float(number) * unit)
        if bytes_ <= 0:
            raise ValueError
    except ValueError:
        raise InputError(f"--max-memory wants a size such as 500MB or 2GB, got {text!r}") from None
    return bytes_


def rows(text: str, n: int) -> list[int]:
    """'5' → [5], '0:10' → the first ten, '1,4,7' → these."""
    try:
        if ":" in text:
            chosen = list(range(n))[slice(*(int(p) if p else None for p in text.split(":")))]
        else:
            chosen = [int(w) for w in words(text)]
    except (ValueError, TypeError):
        raise InputError(f"--samples wants 5, 0:10 or 1,4,7, got {text!r}") from None
    outside = [i for i in chosen if not -n <= i < n]
    if outside or not chosen:
        raise InputError(f"--samples {text}: the data hold samples 0 to {n - 1}")
    return chosen
