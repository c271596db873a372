"""Shapes, indices, comparisons and logic: computed, without relevance."""
