"""Whole architectures at their full depth, narrow, with random weights."""
