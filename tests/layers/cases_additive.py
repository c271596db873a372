"""Sums of several values."""

from __future__ import annotations

from .harness import C, Case, normal

A, B, D = normal(3, 4, 5), normal(4, 1, seed=1), normal(2, 1, 1, 5, seed=2)

CASES = [
    Case("Add", [A, normal(3, 4, 5, seed=1)]),
    Case("Add", [A, B], opset=7, note="broadcast"),
    Case("Add", [A, D], note="both broadcast"),
    Case("Add", [A, C(B)], note="constant right"),
    Case("Add", [C(D), A], note="constant left"),
    Case("Sub", [A, B], opset=7),
    Case("Sub", [B, A], opset=14, note="other way"),
    Case("Sub", [A, C(B)], note="constant right"),
    Case("Sub", [A, C(-abs(B))], note="negative constant"),
    Case("Sub", [C(D), A], note="constant left"),
    Case("Sum", [A], note="one"),
    Case("Sum", [A, B, D], note="three"),
    Case("Sum", [A, C(B), D], opset=8, note="constant between"),
    Case("Mean", [A, B, D], note="three"),
    Case("Mean", [C(B), A, B], opset=8, note="constant first"),
]
