"""Sampling at places and in boxes that are computed, or are constant."""

from __future__ import annotations

import numpy as np

from .cases_routing import i
from .harness import C, Case, normal, uniform

IMAGE = normal(2, 3, 5, 6)
VOLUME = normal(2, 2, 3, 4, 3)
GRID = uniform(2, 3, 4, 2, seed=1, low=-1.3, high=1.3)
GRID3 = uniform(2, 2, 1, 3, 3, seed=1, low=-1.2, high=1.2)
#: boxes inside, across an edge, wholly outside, and turned inside out
BOXES = np.array(
    [[0.3, 1.1, 4.2, 3.9], [-2.5, -1.0, 2.0, 7.5], [9, 9, 12, 11], [4, 3, 2, 1], [1.5, 0, 1.5, 4]], np.float32
)
OF = i(0, 1, 1, 0, 1)
REGIONS = np.array([[0, 0.4, 1, 4.6, 3], [1, 2, 0, 5, 4.5], [1, 7, 7, 9, 9], [0, 1, 1, 1, 1]], np.float32)
THETA, THETA3 = normal(2, 2, 3), normal(2, 3, 4)


def grid(mode: str, padding: str, aligned: int) -> Case:
    attrs = {"mode": mode, "padding_mode": padding, "align_corners": aligned}
    return Case("GridSample", [IMAGE, GRID], attrs, opset=20, note=f"computed {mode} {padding} {aligned}")


def boxes(note: str, opset: int = 16, rois: object = C(BOXES), of: object = C(OF), **attrs: object) -> Case:
    size = {"output_height": 2, "output_width": 3}
    return Case("RoiAlign", [IMAGE, rois, of], {**size, **attrs}, opset, note=note)


def taps(note: str, **attrs: object) -> Case:
    size = {"output_height": 2, "output_width": 3}
    return Case(
        "RoiTaps", [IMAGE, C(BOXES), C(OF)], {**size, **attrs}, note=f"our own {note}", domain="onnxplain", ort=False
    )


CASES = [
    *[grid(m, p, a) for m in ("linear", "nearest", "cubic") for p in ("zeros", "border", "reflection") for a in (0, 1)],
    Case("GridSample", [IMAGE, GRID], opset=16, note="computed defaults"),
    Case("GridSample", [VOLUME, GRID3], opset=20, note="computed 3d"),
    Case("GridSample", [VOLUME, GRID3], {"padding_mode": "reflection"}, opset=20, note="computed 3d reflected"),
    Case("PlaceSample", [IMAGE, 3 * GRID + 2], note="our own, places computed", domain="onnxplain", ort=False),
    Case("PlaceSample", [IMAGE, C(3 * GRID + 2)], note="our own", domain="onnxplain", ort=False),
    Case("AffineGrid", [THETA, C(i(2, 1, 3, 4))], opset=20),
    Case("AffineGrid", [THETA, C(i(2, 1, 3, 4))], {"align_corners": 1}, opset=20, note="aligned"),
    Case("AffineGrid", [THETA3, C(i(2, 1, 2, 3, 4))], opset=20, note="3d"),
    Case("AffineGrid", [THETA3, i(2, 1, 2, 3, 2)], {"align_corners": 1}, opset=20, note="3d size computed"),
    boxes("ratio", sampling_ratio=2),
    boxes("adaptive"),
    boxes("scaled", sampling_ratio=1, spatial_scale=0.7),
    boxes("not shifted", coordinate_transformation_mode="output_half_pixel", spatial_scale=0.5),
    boxes("old", opset=10, sampling_ratio=3),
    boxes("boxes computed", rois=BOXES, of=OF, sampling_ratio=2),
    boxes("images computed", of=OF),
    taps("ratio", sampling_ratio=2),
    taps("adaptive", spatial_scale=0.6),
    Case("MaxRoiPool", [IMAGE, C(REGIONS)], {"pooled_shape": [2, 3]}),
    Case("MaxRoiPool", [IMAGE, C(REGIONS)], {"pooled_shape": [3, 2], "spatial_scale": 0.5}, note="scaled"),
    Case("MaxRoiPool", [-np.abs(IMAGE) - 1, REGIONS], {"pooled_shape": [2, 2]}, note="negative, boxes computed"),
    Case(
        "MaxUnpool",
        [normal(1, 2, 2, 2), C(i(5, 7, 13, 15, 16, 19, 24, 30).reshape(1, 2, 2, 2))],
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        opset=11,
    ),
    Case(
        "MaxUnpool",
        [normal(1, 1, 3), i(1, 2, 2).reshape(1, 1, 3)],
        {"kernel_shape": [3], "strides": [1], "pads": [1, 1]},
        opset=11,
        note="one place twice, indices computed",
    ),
    Case(
        "MaxUnpool",
        [normal(1, 1, 2, 2), C(i(5, 7, 13, 15).reshape(1, 1, 2, 2)), C(i(1, 1, 5, 5))],
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        opset=11,
        note="larger",
        ort=False,
    ),  # it counts in the larger one
]
