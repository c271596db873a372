"""If, Loop and Scan: layers that run graphs."""

from .branch import If
from .loop import Loop
from .scan import Scan
from .steps import Laid

__all__ = ["If", "Laid", "Loop", "Scan"]
