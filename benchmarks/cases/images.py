"""Convolutional nets and an image transformer, one target."""

from __future__ import annotations

from .. import nets
from .base import ATTENTION, IMAGES, Case

MORE = ("gradient_input", "plus_flat", "gamma_box", "reveal_cancel")

CASES = (
    Case("VGG-16, 1 × 224²", nets.vgg16, (1, 3, 224, 224), IMAGES, compared=False),
    Case("ResNet-50, 1 × 224²", nets.resnet50, (1, 3, 224, 224), IMAGES),
    Case("MobileNet, 1 × 224²", nets.mobilenet, (1, 3, 224, 224), IMAGES),
    Case("MobileNet, 8 × 224²", nets.mobilenet, (8, 3, 224, 224), IMAGES, compared=False),
    Case("U-Net, 1 × 128²", nets.u_net, (1, 3, 128, 128), IMAGES),
    Case("small conv, 1 × 64²", nets.small_conv, (1, 3, 64, 64), IMAGES, compared=False, quick=True),
    Case("small conv, 8 × 64²", nets.small_conv, (8, 3, 64, 64), (*IMAGES, *MORE), quick=True),
    Case("small conv, 64 × 64²", nets.small_conv, (64, 3, 64, 64), IMAGES, compared=False),
    Case("grey conv, 64 × 28²", nets.grey_conv, (64, 1, 28, 28), IMAGES),
    Case("ViT-B/16, 1 × 224²", nets.vit, (1, 3, 224, 224), ATTENTION, compared=False),
)
