"""The innsight paper's grids: their points and their nets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.clock import Spread
from benchmarks.measured import Measured
from benchmarks.page import renew
from benchmarks.paper.agreement import configs, mean_absolute
from benchmarks.paper.grid import FACTORS, Point
from benchmarks.paper.methods import METHODS, ask_for
from benchmarks.paper.models import image_net
from benchmarks.paper.tables import summary


def test_the_full_grid_has_the_papers_sizes() -> None:
    sizes = {(f.name, kind): s for f in FACTORS for kind, s in f.full.items()}
    assert sizes["outputs", "tab"] == sizes["depth", "img"] == (1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20)
    assert sizes["width", "tab"][-1] == 2560 and sizes["width", "img"][-1] == 500
    assert sizes["batch", "tab"][-1] == 640 and sizes["side", "img"][-1] == 320
    assert ("side", "tab") not in sizes


@pytest.mark.parametrize(
    "point", [Point("tab", 3, 4, 16, 2), Point("img", 3, 3, 5, 2, side=16), Point("img", side=64, width=5)], ids=str
)
def test_a_points_net_takes_its_data_and_has_its_outputs(point: Point) -> None:
    y = point.net()(point.data(point.batch, 0))
    assert y.shape == (point.batch, point.outputs)


def test_the_last_convolution_leaves_about_7_by_7() -> None:
    for side in (16, 32, 64, 320):
        assert image_net(side, 2, 5, 1)[-1].in_features // 5 in range(36, 65)


def test_agreement_is_studied_on_32_configurations() -> None:
    names = [name for name, *_ in configs()]
    assert (names.count("tab"), len(names)) == (8, 32)


def test_differences_are_means_over_features_per_output_and_sample() -> None:
    mine = torch.zeros(2, 3, 4)
    theirs = torch.arange(6.0).reshape(2, 3, 1).expand(2, 3, 4)
    assert mean_absolute(mine, theirs).tolist() == [0, 1, 2, 3, 4, 5]


def test_methods_that_start_from_a_baseline_get_the_first_reference() -> None:
    x, references = torch.zeros(2, 10), torch.ones(4, 10)
    asks = {name: ask_for(name, x, references, 1) for name in METHODS}
    given = {name for name, ask in asks.items() if ask.baseline is not None}
    assert given == {"IntegratedGradient", "DeepLift rescale", "DeepLift reveal-cancel"}
    assert asks["LRP epsilon"].epsilon == 0.01 and asks["IntegratedGradient"].n == 10


def row(case: str, method: str, size: int, **seconds: float) -> Measured:
    values = {who: Spread(s, s, s) for who, s in seconds.items()}
    return Measured("paper", case, method, values=values, unit="s", size=size)


def test_the_summary_holds_geometric_means_over_points() -> None:
    rows = [
        row("outputs, tab", "Gradient", 1, onnxplain=1.0, captum=0.5),
        row("depth, tab", "Gradient", 4, onnxplain=1.0, captum=8.0),
        row("depth, tab", "DeepSHAP", 4, onnxplain=2.0, shap=6.0),
        row("depth, tab", "convert", 4, onnxplain=2.0),
    ]
    assert summary(rows)[2:] == [
        "| tab | Gradient | 2.00 × (1 of 2) | – |",
        "| tab | DeepSHAP | – | 3.00 × (1 of 1) |",
        "| tab | all | 2.00 × (1 of 2) | 3.00 × (1 of 1) |",
    ]


def test_a_page_gets_what_stands_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- one -->\nold\n<!-- /one -->\nafter\n", encoding="utf-8")
    assert renew(page, {"one": r"new \1", "two": "nowhere"}) == ["one"]
    assert page.read_text(encoding="utf-8") == "before\n<!-- one -->\n\nnew \\1\n\n<!-- /one -->\nafter\n"
