"""Operators that are written as their parts before they are built."""
