"""The same numbers as the other libraries, as in the paper's section 5.1: `python -m benchmarks.paper.agreement --help`.

Untrained nets, float32, 16 samples ~ N(0, 1), 32 references. For every sample and output the mean absolute difference over the
features; the table has its median and its largest over all nets.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .. import ask as ours
from ..contest import Net
from ..facts import facts
from ..options import LIBRARIES
from ..peers import versions
from ..table import Line, markdown, said, text
from .innvestigate import Innvestigate, Interpreter
from .methods import METHODS, ask_for
from .models import FEATURES, image_net, table_net

#: random draws differ from library to library
METHODS_COMPARED = [m for m in METHODS if m != "ExpectedGradient"]
BATCH, REFERENCES, SIDE = 16, 32, 32
Config = tuple[str, Callable[[], nn.Module], tuple[int, ...], int]
#: (data and pool, method, library) → one mean absolute difference per sample and output
Found = dict[tuple[str, str, str], list[np.ndarray]]


def configs() -> Iterator[Config]:
    """(name, net, shape of a sample, outputs): 8 for tables, 24 for images."""
    for bias, activation, outputs in itertools.product((True, False), ("relu", "tanh"), (1, 5)):
        yield "tab", partial(table_net, 1, 64, outputs, bias, activation), (FEATURES,), outputs
        for pool in ("none", "avg", "max"):
            name = "img" if pool == "none" else f"img, {pool} pool"
            yield name, partial(image_net, SIDE, 1, 5, outputs, bias, activation, pool), (3, SIDE, SIDE), outputs


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.paper.agreement")
    parser.add_argument(
        "--models", type=int, default=1, help="nets of random weights per configuration (1; the paper has 50)"
    )
    parser.add_argument(
        "--innvestigate", metavar="PYTHON", help="an interpreter that has innvestigate and TensorFlow 2.14"
    )
    parser.add_argument("--without", nargs="*", default=[], choices=LIBRARIES, help="libraries to leave out")
    parser.add_argument(
        "--out", type=Path, default=Path("out/paper"), help="folder for agreement.md and agreement.json"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    other = Interpreter(options.innvestigate) if options.innvestigate else None
    libraries = [w for w in versions() if w not in options.without]
    found: Found = {}
    for name, make, shape, outputs in configs():
        for seed in range(options.models):
            compare(name, make, shape, outputs, seed, libraries, other, found)
    if other is not None:
        other.close()
    about = facts(1) | ({"innvestigate": other.about["version"]} if other else {})
    lines = table(found)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "agreement.md").write_text(f"{said(about)}\n\n{markdown(lines)}\n", encoding="utf-8")
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    (options.out / "agreement.json").write_text(
        json.dumps({"about": about, "rows": rows}, ensure_ascii=False), encoding="utf-8"
    )
    print(text(lines))
    return 0


def compare(
    name: str,
    make: Callable[[], nn.Module],
    shape: tuple[int, ...],
    outputs: int,
    seed: int,
    libraries: Sequence[str],
    other: Interpreter | None,
    found: Found,
) -> None:
    random = torch.Generator().manual_seed(seed)
    x, references = torch.randn(BATCH, *shape, generator=random), torch.randn(REFERENCES, *shape, generator=random)
    net = Net(make, x, seed)
    beside = {"innvestigate": Innvestigate(net.net, other)} if other is not None else {}
    for method in METHODS_COMPARED:
        ask = ask_for(method, x, references, outputs, **({"n": 20} if method == "IntegratedGradient" else {}))
        peers = net.peers(libraries, ask.method) | {w: p for w, p in beside.items() if p.knows(ask.method)}
        if not peers:
            continue
        mine = ours.values(ours.explain(net.model, ask))
        for w, peer in peers.items():
            found.setdefault((name, method, w), []).append(mean_absolute(mine, peer.run(ask)))


def mean_absolute(mine: Tensor, theirs: Tensor) -> np.ndarray:
    """(targets · samples,)"""
    return (mine - theirs).abs().flatten(2).mean(-1).flatten().detach().numpy()


def table(found: Found) -> list[Line]:
    lines: list[Line] = [("data", "method", "library", "median", "largest")]
    for (name, method, w), parts in found.items():
        each = np.concatenate(parts)
        lines.append((name, method, w, f"{np.median(each):.0e}", f"{each.max():.0e}"))
    return lines


if __name__ == "__main__":
    sys.exit(main())
