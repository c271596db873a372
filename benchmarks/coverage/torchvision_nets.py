"""torchvision's classification, segmentation, detection and video nets: full depth and width, small images."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .net import Architecture, Exported
from .torch_export import OLDER, WAYS, Only, exported, image, noise, seeded

#: net → (size of the image, arguments)
CLASSIFIERS: dict[str, tuple[int, dict[str, Any]]] = {
    "alexnet": (96, {}),
    "vgg11": (48, {}),
    "vgg16_bn": (48, {}),
    "resnet18": (64, {}),
    "resnet50": (64, {}),
    "wide_resnet50_2": (64, {}),
    "resnext50_32x4d": (64, {}),
    "densenet121": (64, {}),
    "squeezenet1_0": (64, {}),
    "squeezenet1_1": (64, {}),
    "mobilenet_v2": (64, {}),
    "mobilenet_v3_large": (64, {}),
    "mobilenet_v3_small": (64, {}),
    "shufflenet_v2_x1_0": (64, {}),
    "mnasnet1_0": (64, {}),
    "regnet_x_400mf": (64, {}),
    "regnet_y_400mf": (64, {}),
    "googlenet": (64, {"init_weights": False, "aux_logits": False}),
    "inception_v3": (96, {"init_weights": False, "aux_logits": False}),
    "efficientnet_b0": (64, {}),
    "efficientnet_v2_s": (64, {}),
    "convnext_tiny": (64, {}),
    "vit_b_16": (64, {"image_size": 64}),
    "swin_t": (64, {}),
    "swin_v2_t": (64, {}),
    "maxvit_t": (224, {"input_size": (224, 224)}),
}
#: net → which of its outputs
SEGMENTERS: dict[str, int] = {
    "fcn_resnet50": 64,
    "deeplabv3_mobilenet_v3_large": 64,
    "deeplabv3_resnet50": 64,
    "lraspp_mobilenet_v3_large": 64,
}
DETECTORS: dict[str, int] = {
    "ssdlite320_mobilenet_v3_large": 320,
    "ssd300_vgg16": 300,
    "retinanet_resnet50_fpn": 96,
    "fcos_resnet50_fpn": 96,
    "fasterrcnn_mobilenet_v3_large_320_fpn": 96,
    "maskrcnn_resnet50_fpn": 96,
    "keypointrcnn_resnet50_fpn": 96,
}
VIDEO: dict[str, tuple[int, int, dict[str, Any]]] = {
    "r3d_18": (8, 32, {}),
    "mc3_18": (8, 32, {}),
    "r2plus1d_18": (8, 32, {}),
    "swin3d_t": (4, 32, {}),
    "mvit_v2_s": (4, 32, {"temporal_size": 4, "spatial_size": (32, 32)}),
}


def importable() -> Any:
    """torchvision; its wheels for CUDA find no operators of their own beside a CPU torch, so these are declared first."""
    try:
        torch.ops.torchvision.nms  # noqa: B018
    except AttributeError:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define(
            "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, "
            "int sampling_ratio, bool aligned) -> Tensor"
        )
        library.impl("nms", _nms, "CPU")
        library.impl("roi_align", _roi_align, "CPU")
        importable.library = library  # type: ignore[attr-defined]  # it lives as long as its operators
    from torchvision import extension, models
    from torchvision.ops import roi_align

    extension._has_ops = _yes
    sys.modules[roi_align.__module__]._has_ops = _yes  # type: ignore[attr-defined]

    return models


def _yes() -> bool:
    return True


def _nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """The boxes that overlap no better one by more than the threshold, best first."""
    left = scores.argsort(descending=True, stable=True)
    kept = []
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        low, high = torch.maximum(boxes[left, :2], boxes[best, :2]), torch.minimum(boxes[left, 2:], boxes[best, 2:])
        inner = (high - low).clamp(min=0).prod(1)
        left = left[inner / (area[left] + area[best] - inner) <= threshold]
    return torch.stack(kept) if kept else left


def _roi_align(x: Tensor, rois: Tensor, scale: float, height: int, width: int, ratio: int, aligned: bool) -> Tensor:
    return x.new_zeros(len(rois), x.shape[1], height, width)  # only its shape is read while a net is traced


def _classifier(name: str, size: int, arguments: dict[str, Any]) -> Exported:
    make = getattr(importable(), name)
    x = image(size)
    ways = OLDER if list(CLASSIFIERS).index(name) % 3 else WAYS  # both of torch's exporters have their share
    return exported(seeded(lambda: make(weights=None, num_classes=10, **arguments), x), [x], ways=ways)


def _segmenter(name: str, size: int) -> Exported:
    make = getattr(importable().segmentation, name)
    x = image(size)
    arguments = {} if name.startswith("lraspp") else {"aux_loss": False}
    net = seeded(lambda: make(weights=None, weights_backbone=None, num_classes=5, **arguments), x)
    return exported(Only(net, keep=["out"]), [x])


def _detector(name: str, size: int) -> Exported:
    make = getattr(importable().detection, name)
    x = image(size, n=1).sigmoid()
    settings: dict[str, Any] = {} if name.startswith("ssd") else {"min_size": size, "max_size": size}
    if name.endswith("rcnn_resnet50_fpn") or name.startswith("fasterrcnn"):
        settings |= {"rpn_post_nms_top_n_test": 20, "box_score_thresh": 0.01}
    else:
        settings |= {"score_thresh": 0.01, "topk_candidates": 50}
    net = seeded(lambda: _Detector(make(weights=None, weights_backbone=None, num_classes=5, **settings)), x)
    return replace(exported(net, [x], ["image"], ways=((False, False),)), alone=True)


class _Detector(torch.nn.Module):
    """One image → boxes, scores and labels; masks or keypoints where there are some."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        (found,) = self.net([x[0]])
        return tuple(found[k] for k in ("boxes", "scores", "labels", "masks", "keypoints") if k in found)


def _video(name: str, frames: int, size: int, arguments: dict[str, Any]) -> Exported:
    make = getattr(importable().video, name)
    x = noise(2, 3, frames, size, size)
    return exported(seeded(lambda: make(weights=None, num_classes=5, **arguments), x), [x])


ARCHITECTURES = [
    *(
        Architecture(n, "torchvision", partial(_classifier, n, s, a), f"{s}² pixels")
        for n, (s, a) in CLASSIFIERS.items()
    ),
    *(
        Architecture(n, "torchvision segmentation", partial(_segmenter, n, s), f"{s}² pixels")
        for n, s in SEGMENTERS.items()
    ),
    *(Architecture(n, "torchvision detection", partial(_detector, n, s), f"{s}² pixels") for n, s in DETECTORS.items()),
    *(
        Architecture(n, "torchvision video", partial(_video, n, f, s, a), f"{f} × {s}²")
        for n, (f, s, a) in VIDEO.items()
    ),
]
