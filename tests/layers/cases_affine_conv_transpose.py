"""Transposed convolutions."""

from __future__ import annotations

from typing import Any

from .harness import C, Case, normal


def case(note: str, x: tuple[int, ...], w: tuple[int, ...], opset: int = 17, bias: bool = True, **attrs: Any) -> Case:
    inputs = [normal(*x), C(normal(*w, seed=1))]
    if bias:
        inputs.append(C(normal(w[1] * attrs.get("group", 1), seed=2)))
    return Case("ConvTranspose", inputs, attrs, opset=opset, note=note)


CASES = [
    case("1d", (2, 3, 5), (3, 2, 3), bias=False),
    case("1d uneven pads", (2, 3, 5), (3, 2, 4), strides=[2], pads=[0, 2]),
    case("1d uneven pads before", (2, 3, 5), (3, 2, 4), strides=[2], pads=[2, 0]),
    case("2d", (2, 3, 4, 3), (3, 2, 3, 2), strides=[2, 3]),
    case("2d upsampling", (2, 3, 4, 3), (3, 2, 4, 4), strides=[2, 2], pads=[1, 1, 1, 1], opset=7),
    case("2d output padding", (2, 3, 4, 3), (3, 2, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
    case("2d output padding at the end", (2, 3, 4, 3), (3, 2, 2, 3), strides=[3, 2], output_padding=[2, 1]),
    case("2d groups", (2, 4, 4, 3), (4, 3, 3, 3), group=2, pads=[1, 0, 1, 2], strides=[2, 1]),
    case("2d depthwise", (2, 3, 4, 3), (3, 1, 2, 2), group=3, strides=[2, 2]),
    case("2d dilated", (2, 3, 4, 3), (3, 2, 3, 2), dilations=[2, 3], pads=[1, 1, 1, 1]),
    case(
        "2d dilated output padding", (2, 3, 4, 3), (3, 2, 2, 2), dilations=[3, 3], output_padding=[2, 2], strides=[3, 3]
    ),
    case("2d output shape", (2, 3, 4, 3), (3, 2, 3, 3), strides=[3, 2], output_shape=[11, 6]),
    case("2d larger output shape", (2, 3, 4, 3), (3, 2, 2, 2), strides=[2, 3], output_shape=[9, 10], bias=False),
    case(
        "2d odd output shape upper",
        (2, 3, 4, 3),
        (3, 2, 3, 4),
        strides=[2, 2],
        output_shape=[8, 7],
        auto_pad="SAME_UPPER",
    ),
    case(
        "2d odd output shape lower",
        (2, 3, 4, 3),
        (3, 2, 3, 4),
        strides=[2, 2],
        output_shape=[8, 7],
        auto_pad="SAME_LOWER",
    ),
    case("2d same upper", (2, 3, 4, 3), (3, 2, 3, 4), strides=[2, 3], auto_pad="SAME_UPPER"),
    case("2d same lower", (2, 3, 4, 3), (3, 2, 3, 4), strides=[2, 3], auto_pad="SAME_LOWER"),
    case("2d valid", (2, 3, 4, 3), (3, 2, 3, 4), strides=[2, 1], auto_pad="VALID", bias=False),
    case("3d", (2, 2, 3, 2, 3), (2, 3, 2, 3, 2), strides=[2, 1, 2], pads=[0, 1, 0, 1, 0, 1], opset=11),
    case("newest opset", (2, 2, 3, 3), (2, 3, 2, 2), opset=22, strides=[2, 2]),
    *(
        Case("ConvTranspose", [C(normal(2, 4, 4, 3)), normal(4, 2, 3, 2, seed=1), *rest], attrs, note=f"weights computed {note}")
        for note, attrs, rest in (
            ("plain", {}, []),
            ("groups", {"group": 2, "strides": [2, 1], "pads": [1, 0, 0, 1]}, [C(normal(4, seed=2))]),
            ("output padding", {"strides": [3, 2], "output_padding": [2, 1]}, []),
        )
    ),
]
