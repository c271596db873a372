"""An architecture: its name, its family and how it is made, exported and fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto


@dataclass(frozen=True)
class Exported:
    """`proto`: the model. `data`: one feed, samples first. `how`: which exporter wrote it.
    `alone`: one sample at a time, and no axis of an output holds samples."""

    proto: ModelProto
    data: Mapping[str, np.ndarray]
    how: str
    alone: bool = False


@dataclass(frozen=True)
class Architecture:
    """`make` builds the net with seeded random weights and exports it. `note`: what was made smaller."""

    name: str
    family: str
    make: Callable[[], Exported]
    note: str = ""
