"""Every operator's layer: importing this package fills the registry."""

from __future__ import annotations

import importlib
import pkgutil

from . import base
from .base import Layer, OnnxNode, layer_for, registered

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

__all__ = ["Layer", "OnnxNode", "base", "layer_for", "registered"]
