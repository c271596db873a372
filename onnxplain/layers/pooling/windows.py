"""How torch can take the windows of a pooling operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..affine.window import Window, pad_list


def margins(w: Window, sizes: Sequence[int]) -> list[int]:
    """Margins, in the order of torch's `pad`, that end exactly where the last window does (negative ones crop)."""
    begin, _ = w.pads_at(sizes)
    after = [
        (m - 1) * s + r - n - b
        for m, s, r, n, b in zip(w.outputs(sizes), w.strides, w.reach, sizes, begin, strict=True)
    ]
    return pad_list(begin, after)


def fit(w: Window, sizes: Sequence[int]) -> tuple[list[int], list[int], bool]:
    """(explicit margins, torch's padding, torch's ceil mode) that give the same windows; explicit margins only where
    torch's padding cannot: it is alike at both ends, at most half a window, and only how many windows follow counts."""
    begin, end = w.pads_at(sizes)
    if all(2 * b <= k for b, k in zip(begin, w.kernel, strict=True)):
        if begin == end:
            return [], list(begin), w.ceil
        wanted = w.outputs(sizes)
        for ceil in (w.ceil, not w.ceil):
            if replace(w, pads=(*begin, *begin), auto_pad="NOTSET", ceil=ceil).outputs(sizes) == wanted:
                return [], list(begin), ceil
    return margins(w, sizes), [0] * w.rank, False
