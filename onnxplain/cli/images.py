"""Pictures → the array that a model's image input expects, by a preprocessing written in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, MissingDependencyError

#: name → (factor, offset) that pixels from 0 to 255 are scaled with
RANGES: dict[str, tuple[float, float]] = {
    "0-255": (1.0, 0.0),
    "0-1": (1 / 255, 0.0),
    "signed": (2 / 255, -1.0),
    "imagenet": (1 / 255, 0.0),
}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
USAGE = (
    "words joined by commas: 0-255, 0-1, signed (-1 to 1) or imagenet for the range; mean=0.5:0.4:0.4 and std=… per channel; "
    "size=224 or size=HEIGHTxWIDTH; crop; grey; bgr; invert; nchw or nhwc"
)


@dataclass(frozen=True)
class Preprocess:
    """pixel ↦ (pixel · factor + offset − mean) / std, after resizing; see `USAGE` for how it is written.

    `size`: (height, width), by default what the model's input says. `crop`: the shorter side is brought to size and
    the middle kept; otherwise the picture is stretched.
    """

    scale: str = "0-1"
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    size: tuple[int, int] | None = None
    crop: bool = False
    grey: bool = False
    bgr: bool = False
    invert: bool = False
    layout: str | None = None

    @classmethod
    def parse(cls, text: str) -> Preprocess:
        """From the command line: `imagenet,size=224,crop`."""
        fields: dict[str, Any] = {}
        for word in filter(None, (w.strip().lower() for w in text.split(","))):
            key, equals, value = word.partition("=")
            if word in RANGES:
                fields["scale"] = word
                if word == "imagenet":
                    fields |= {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
            elif word in ("crop", "grey", "bgr", "invert"):
                fields[word] = True
            elif word in ("nchw", "nhwc"):
                fields["layout"] = word
            elif equals and key in ("mean", "std", "size"):
                fields[key] = _numbers(word, value, key)
            else:
                raise InputError(f"--preprocess: {word!r} means nothing here; write {USAGE}")
        if any(s == 0 for s in fields.get("std", ())):
            raise InputError("--preprocess: a std of 0 would divide by zero")
        return cls(**fields)


def _numbers(word: str, value: str, key: str) -> tuple[Any, ...]:
    try:
        if key == "size":
            height, _, width = value.partition("x")
            size = (int(height), int(width or height))
            if min(size) < 1:
                raise ValueError
            return size
        return tuple(float(v) for v in value.split(":"))
    except ValueError:
        raise InputError(f"--preprocess: {word!r} holds no numbers; write {USAGE}") from None


def read_image(path: Path, shape: Sequence[int | None], preprocess: Preprocess) -> np.ndarray:
    """One picture as (1, *input shape without the sample axis), in float64."""
    layout, channels, size = _layout(path, shape, preprocess)
    pixels = _pixels(path, size, channels == 1, preprocess.crop)
    if preprocess.bgr:
        pixels = pixels[..., ::-1]
    if preprocess.invert:
        pixels = 255 - pixels
    for name in ("mean", "std"):
        n = len(getattr(preprocess, name))
        if n not in (1, channels):
            raise InputError(f"--preprocess: {name} has {n} numbers, the input has {channels} channels")
    factor, offset = RANGES[preprocess.scale]
    values = (pixels * factor + offset - np.array(preprocess.mean)) / np.array(preprocess.std)
    if layout == "nhw":
        return values[None, :, :, 0]
    return values[None] if layout == "nhwc" else values.transpose(2, 0, 1)[None]


def _layout(path: Path, shape: Sequence[int | None], p: Preprocess) -> tuple[str, int, tuple[int, int] | None]:
    """(order of the axes, number of channels, height and width or None where any will do)."""
    if len(shape) == 3:
        layout, channels, sides = "nhw", 1, shape[1:]
    elif len(shape) == 4:
        last = shape[3] in (1, 3) and shape[1] not in (1, 3)
        layout = p.layout or ("nhwc" if last else "nchw")
        c = shape[3] if layout == "nhwc" else shape[1]
        sides = shape[1:3] if layout == "nhwc" else shape[2:4]
        channels = c if c is not None else (1 if p.grey else 3)
    else:
        raise InputError(f"{path}: a picture needs an input of rank 3 or 4, this one has shape {list(shape)}")
    if channels not in (1, 3):
        raise InputError(f"{path}: a picture has 1 or 3 channels, the input of shape {list(shape)} has {channels}")
    height, width = sides
    fixed = (height, width) if height is not None and width is not None else None
    if p.size and fixed and p.size != fixed:
        raise InputError(f"--preprocess: size {p.size} does not fit the input, whose pictures are {fixed}")
    return layout, channels, p.size or fixed


def _pixels(path: Path, size: tuple[int, int] | None, grey: bool, crop: bool) -> np.ndarray:
    """(height, width, channels), 0 to 255."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as e:
        raise MissingDependencyError('pictures need pillow: pip install "onnxplain[images]"') from e
    try:
        with Image.open(path) as opened:
            image: Any = ImageOps.exif_transpose(opened).convert("L" if grey else "RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as e:
        raise InputError(f"{path} is not a readable picture: {e}") from e
    if size is not None:
        resized = ImageOps.fit if crop else Image.Image.resize
        image = resized(image, (size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=np.float64)
    return pixels[..., None] if grey else pixels
