"""A recurrent node: directions, layout, first states, lengths of sequences and outputs around the steps of a cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, ValueInfoProto, helper, numpy_helper

from ..body import Body
from .activations import activations
from .cells import Cell
from .direction import Direction

DIRECTIONS: dict[bytes, tuple[str, ...]] = {
    b"forward": ("forward",),
    b"reverse": ("reverse",),
    b"bidirectional": ("forward", "reverse"),
}
LENGTHS = 4


@dataclass(frozen=True)
class Lengths:
    """`there` (steps, samples, 1): whether a sample's sequence has this step; `some` (samples, 1): whether it has any."""

    there: str
    some: str


@dataclass(frozen=True)
class Run:
    """What one direction made: every step's hidden state, and the last of each state."""

    every: str
    last: tuple[str, ...]


def recurrent(cell: Cell) -> Callable[[Body], None]:
    """What writes a node of this cell. x Wᵀ + b is one product over all steps; only what needs the state is in the Scan.

    A sample whose sequence is shorter keeps its states beyond the end, and its outputs there are 0: a scan from the back
    keeps the first states until it comes to the sample's own end. Of one without any step all is 0, as in onnxruntime.
    """

    def write(b: Body) -> None:
        names = DIRECTIONS.get(b.attr("direction", b"forward"))
        size = b.attr("hidden_size") or b.size(b.input(2), 2)
        functions = None if names is None else activations(b, cell.functions * len(names))
        if names is None or functions is None or size is None or b.attr("clip", 1.0) <= 0:
            return
        lengths, each = _lengths(b), len(cell.functions)
        made = [
            _run(cell, Direction(b, k, name, size, functions[k * each : (k + 1) * each]), name == "reverse", lengths)
            for k, name in enumerate(names)
        ]
        _outputs(b, made)

    return write


def _run(cell: Cell, d: Direction, backward: bool, lengths: Lengths | None) -> Run:
    """The Scan of one direction."""
    b, step = d.b, d.step
    before = [f"{d.name}/before {i}" for i in range(len(cell.states))]
    after = list(cell.write(d, *before))
    shown = after[0]
    if lengths is not None:
        there = d.scanned(lengths.there, 0)
        shown = step("Where", there, after[0], b.number(0.0), at="output")
        pairs = enumerate(zip(after, before, strict=True))
        after = [step("Where", there, new, old, at=f"after {i}") for i, (new, old) in pairs]
    for n in step.nodes:
        n.name = n.name.removeprefix(f"{d.name}/")
    reads = [*before, *(inside for _, inside, _ in d.scans)]
    body = helper.make_graph(
        step.nodes, d.name, [ValueInfoProto(name=v) for v in reads], [ValueInfoProto(name=v) for v in (*after, shown)]
    )
    last = [d.name, *(f"{d.name}/last {i}" for i in range(1, len(after)))]
    every = f"{d.name}/every"
    b(
        "Scan",
        *(_first(d, i) for i in cell.states),
        *(outside for outside, _, _ in d.scans),
        at=d.direction,
        more=[*last[1:], every],
        body=body,
        num_scan_inputs=len(d.scans),
        scan_input_axes=[axis for *_, axis in d.scans],
        scan_input_directions=[int(backward)] * len(d.scans),
        scan_output_axes=[b.attr("layout", 0)],
        scan_output_directions=[int(backward)],
    )
    if lengths is not None:
        last = [b("Where", lengths.some, v, b.number(0.0)) for v in last]
    return Run(every, tuple(last))


def _first(d: Direction, i: int) -> str:
    """The state before the first step: that of input i, or zeros; one that is constant serves as many samples as x has."""
    b = d.b
    if b.varies(i):
        return d.own(i, axis=b.attr("layout", 0))
    rows = b("Concat", _sizes(b, 1 - b.attr("layout", 0)), b.ints(1 if not b.input(i) else d.size), axis=0)
    if not b.input(i):
        return b("Tile", b("Reshape", b.number([0.0] * d.size), b.ints(1, -1)), rows)
    state = d.own(i, axis=b.attr("layout", 0))
    return b("Expand", state, rows) if b.opset >= 8 else state


def _sizes(b: Body, axis: int) -> str:
    """The size of one of x's axes, along one axis."""
    return b("Gather", b("Shape", b.input(0)), b.ints(axis), axis=0)


def _lengths(b: Body) -> Lengths | None:
    """None where all sequences have all steps."""
    if not b.input(LENGTHS):
        return None
    one = numpy_helper.from_array(np.ones(1, np.int64))
    steps = b("NonZero", b("ConstantOfShape", _sizes(b, b.attr("layout", 0)), value=one))
    lengths = b("Reshape", b("Cast", b.input(LENGTHS), to=TensorProto.INT64), b.ints(-1, 1))
    there = b("Less", b("Reshape", steps, b.ints(-1, 1, 1)), lengths, at="there")
    return Lengths(there, b("Less", b.whole(0), lengths, at="some"))


def _outputs(b: Body, made: list[Run]) -> None:
    """Y, Y_h and Y_c, each with an axis of directions."""
    layout = b.attr("layout", 0)
    wanted = [[run.every for run in made], *([run.last[i] for run in made] for i in range(len(made[0].last)))]
    for k, values in enumerate(wanted):
        name, axis = b.output(k), 1 + layout if k == 0 else layout
        if not name:
            continue
        if len(values) == 1:
            b.with_axes("Unsqueeze", values[0], [axis], result=name)
        else:
            b("Concat", *(b.with_axes("Unsqueeze", v, [axis]) for v in values), axis=axis, result=name)
