"""Plots: the right picture for each kind of input, with the right numbers in it, and no global state."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from onnxplain.errors import InputError, MissingDependencyError
from onnxplain.explanation import Attribution
from onnxplain.plots.panel import aggregated, kind_of, panel_of
from onnxplain.plots.style import SIGNED, plain
from onnxplain.result.optional import optional

from .explanations import TARGETS, explanation, image, many, numbers, one, series, table

needs_plotly = pytest.mark.skipif(optional("plotly") is None, reason="plotly is not installed")


def texts(figure: Figure) -> list[str]:
    """Every text a reader sees."""
    figure.canvas.draw()
    return [t.get_text() for t in figure.findobj(matplotlib.text.Text) if t.get_text() and t.get_visible()]


def axes_of(figure: Figure) -> list:
    return figure.findobj(lambda artist: isinstance(artist, matplotlib.axes.Axes))


def drawn(figure: Figure) -> bytes:
    figure.canvas.draw()
    return bytes(figure.canvas.buffer_rgba())


def attribution(*shape: int, dims: tuple[str, ...], **kw) -> Attribution:
    values = numbers(2, *shape, 1)
    return Attribution(values, ("sample", *dims, "target"), kw.pop("labels", {}), "x", "y", **kw)


@pytest.mark.parametrize(
    ("shape", "dims", "kind"),
    [
        ((), (), "bars"),
        ((7,), ("feature",), "bars"),
        ((7,), ("length",), "series"),
        ((3, 7), ("channel", "length"), "series"),
        ((7, 3), ("length", "feature"), "series"),
        ((7, 9), ("height", "width"), "image"),
        ((3, 7, 9), ("channel", "height", "width"), "image"),
        ((7, 9, 3), ("height", "width", "channel"), "image"),
        ((7, 9, 3), ("axis_1", "axis_2", "axis_3"), "image"),
        ((2, 4, 7, 9), ("channel", "depth", "height", "width"), "image"),
        ((2, 3, 4, 5, 6), ("a", "b", "c", "d", "e"), "image"),
    ],
)
@pytest.mark.parametrize("with_data", [True, False])
def test_every_shape_has_a_picture(shape, dims, kind, with_data):
    a = attribution(*shape, dims=dims, data=numbers(2, *shape) if with_data else None)
    assert kind_of(a) == kind
    e = explanation([a], {"y": ("cat",)})
    figure = e.plot(sample=1)
    assert isinstance(figure, Figure) and len(set(drawn(figure))) > 20
    assert len(set(drawn(e.plot_global()))) > 10


def test_bars_are_the_features_largest_first_with_the_inputs_values():
    a = table(values=np.array([[[1.0], [-3.0], [2.0], [0.0]]]), data=np.array([[5.0, -6.5, 7.0, 8.0]]))
    e = explanation(
        [table(values=a.values, data=a.data, labels={"feature": ("age", "sex", "dose", "$a$ $b$")})], {"y": ("cat",)}
    )
    figure = e.plot()
    ax = next(ax for ax in axes_of(figure) if ax.patches)
    assert [bar.get_width() for bar in ax.patches] == [-3.0, 2.0, 1.0, 0.0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["sex = −6.5", "dose = 7", "age = 5", r"\$a\$ \$b\$ = 8"]
    colors = [bar.get_facecolor()[:3] for bar in ax.patches]
    assert colors[0][2] > colors[0][0] and colors[1][0] > colors[1][2]  # negative blue, positive red


def test_bars_of_many_features_add_up_to_the_sum():
    e = explanation([table(features=40, targets=1)], {"y": ("cat",)})
    ax = next(ax for ax in axes_of(e.plot(sample=2)) if ax.patches)
    assert len(ax.patches) == 16
    np.testing.assert_allclose(sum(bar.get_width() for bar in ax.patches), e.sums["y"][2, 0], rtol=1e-10)
    assert [t.get_text() for t in ax.get_yticklabels()][-1] == "25 others"


def test_the_heading_names_output_target_sample_numbers_and_method():
    e = one()
    seen = texts(e.plot(sample=1, target="dog"))
    assert "y → dog, sample 1" in seen and e.method in seen
    facts = next(t for t in seen if t.startswith("prediction"))
    assert f"{e.predictions['y'][1, 1]:.4g}".replace("-", "−") in facts and "sum" in facts and "goal" in facts


def test_the_heading_names_the_unit_where_targets_differ_between_samples():
    a = table(targets=1)
    e = explanation([a], {"y": ("predicted",)}, target_units={"y": np.array([[0], [7], [2]])})
    assert "y → predicted (unit 7), sample 1" in texts(e.plot(sample=1))


def test_a_goal_that_is_not_set_is_not_in_the_heading():
    e = one(goals={"y": np.full((3, 2), np.nan)}, complete=False)
    assert not any("goal" in t or "nan" in t for t in texts(e.plot()))


def test_an_image_shows_the_input_and_the_aggregated_attribution_on_a_symmetric_scale():
    e = explanation([image(targets=1)], {"y": ("cat",)})
    figure = e.plot(sample=2, aggregate="max_abs")
    left, behind, over = (i for ax in axes_of(figure) for i in ax.images if i.get_array().shape[:2] == (5, 6))
    assert left.get_array().shape == (5, 6, 3) and 0 <= left.get_array().min() <= left.get_array().max() <= 1
    v = e.values[2, ..., 0]
    expected = np.take_along_axis(v, np.abs(v).argmax(axis=0)[None], axis=0)[0]
    low, high = over.get_clim()
    assert low == -high and over.get_cmap() is SIGNED
    np.testing.assert_allclose(over.get_array(), np.clip(expected, low, high), rtol=1e-10)
    assert behind.get_cmap().name == "gray"


def test_channels_last_and_channels_first_give_the_same_picture():
    first, last = panel_of(image(), 1, 1, "sum"), panel_of(image(last=True), 1, 1, "sum")
    np.testing.assert_array_equal(first.values, last.values)
    np.testing.assert_array_equal(first.data, last.data)


@pytest.mark.parametrize(
    ("how", "expected"), [("sum", -2.0), ("mean", -1.0), ("norm", np.sqrt(10.0)), ("max_abs", -3.0)]
)
def test_channels_are_aggregated(how, expected):
    assert aggregated(np.array([[1.0], [-3.0]]), 0, how) == pytest.approx([expected], rel=1e-12)


def test_a_volume_shows_its_strongest_slice():
    values = np.zeros((1, 1, 4, 5, 5, 1))
    values[0, 0, 2, 1, 1] = -3
    dims = ("sample", "channel", "depth", "height", "width", "target")
    p = panel_of(Attribution(values, dims, {}, "x", "y"), 0, 0, "sum")
    assert p.values.min() == -3 and p.note == "strongest slice: depth 2"


def test_a_series_shows_the_signal_the_attribution_along_it_and_each_channel():
    e = explanation([series(targets=1)], {"y": ("cat",)})
    figure = e.plot(sample=1)
    lines = [line.get_ydata() for ax in axes_of(figure) for line in ax.lines if len(line.get_ydata()) == 9]
    np.testing.assert_array_equal(lines, e["series"].data[1])
    heat = next(i for ax in axes_of(figure) for i in ax.images)
    np.testing.assert_array_equal(heat.get_array(), e.values[1, :, :, 0])
    assert {"lead I", "lead II", "length"} <= set(texts(figure))


def test_a_series_with_time_first_is_turned():
    values = numbers(1, 7, 3, 1)
    p = panel_of(Attribution(values, ("sample", "time", "sensor", "target"), {}, "x", "y"), 0, 0, "sum")
    np.testing.assert_array_equal(p.values, values[0, :, :, 0].T)
    assert p.axes == ("sensor", "time")


def test_tokens_are_shown_in_reading_order():
    words = tuple(f"word{i}" for i in range(40))
    a = attribution(40, dims=("token",), labels={"token": words})
    figure = explanation([a], {"y": ("cat",)}).plot()
    seen = [t for t in texts(figure) if t.startswith("word")]
    assert seen == list(words)
    ids = attribution(3, dims=("feature",), data=np.array([[101, 2045, 102]] * 2))
    assert {"101", "2045", "102"} <= set(texts(explanation([ids], {"y": ("cat",)}).plot()))


def test_several_inputs_are_panels_with_their_sums():
    e = many()
    seen = texts(e.plot(sample=1))
    for name in ("image", "table", "series"):
        assert any(t.startswith(f"{name}   Σ") for t in seen)
    assert not any(t.startswith("table") for t in texts(e.plot(input="image")))


def test_an_input_out_of_reach_says_so():
    assert "table cannot reach this output" in texts(many().plot(target=("z", "bird"), input="table"))


def test_a_layer_can_be_plotted_by_its_name():
    ax = next(ax for ax in axes_of(many().plot(input="relu/5:0")) if ax.patches)
    assert len(ax.patches) == 7


def test_targets_are_found_by_label_position_pair_and_dict():
    e = many()
    for target in (("z", "dog"), {"z": "dog"}, ("z", 1), {"z": np.int64(1)}):
        assert "z → dog, sample 0" in texts(e.plot(target=target, input="image"))
    assert "z → bird, sample 0" in texts(e.plot(target="bird", input="image"))
    assert "y → cat, sample 0" in texts(e.plot(input="image"))
    units = explanation([table(targets=2)], {"y": ("7", "0")})
    assert "y → 0, sample 0" in texts(units.plot(target=0)) and "y → 7, sample 0" in texts(units.plot(target=7))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample": 3}, "no sample 3; there are 3: 0 … 2"),
        ({"sample": "a"}, "no sample 'a'; there are 0, 1, 2"),
        ({"sample": 0.5}, "got 0.5"),
        ({"target": "horse"}, "no target 'horse'; there are output 'y': 'cat', 'dog'; output 'z'"),
        ({"target": 9}, "no target 9"),
        ({"target": ("q", 0)}, "no output 'q'; there are 'y', 'z'"),
        (
            {"input": "sound"},
            "no input 'sound' for output 'y'; there are 'image', 'table', 'series'; internal values: 'relu/5:0'",
        ),
        ({"aggregate": "median"}, "aggregate is one of 'sum', 'mean', 'norm', 'max_abs', got 'median'"),
    ],
)
def test_a_wrong_choice_is_an_error_that_lists_the_right_ones(arguments, message):
    with pytest.raises(InputError) as error:
        many().plot(**arguments)
    assert message in str(error.value)


def test_sample_labels_are_accepted_and_negative_positions_count_from_the_end():
    a = table(labels={"sample": ("ann", "bob", "cy")})
    e = explanation([a], {"y": TARGETS[:2]})
    assert "y → cat, sample bob" in texts(e.plot(sample="bob"))
    assert "y → cat, sample cy" in texts(e.plot(sample=-1))


def test_a_plot_goes_into_a_given_ax():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert one().plot(ax=left) is figure
    assert left.patches and not right.patches and "prediction" in left.get_title(loc="left")
    with pytest.raises(InputError, match="one of 'image', 'table', 'series'"):
        many().plot(ax=right)


def test_plotting_changes_nothing_global():
    code = (
        "import sys; from tests.explanations import many; import matplotlib as m; before = dict(m.rcParams);"
        "many().plot(); many().plot_global(); assert dict(m.rcParams) == before;"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[1]).returncode == 0


def test_the_same_plot_is_the_same_picture():
    assert drawn(many().plot(sample=1)) == drawn(many().plot(sample=1))
    assert one().plot()._repr_png_().startswith(b"\x89PNG")


def test_numbers_that_are_not_finite_do_not_break_plots():
    values = numbers(2, 4, 4, 1)
    values[0, 0, 0], values[0, 1, 1] = np.nan, np.inf
    a = Attribution(values, ("sample", "height", "width", "target"), {}, "x", "y", data=values[..., 0])
    b = Attribution(values[:, 0], ("sample", "feature", "target"), {}, "v", "y")
    assert len(set(drawn(explanation([a, b], {"y": ("cat",)}).plot()))) > 20


def test_labels_lose_formulas_line_breaks_and_excess():
    assert plain("a\n b") == "a b" and plain("$x$") == r"\$x\$" and len(plain("x" * 99)) == 34


def test_boxes_are_quantiles_over_samples():
    e = explanation([table(samples=50, targets=1)], {"y": ("cat",)})
    figure = e.plot_global(reference=3, preprocess="none")
    ax = next(ax for ax in axes_of(figure) if ax.patches)
    order = np.argsort(-np.abs(e.values[..., 0]).mean(axis=0), kind="stable")
    low, high = np.quantile(e.values[:, order, 0], (0.25, 0.75), axis=0)
    np.testing.assert_allclose([b.get_x() for b in ax.patches], low, rtol=1e-10)
    np.testing.assert_allclose([b.get_x() + b.get_width() for b in ax.patches], high, rtol=1e-10)
    marks = next(line for line in ax.lines if line.get_label() == "reference")
    np.testing.assert_array_equal(marks.get_xdata(), e.values[3, order, 0])


@pytest.mark.parametrize(
    ("how", "function"), [("abs", np.abs), ("square", np.square), ("none", np.asarray), (np.cbrt, np.cbrt)]
)
def test_global_images_are_means_after_preprocessing(how, function):
    e = explanation([image(samples=4, targets=1)], {"y": ("cat",)})
    figure = e.plot_global(preprocess=how)
    shown = next(i for ax in axes_of(figure) for i in ax.images if i.get_array().shape == (5, 6))
    expected = function(e.values[..., 0]).mean(axis=0).sum(axis=0)
    np.testing.assert_allclose(shown.get_array(), np.clip(expected, *shown.get_clim()), rtol=1e-10)


def test_a_wrong_preprocess_is_an_error():
    with pytest.raises(InputError, match="one of 'abs', 'square', 'none', got 'log'"):
        one().plot_global(preprocess="log")
    with pytest.raises(InputError, match="must keep the shape"):
        one().plot_global(preprocess=np.sum)
    with pytest.raises(InputError, match="no sample 5"):
        one().plot_global(reference=5)


def test_interactive_without_plotly_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    for act in (lambda: one().plot(interactive=True), lambda: one().plot_global(interactive=True)):
        with pytest.raises(MissingDependencyError, match=r'pip install "onnxplain\[plotly\]"'):
            act()


@needs_plotly
def test_interactive_bars_and_maps_hold_the_same_numbers():
    e = many()
    figure = e.plot(sample=1, target="dog", interactive=True)
    bar = next(t for t in figure.data if t.type == "bar")
    assert sorted(bar.x) == sorted(e["table", "y"].values[1, :, 1].tolist())
    maps = [np.asarray(t.z) for t in figure.data if t.type == "heatmap"]
    np.testing.assert_array_equal(maps[0], e["image", "y"].values[1, ..., 1].sum(axis=0))
    np.testing.assert_array_equal(maps[1], e["series", "y"].values[1, ..., 1])
    assert "y → dog" in figure.layout.title.text
    with pytest.raises(InputError, match="matplotlib ax"):
        e.plot(interactive=True, ax=Figure().subplots())


@needs_plotly
def test_interactive_overviews_hold_quantiles_and_means():
    e = many()
    figure = e.plot_global(interactive=True, reference=2)
    box = next(t for t in figure.data if t.type == "box")
    assert sorted(box.median) == pytest.approx(sorted(np.median(np.abs(e["table", "y"].values[..., 0]), axis=0)))
    maps = [np.asarray(t.z) for t in figure.data if t.type == "heatmap"]
    image_values = np.abs(e["image", "y"].values[..., 0])
    np.testing.assert_allclose(maps[0], image_values.mean(axis=0).sum(axis=0), rtol=1e-10)
    np.testing.assert_allclose(maps[1], image_values[2].sum(axis=0), rtol=1e-10)


@needs_plotly
def test_names_are_no_markup_to_plotly():
    a = table(name="<b>x</b>", out="<y>", labels={"feature": ("<i>a</i>", "$b$", "c", "d")})
    e = explanation([a], {"<y>": TARGETS[:2]})
    figure = e.plot(interactive=True)
    assert "&lt;y>" in figure.layout.title.text and "<y>" not in figure.layout.title.text
    assert any("&lt;i>a" in name for name in figure.data[0].customdata)
