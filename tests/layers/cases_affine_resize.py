"""Resizings: every filter, coordinate transformation and rounding that onnxruntime runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from .harness import C, Case, normal

NONE = C(np.zeros(0, np.float32))


def scaled(note: str, x: tuple[int, ...], scales: list[float], opset: int = 18, roi: Any = NONE, **attrs: Any) -> Case:
    if roi is not NONE:
        roi = C(np.array(roi, np.float32))
    return Case("Resize", [normal(*x), roi, C(np.array(scales, np.float32))], attrs, opset=opset, note=note)


def sized(note: str, x: tuple[int, ...], sizes: list[int], opset: int = 18, roi: Any = NONE, **attrs: Any) -> Case:
    if roi is not NONE:
        roi = C(np.array(roi, np.float32))
    return Case("Resize", [normal(*x), roi, NONE, C(np.array(sizes))], attrs, opset=opset, note=note)


COORDINATES = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"]
ROUNDINGS = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
PATCH = (2, 2, 4, 3)

NEAREST = [
    *[
        scaled(
            f"{c} {n}",
            PATCH,
            [1, 1, 1.7, 0.8],
            opset=19,
            mode="nearest",
            coordinate_transformation_mode=c,
            nearest_mode=n,
        )
        for c in [*COORDINATES, "tf_half_pixel_for_nn"]
        for n in ROUNDINGS
        if c != "tf_half_pixel_for_nn" or n != "round_prefer_ceil"
    ],
    scaled(
        "doubling", PATCH, [1, 1, 2, 2], opset=11, coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    ),
    scaled("doubling half pixel", PATCH, [1, 1, 2, 4]),
    scaled("trebling", PATCH, [1, 1, 3, 3], coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    scaled("doubling rows", PATCH, [1, 1, 2, 1]),
    scaled("doubling 1d", (2, 3, 4), [1, 1, 2]),
    scaled("3d", (1, 2, 2, 3, 2), [1, 1, 2, 1.5, 2], opset=13),
    sized("sizes", PATCH, [2, 2, 7, 2], opset=13),
    sized("axes", PATCH, [7, 2], axes=[3, 2]),
    sized("negative axes", PATCH, [5, 2], axes=[-2, -1]),
    sized("not larger", PATCH, [7, 8], axes=[2, 3], keep_aspect_ratio_policy="not_larger"),
    sized("not smaller", PATCH, [7, 8], axes=[2, 3], keep_aspect_ratio_policy="not_smaller"),
    scaled("nothing changes", PATCH, [1, 1, 1, 1]),
    sized(
        "crop",
        PATCH,
        [2, 2, 3, 5],
        mode="nearest",
        roi=[0, 0, 0.4, 0.6, 1, 1, 0.6, 0.8],
        coordinate_transformation_mode="tf_crop_and_resize",
    ),
]

LINEAR = [
    *[scaled(c, PATCH, [1, 1, 1.7, 0.8], opset=19, mode="linear", coordinate_transformation_mode=c) for c in COORDINATES],
    *[sized(f"sizes {c}", PATCH, [2, 2, 8, 1], opset=19, mode="linear", coordinate_transformation_mode=c) for c in COORDINATES],
    scaled("trebling", PATCH, [1, 1, 3, 3], mode="linear"),
    scaled("doubling columns", PATCH, [1, 1, 1, 2], mode="linear"),
    scaled("2d", (4, 3), [2, 1.5], mode="linear"),
    sized("3d", (1, 2, 3, 2, 4), [1, 2, 5, 3, 2], mode="linear"),
    scaled("channels at the end", (1, 4, 3, 2), [1, 2, 1.5, 1], mode="linear", opset=13),
    scaled("antialias", (1, 2, 6, 7), [1, 1, 0.6, 0.5], mode="linear", antialias=1),
    scaled("antialias up and down", (1, 2, 6, 4), [1, 1, 0.4, 2], mode="linear", antialias=1),
    sized(
        "crop", PATCH, [2, 2, 3, 5], mode="linear", roi=[0, 0, 0.4, 0.6, 1, 1, 1.2, 1.7],
        coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=10.0,
    ),
]  # fmt: skip

CUBIC = [
    *[scaled(c, PATCH, [1, 1, 1.7, 0.8], opset=19, mode="cubic", coordinate_transformation_mode=c) for c in COORDINATES],
    scaled("coefficient", PATCH, [1, 1, 2, 1.5], mode="cubic", cubic_coeff_a=-0.5, opset=11),
    scaled("outside excluded", PATCH, [1, 1, 2, 0.7], mode="cubic", exclude_outside=1),
    sized("sizes", PATCH, [2, 2, 9, 2], mode="cubic", opset=13),
    scaled("antialias", (1, 1, 6, 7), [1, 1, 0.6, 0.5], mode="cubic", antialias=1),
    scaled("antialias outside excluded", (1, 1, 6, 7), [1, 1, 0.6, 0.5], mode="cubic", antialias=1, exclude_outside=1),
    sized(
        "crop", PATCH, [2, 2, 3, 5], mode="cubic", roi=[0, 0, 0.4, 0.6, 1, 1, 1.2, 1.7],
        coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=1.5,
    ),
]  # fmt: skip

OLD = [
    Case("Resize", [normal(*PATCH), C(np.array([1, 1, 2, 2], np.float32))], opset=10, note="nearest"),
    Case("Resize", [normal(2, 2, 7, 5), C(np.array([1, 1, 0.6, 0.4], np.float32))], opset=10, note="nearest smaller"),
    Case(
        "Resize", [normal(*PATCH), C(np.array([1, 1, 1.5, 2], np.float32))], {"mode": "linear"}, opset=10, note="linear"
    ),
    Case("Upsample", [normal(*PATCH), C(np.array([1, 1, 2, 2], np.float32))], opset=9, note="nearest"),
    Case(
        "Upsample", [normal(*PATCH), C(np.array([1, 1, 2, 3], np.float32))], {"mode": "linear"}, opset=9, note="linear"
    ),
    Case("Upsample", [normal(*PATCH)], {"scales": [1.0, 1.0, 2.0, 1.5]}, opset=7, note="attribute"),
]

DYNAMIC = [
    Case("Resize", [normal(*PATCH), NONE, NONE, np.array([2, 2, 7, 5])], {"mode": "linear"}, note="sizes at run time"),
    Case("Resize", [normal(*PATCH), None, None, np.array([2, 2, 8, 6])], note="sizes at run time nearest"),
    Case(
        "Resize",
        [normal(*PATCH), NONE, np.array([1, 1, 1.5, 2], np.float32)],
        {"mode": "cubic"},
        note="scales at run time",
    ),
    Case("Resize", [normal(*PATCH), np.array([1, 1, 2, 2], np.float32)], opset=10, note="scales at run time"),
    Case("Upsample", [normal(*PATCH), np.array([1, 1, 2, 3], np.float32)], opset=9, note="scales at run time"),
    Case(
        "Resize",
        [normal(*PATCH), np.array([0, 0, 0.4, 0.6, 1, 1, 1.2, 1.7], np.float32), NONE, np.array([2, 2, 3, 5])],
        {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 2.0},
        note="region and sizes at run time",
    ),
    Case(
        "Resize",
        [normal(*PATCH), NONE, np.array([1.5, 2], np.float32)],
        {"axes": [3, 2]},
        opset=18,
        note="scales of two axes at run time",
    ),
]

CASES = [*NEAREST, *LINEAR, *CUBIC, *OLD, *DYNAMIC]
