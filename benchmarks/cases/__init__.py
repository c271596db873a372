"""The cases of the table: nets, data, methods, targets."""

from . import images, many, sequences, tables
from .base import Case

CASES: tuple[Case, ...] = (*images.CASES, *sequences.CASES, *tables.CASES, *many.CASES)

__all__ = ["CASES", "Case"]
