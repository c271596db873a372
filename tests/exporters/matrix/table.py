"""Which cells the matrix has, which it lacks and why, and the table of it in docs/frameworks.md."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache

from .cell import Cell, Row

#: row → (what it is called, module of its cells)
FRAMEWORKS = {
    "torch": ("PyTorch", "of_torch"),
    "keras": ("Keras", "of_keras"),
    "tensorflow": ("TensorFlow", "of_tensorflow"),
    "jax": ("JAX, Flax, Equinox, Haiku", "of_jax"),
    "sklearn": ("scikit-learn", "of_sklearn"),
    "boosters": ("XGBoost, LightGBM, CatBoost", None),
    "layers": ("a dict of layers", "of_layers"),
    "r": ("R neuralnet", "of_r"),
}
ARCHITECTURES = ("dense", "cnn", "residual", "multi-input", "recurrent", "attention", "pipeline")
FORMS = ("object", "file")
LETTERS = "abcdefghij"
#: (row, column) that cannot be; "*" is every column without a cell
ABSENT = {
    ("sklearn", "*"): "its only networks are chains of dense layers",
    ("boosters", "*"): "trees are no network, and have no gradient",
    ("layers", "recurrent"): "innsight's list has no such layer",
    ("layers", "attention"): "innsight's list has no such layer",
    ("layers", "pipeline"): "innsight's list has no preprocessing",
    ("r", "*"): "neuralnet has dense layers only",
}
#: (row, form) that cannot be
ABSENT_FORMS = {
    ("jax", "file"): "no JAX library has a file of a model",
    ("layers", "file"): "a dict is no file",
    ("r", "object"): "an R object reaches Python as a file",
}


@dataclass(frozen=True)
class Place:
    """One test: a cell in a form."""

    row: str
    column: str
    variant: str
    form: str

    def __str__(self) -> str:
        return f"{self.row}-{self.column}{f'({self.variant})' if self.variant else ''}-{self.form}"


@cache
def cells(row: str) -> Row:
    module = FRAMEWORKS[row][1]
    return {} if module is None else importlib.import_module(f"{__package__}.{module}").cells()


@cache
def cell(row: str, column: str, variant: str) -> Cell:
    return cells(row)[column, variant].make()


def places() -> list[Place]:
    return [Place(row, *key, form) for row in FRAMEWORKS for key, entry in cells(row).items() for form in entry.forms]


def absent(row: str, column: str) -> str | None:
    """Why there is no cell; None where there is one."""
    if any(c == column for c, _ in cells(row)):
        return None
    return ABSENT.get((row, column), ABSENT.get((row, "*")))


def markdown() -> str:
    """The matrix as a page shows it: in which forms each cell is tested, and why others are not there."""
    notes: list[str] = []

    def shown(row: str, column: str) -> str:
        reason = absent(row, column)
        if reason is None:
            forms = {f.partition(".")[0] for (c, _), e in cells(row).items() if c == column for f in e.forms}
            return ", ".join(f for f in FORMS if f in forms)
        if reason not in notes:
            notes.append(reason)
        return f"– {LETTERS[notes.index(reason)]}"

    lines = [f"| | {' | '.join(ARCHITECTURES)} |", "|---" * (len(ARCHITECTURES) + 1) + "|"]
    for row, (title, _) in FRAMEWORKS.items():
        lines.append(f"| {title} | {' | '.join(shown(row, column) for column in ARCHITECTURES)} |")
    numbered = "; ".join(f"{letter}: {reason}" for letter, reason in zip(LETTERS, notes, strict=False))
    files = "; ".join(f"{FRAMEWORKS[row][0]}: {reason}" for (row, _), reason in ABSENT_FORMS.items())
    return "\n".join([*lines, "", f"No cells: {numbered}. One form only: {files}."])
