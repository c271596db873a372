"""docs/images: the pictures of README and documentation, from the demo's models. Run after these or the plots change.

    python docs/make_pictures.py [name …]
"""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from onnx import numpy_helper

import onnxplain as ox
from onnxplain.demo import TASKS
from onnxplain.plots.style import INK, LINES, NEGATIVE, POSITIVE, SIGNED, SMALL, SOFT, tidy

DOCS = Path(__file__).parent
IMAGES = DOCS / "images"
DIGITS, HALVES = TASKS
#: a 3 and an 8: samples of the demo
TWO = (3, 8)
NOT_READ = 3  # the digit that is asked for beside the one that was read


def explained(method: Any, samples: Sequence[int] = TWO, **options: Any) -> np.ndarray:
    """(samples, 8, 8): what a method says about the demo's digits."""
    image = DIGITS.read()[0]["image"]
    rows = image[list(samples)]
    options = {"seed": 0, "progress": False} | options
    return ox.explain(ox.load(DIGITS.model), rows, method, **options)["image"].values[:, 0, :, :, 0]


def blank(ax: Any) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_color("#bbbbbb")
        spine.set_linewidth(0.6)


def ink(ax: Any, sample: int) -> None:
    ax.imshow(DIGITS.read()[0]["image"][sample, 0], cmap="gray_r", vmin=0, vmax=1)
    blank(ax)


def heat(ax: Any, values: np.ndarray) -> None:
    limit = np.abs(values).max() or 1.0
    ax.imshow(values, cmap=SIGNED, vmin=-limit, vmax=limit)
    blank(ax)


def scale(figure: Figure, axes: Any) -> None:
    """One colour bar for maps that each have their own scale."""
    bar = figure.colorbar(ScalarMappable(Normalize(-1, 1), SIGNED), ax=axes, shrink=0.86, aspect=16, pad=0.015)
    bar.set_ticks([-1, 0, 1], labels=["−largest", "0", "largest"])
    bar.ax.tick_params(labelsize=SMALL, colors=SOFT, length=2)
    bar.outline.set_visible(False)


def side_by_side(maps: Mapping[str, np.ndarray], samples: Sequence[int] = TWO, rows: Sequence[str] = ()) -> Figure:
    """The digits, and beside them a map of each by each method; every map on its own scale."""
    figure = Figure(figsize=(1.12 * (len(maps) + 1) + 0.9, 1.17 * len(samples) + 0.42), layout="constrained")
    axes = figure.subplots(len(samples), len(maps) + 1, squeeze=False)
    for i, (row, sample) in enumerate(zip(axes, samples, strict=True)):
        ink(row[0], sample)
        if rows:
            row[0].set_ylabel(rows[i], fontsize=SMALL, color=SOFT)
        for ax, values in zip(row[1:], maps.values(), strict=True):
            heat(ax, values[i])
    for ax, title in zip(axes[0], ("picture", *maps), strict=True):
        ax.set_title(title, fontsize=9, color=INK)
    scale(figure, axes)
    return figure


def digits() -> Figure:
    """Digits above, the relevance of their pixels below."""
    samples = (2, 3, 4, 5, 6, 8, 9, 10)
    data, truth = DIGITS.read()
    relevance = explained(ox.Smooth(ox.LRP(), n_samples=20), samples)
    read = ox.load(DIGITS.model).predict(data)["digit"].argmax(1)
    figure = Figure(figsize=(len(samples) * 1.1, 2.6), layout="constrained")
    axes = figure.subplots(2, len(samples))
    for i, (s, column) in enumerate(zip(samples, axes.T, strict=True)):
        ink(column[0], s)
        heat(column[1], relevance[i])
        column[0].set_title(f"read as {read[s]}" + ("" if read[s] == truth[s] else f"\nis a {truth[s]}"), fontsize=9)
    axes[0, 0].set_ylabel("picture", fontsize=9)
    axes[1, 0].set_ylabel("relevance", fontsize=9)
    return figure


def gradients() -> Figure:
    return side_by_side(
        {
            "gradient": explained(ox.Gradient()),
            "gradient × input": explained(ox.Gradient(times_input=True)),
            "SmoothGrad": explained(ox.SmoothGrad()),
            "SmoothGrad²": explained(ox.SmoothGradSquared()),
            "VarGrad": explained(ox.VarGrad()),
        }
    )


