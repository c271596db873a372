"""Operators that move values unchanged, one file per way of moving."""
