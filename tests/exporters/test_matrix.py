"""Framework × architecture × {object, file}: predictions, derivatives and contributions are the framework's own.

Cells are in `matrix/`, a module per framework; `matrix/table.py` says which there are, and why others are not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import onnxplain as ox
from onnxplain_converters import CONVERTERS, to_onnx

from ..promises import assert_close, deep_lift_is_complete, explained_at_sources
from .matrix.table import ABSENT_FORMS, ARCHITECTURES, FORMS, FRAMEWORKS, Place, absent, cell, cells, markdown, places

PAGE = Path(__file__).parents[2] / "docs" / "frameworks.md"
BEGIN, END = "<!-- matrix, from tests/exporters/matrix/table.py -->\n", "<!-- end of matrix -->\n"


@pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:DeprecationWarning")
@pytest.mark.parametrize("place", places(), ids=str)
def test_it_predicts_slopes_and_shares_out_as_its_source(place: Place, tmp_path: Path) -> None:
    it = cell(place.row, place.column, place.variant)
    source = it.source if place.form == "object" else it.files[place.form](tmp_path)
    example = None if place.form.endswith("pt2") else it.example
    proto = to_onnx(source, example, **({} if place.form == "object" else it.options))
    model = ox.load(proto, verify="always")
    assert list(model.inputs) == list(it.data)
    (output, found), *_ = model.predict(it.data).items()
    assert_close(found, it.predict(*it.data.values()), 1e-5)

    double = ox.load(proto, dtype="float64", verify="never")
    data = {n: x.astype(np.float64) for n, x in it.data.items()}
    e = ox.explain(double, data, ox.Gradient(ignore_last_activation=False), target={output: [1]})
    for name, theirs in zip(data, it.gradient(1, *it.data.values()), strict=True):
        assert_close(explained_at_sources(e, name, output)[..., 0], theirs, 1e-5, f"{output} at {name}")

    deep_lift_is_complete(double, data, 1e-6)
    deep_lift_is_complete(double, data, 1e-6, {n: 0.5 * x[::-1] + 0.1 for n, x in data.items()}, ignore=False)


@pytest.mark.parametrize("row", FRAMEWORKS)
def test_every_cell_is_there_in_every_form_or_says_why_not(row: str) -> None:
    for column in ARCHITECTURES:
        has = [e.forms for (c, _), e in cells(row).items() if c == column]
        assert bool(has) != bool(absent(row, column)), (row, column)
        if has:
            forms = {f.partition(".")[0] for found in has for f in found}
            assert all((form in forms) != ((row, form) in ABSENT_FORMS) for form in FORMS), (row, column)


def test_the_matrix_has_a_row_for_every_converter() -> None:
    boosters = {"xgboost", "lightgbm", "catboost"}
    converters = {k for k, f in CONVERTERS.items() if f.module is not None} - {"onnx"} - boosters
    assert converters == set(FRAMEWORKS) - {"boosters"}


def test_the_page_shows_this_matrix() -> None:
    shown = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == markdown()
