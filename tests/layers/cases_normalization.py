"""Normalizations with statistics of the input."""

from __future__ import annotations

from .harness import C, Case, normal

X = 2 * normal(3, 4, 6) + 0.5
IMAGE = 2 * normal(2, 6, 3, 4) + 0.5


def scale(*shape: int) -> list[C]:
    return [C(normal(*shape, seed=7)), C(normal(*shape, seed=8))]


CASES = [
    Case("LayerNormalization", [X, *scale(6)]),
    Case("LayerNormalization", [X, *scale(6)[:1]], {"epsilon": 0.1}, note="no bias"),
    Case("LayerNormalization", [X, *scale(4, 6)], {"axis": 1}, note="two axes"),
    Case("LayerNormalization", [X, *scale(6)], {"axis": -2}, note="scale broadcasts"),
    Case("LayerNormalization", [X, *scale(6)], n_outputs=3, note="statistics"),
    Case("LayerNormalization", [X, *scale(4, 6)], {"axis": 1}, n_outputs=2, note="mean"),
    Case("LayerNormalization", [X, *scale(6)], opset=16, note="from the wild"),
    Case("InstanceNormalization", [IMAGE, *scale(6)]),
    Case("InstanceNormalization", [IMAGE[:, :, 0], *scale(6)], {"epsilon": 0.1}, note="one axis"),
    Case("GroupNormalization", [IMAGE, *scale(3)], {"num_groups": 3}, opset=18),
    Case("GroupNormalization", [IMAGE, *scale(6)], {"num_groups": 3, "epsilon": 0.1}, opset=21),
    Case("GroupNormalization", [IMAGE[:, :, 0, 0], *scale(6)], {"num_groups": 2}, opset=21, note="no spatial axes"),
    Case("RMSNormalization", [X, *scale(6)[:1]], opset=23),
    Case("RMSNormalization", [X, *scale(4, 6)[:1]], {"axis": 1, "epsilon": 0.1}, opset=23, note="two axes"),
    Case("SimplifiedLayerNormalization", [X, *scale(6)[:1]], note="inverse", n_outputs=2),
    Case("MeanVarianceNormalization", [IMAGE]),
    Case("MeanVarianceNormalization", [IMAGE], {"axes": [2, 3]}, opset=9, note="spatial"),
    *(
        Case("LpNormalization", [X], {"p": p, "axis": axis}, note=f"p {p} axis {axis}")
        for p in (1, 2)
        for axis in (-1, 1)
    ),
    Case("LpNormalization", [X], opset=22),
    Case("LRN", [IMAGE], {"size": 3}),
    Case("LRN", [IMAGE], {"size": 4, "alpha": 0.5, "beta": 0.6, "bias": 1.5}, note="even size", ort=False),
    # onnxruntime runs odd sizes on four axes only
    Case("LRN", [IMAGE[:, :, 0]], {"size": 5, "alpha": 0.3}, note="one spatial axis", ort=False),
]
