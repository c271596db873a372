"""Rounding to few bits and back: quantised numbers are carried as floating ones, so that relevance can pass."""
