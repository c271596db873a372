"""All architectures by name."""

from __future__ import annotations

from .hugging_face import ARCHITECTURES as HUGGING_FACE
from .jax_nets import ARCHITECTURES as JAX
from .keras_apps import ARCHITECTURES as KERAS
from .net import Architecture
from .tables import ARCHITECTURES as TABLES
from .timm_nets import ARCHITECTURES as TIMM
from .torchvision_nets import ARCHITECTURES as TORCHVISION

ALL: dict[str, Architecture] = {a.name: a for a in (*TORCHVISION, *TIMM, *HUGGING_FACE, *KERAS, *TABLES, *JAX)}


def file_name(name: str) -> str:
    """What the exported model is called, without its suffix."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