def integrated_gradients() -> Figure:
    """How far sums miss their goal by the number of steps; and one picture explained from three baselines."""
    model, data = ox.load(DIGITS.model, dtype="float64"), DIGITS.read()[0]
    figure = Figure(figsize=(8.4, 2.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(0.95, 1))
    ax = left.subplots()
    steps = (2, 3, 5, 10, 20, 50, 100, 200, 500)
    names = ("gauss_legendre", "riemann_middle", "riemann_trapezoid", "riemann_left", "riemann_right")
    for name, color, dashes in zip(names, LINES, ("-", "-", "-", "-", "--"), strict=False):
        missed = []
        for n in steps:
            method = ox.IntegratedGradients(n_steps=n, quadrature=name)
            missed.append(np.abs(quietly(model, data, method).delta["digit"]).mean())
        ax.loglog(steps, missed, dashes, color=color, marker="o", markersize=3, linewidth=1.3, label=name)
    tidy(ax, grid="both")
    ax.set_xlabel("n_steps", color=SOFT)
    ax.set_title("how far the sum is from f(x) − f(x̄)", fontsize=9, color=INK)
    ax.legend(fontsize=SMALL - 0.5, frameon=False)
    baselines = {"zeros": 0.0, "blurred": ox.Blur(sigma=2.0), "ones": 1.0}
    grid = right.subplots(len(TWO), 1 + len(baselines))
    for row, s in zip(grid, TWO, strict=True):
        ink(row[0], s)
    for column, (name, baseline) in enumerate(baselines.items(), 1):
        values = explained(ox.IntegratedGradients(baseline=baseline, n_steps=2000))
        for row, v in zip(grid, values, strict=True):
            heat(row[column], v)
        grid[0, column].set_title(name, fontsize=9, color=INK)
    grid[0, 0].set_title("baseline:", fontsize=9, color=INK)
    return figure


def deeplift() -> Figure:
    """The package's own picture of a sample with two inputs."""
    data, _ = HALVES.read()
    return ox.explain(HALVES.model, data, "deeplift").plot(sample=3)


def lrp() -> Figure:
    return side_by_side(
        {
            "ε": explained(ox.LRP("epsilon")),
            "ε, z⁺": explained(ox.LRP("epsilon_plus")),
            "ε, α2β1": explained(ox.LRP("epsilon_alpha2_beta1")),
            "γ": explained(ox.LRP(ox.Gamma(0.25))),
            "ε, γ, box": explained(ox.LRP(ox.EpsilonGammaBox(low=0.0, high=1.0))),
            "ε, z⁺, flat": explained(ox.LRP("epsilon_plus_flat")),
        }
    )


def connection_weights() -> Figure:
    """What the weights alone say of each digit."""
    values = ox.explain(ox.load(DIGITS.model), method="connection_weights", target="all")["image"].values
    figure = Figure(figsize=(8.4, 2.6), layout="constrained")
    axes = figure.subplots(2, 5)
    for k, ax in enumerate(axes.flat):
        heat(ax, values[0, 0, :, :, k])
        ax.set_ylabel(f"digit {k}", fontsize=9, color=INK)
    scale(figure, axes)
    return figure


def guided() -> Figure:
    """The same eight, explained as the 8 that it is and as another digit."""
    targets = (8, NOT_READ)
    methods = {
        "gradient": ox.Gradient(),
        "guided\nbackprop": ox.GuidedBackprop(),
        "deconvnet": ox.Deconvnet(),
        "excitation\nbackprop": "excitation_backprop",
        "LRP": ox.LRP(),
    }
    maps = {title: np.concatenate([explained(m, (8,), target=t) for t in targets]) for title, m in methods.items()}
    return side_by_side(maps, (8, 8), [f"why {t}?" for t in targets])


def grad_cam() -> Figure:
    first = "/features/features.2/Relu_output_0"
    return side_by_side(
        {
            "Grad-CAM": explained(ox.GradCam()),
            "Grad-CAM++": explained(ox.GradCamPlusPlus()),
            "LayerCAM": explained(ox.LayerCam()),
            "Grad-CAM,\nfirst layer": explained(ox.GradCam(at=first)),
            "LayerCAM,\nfirst layer": explained(ox.LayerCam(at=first)),
        }
    )


def black_box() -> Figure:
    rise = explained(ox.Rise(n_masks=4000))
    return side_by_side(
        {
            "occlusion": explained(ox.Occlusion(window=2, stride=1)),
            "RISE minus\nits mean": rise - rise.mean((1, 2), keepdims=True),
            "LIME": explained(ox.Lime(segments=4)),
            "KernelSHAP": explained(ox.KernelShap(data_ref=0.0)),
            "permutation\nSHAP": explained(ox.PermutationShap(data_ref=0.0)),
        }
    )


def transformers() -> Figure:
    """The encoder of examples/transformer.py: which tokens made up its mind."""
    with contextlib.redirect_stdout(io.StringIO()):
        made = runpy.run_path(str(DOCS.parent / "examples" / "transformer.py"))
    model, ids, classes, words = made["model"], made["sample"].numpy(), made["CLASSES"], made["WORDS"]
    (scores,) = model.predict(ids).values()
    methods = {"AttnLRP": ox.LRP(ox.AttnLRP()), "CP-LRP": ox.LRP(ox.CPLRP()), "DeepLIFT": ox.DeepLift(baseline=2)}
    figure = Figure(figsize=(8.4, 1.75), layout="constrained")
    axes = figure.subplots(1, len(methods))
    for ax, (title, method) in zip(axes, methods.items(), strict=True):
        values = ox.explain(model, ids, method, progress=False).values[..., 0]
        share = values / np.abs(values).max(axis=1, keepdims=True)
        ax.imshow(share, cmap=SIGNED, vmin=-1, vmax=1, aspect="auto")
        for (row, column), v in np.ndenumerate(share):
            color = "white" if abs(v) > 0.62 else INK
            ax.text(column, row, words[ids[row, column]], ha="center", va="center", fontsize=10, color=color)
        blank(ax)
        ax.set_title(title, fontsize=9, color=INK)
    axes[0].set_yticks(range(len(ids)), labels=[classes[k] for k in scores.argmax(1)], fontsize=9)
    axes[0].tick_params(length=0)
    scale(figure, axes)
    return figure


def choosing() -> Figure:
    """How much maps still agree when the last layer's weights are shuffled, and for another digit: near 0 is right."""
    data, truth = DIGITS.read()
    x = data["image"]
    references = {"DeepSHAP": ox.DeepShap(data_ref=x), "KernelSHAP": ox.KernelShap(data_ref=0.0, n_samples=1000)}
    methods: dict[str, Any] = {
        "gradient": ox.Gradient(),
        "gradient × input": ox.Gradient(times_input=True),
        "SmoothGrad": ox.SmoothGrad(),
        "integrated gradients": ox.IntegratedGradients(),
        "DeepLIFT": ox.DeepLift(),
        **references,
        "LRP": ox.LRP(),
        "LRP α2β1": ox.LRP("epsilon_alpha2_beta1"),
        "Grad-CAM": ox.GradCam(relu=False),
        "LayerCAM": ox.LayerCam(),
        "deconvnet": ox.Deconvnet(),
        "guided backprop": ox.GuidedBackprop(),
        "Grad-CAM++": ox.GradCamPlusPlus(relu=False),
        "excitation backprop": "excitation_backprop",
    }
    model, shuffled = ox.load(DIGITS.model), [shuffled_head(seed) for seed in range(5)]
    agree: dict[str, list[float]] = {"last layer shuffled": [], "another digit explained": []}
    for method in methods.values():
        own = quietly(model, x, method, target=ox.PerSample(truth)).values
        others = [quietly(net, x, method, target=ox.PerSample(truth)).values for net in shuffled]
        agree["last layer shuffled"].append(float(np.mean([agreement(own, o, x) for o in others])))
        other = quietly(model, x, method, target=ox.PerSample((truth + 1) % 10)).values
        agree["another digit explained"].append(agreement(own, other, x))
    figure = Figure(figsize=(8.4, 3.9), layout="constrained")
    ax = figure.subplots()
    at = np.arange(len(methods))
    for k, ((label, values), color) in enumerate(zip(agree.items(), (POSITIVE, NEGATIVE), strict=True)):
        ax.barh(at + 0.19 * (2 * k - 1), values, height=0.36, color=color, label=label)
    ax.axvline(0, color=SOFT, linewidth=0.8)
    ax.set_yticks(at, labels=list(methods))
    ax.invert_yaxis()
    ax.set_xlim(-0.5, 1)
    tidy(ax, grid="x")
    ax.set_xlabel("rank correlation with the map itself, over the pixels with ink", fontsize=9, color=SOFT)
    ax.legend(fontsize=9, frameon=False, loc="upper right")
    return figure


def quietly(model: ox.Model, x: Any, method: Any, **options: Any) -> ox.Explanation:
    """Without the warning that few steps of integrated gradients deserve."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return ox.explain(model, x, method, seed=0, progress=False, **options)


def shuffled_head(seed: int) -> ox.Model:
    """The model with the weights of its last layer in another order."""
    proto, random = onnx.load(DIGITS.model), np.random.default_rng(seed)
    for tensor in proto.graph.initializer:
        if tensor.name.startswith("head.2"):
            w = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(random.permuted(w.ravel()).reshape(w.shape), tensor.name))
    return ox.load(proto)


def agreement(a: np.ndarray, b: np.ndarray, x: np.ndarray) -> float:
    """Mean over samples of Spearman's correlation over the pixels with ink."""

    def ranks(v: np.ndarray, s: int) -> np.ndarray:
        return v[s, ..., 0][x[s] > 0].argsort().argsort()

    return float(np.mean([np.corrcoef(ranks(a, s), ranks(b, s))[0, 1] for s in range(len(x))]))


#: file → what draws it
PICTURES: dict[str, Callable[[], Figure]] = {
    "digits": digits,
    "gradients": gradients,
    "integrated-gradients": integrated_gradients,
    "deeplift": deeplift,
    "lrp": lrp,
    "transformers": transformers,
    "connection-weights": connection_weights,
    "guided": guided,
    "grad-cam": grad_cam,
    "black-box": black_box,
    "choosing": choosing,
}

if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]().savefig(IMAGES / f"{name}.png", dpi=100, metadata={"Software": None})
