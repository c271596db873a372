"""What a plot shows: a sample, a target and some inputs of an explanation, or an error that lists the choices."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .attribution import Attribution
from .lookup import listed

if TYPE_CHECKING:
    from ..explanation import Explanation


def pick_sample(e: Explanation, sample: Any) -> int:
    """The position of a sample given by its label (an index of strings, say) or by its position."""
    labels = next(iter(e.attributions.values())).labels["sample"] if e.attributions else ()
    if isinstance(sample, str):
        if sample in labels:
            return labels.index(sample)
        raise InputError(f"no sample {sample!r}; there are {listed(labels)}")
    try:
        at = operator.index(sample)
    except TypeError:
        raise InputError(f"a sample is a position or a label, got {sample!r}") from None
    if -len(labels) <= at < len(labels):
        return at % len(labels)
    raise InputError(f"no sample {at}; there are {len(labels)}: 0 … {len(labels) - 1}")


def pick_target(e: Explanation, target: Any) -> tuple[str, int]:
    """(output, position on the target axis) of None: the first one; a label; a position; {output: one of these} or
    (output, one of these). A label wins over a position: for targets [7, 3], 3 is unit 3, which is the second one."""
    labels = e.target_labels
    if isinstance(target, Mapping) and len(target) == 1:
        target = next(iter(target.items()))
    if isinstance(target, tuple) and len(target) == 2:
        output, target = target
        if output not in labels:
            raise InputError(f"no output {output!r}; there are {listed(labels)}")
        labels = {output: labels[output]}
    if target is None:
        return next(iter(labels)), 0
    for output, names in labels.items():
        for wanted in (target, str(target)):
            if wanted in names:
                return output, names.index(wanted)
    try:
        at = operator.index(target)
    except TypeError:
        at = -1
    first = next(iter(labels))
    if 0 <= at < len(labels[first]):
        return first, at
    choices = "; ".join(f"output {output!r}: {listed(names)}" for output, names in labels.items())
    raise InputError(f"no target {target!r}; there are {choices}")


def pick_inputs(e: Explanation, name: str | None, output: str) -> tuple[Attribution, ...]:
    """Every input's attribution for an output, or that of one input or explained internal value."""
    mine = {i: a for (i, out), a in e.attributions.items() if out == output}
    if name is None:
        return tuple(mine.values())
    inner = {i: a for (i, out), a in e.layer_attributions.items() if out == output}
    if name in mine or name in inner:
        return ((inner | mine)[name],)
    values = f"; internal values: {listed(inner)}" if inner else ""
    raise InputError(f"no input {name!r} for output {output!r}; there are {listed(mine)}{values}")
