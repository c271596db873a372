"""The cases of the table: nets, data, methods, targets."""

from . import images, many, sequences, series, tables
from .base import Case

CASES: tuple[Case, ...] = (*images.CASES, *series.CASES, *sequences.CASES, *tables.CASES, *many.CASES)

__all__ = ["CASES", "Case"]
