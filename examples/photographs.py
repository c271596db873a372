"""All of `ox.methods()` side by side: a VGG-16-shaped net on the two photographs that scikit-learn bundles.

    python examples/photographs.py

The photographs are 224 × 224 pixels; the net has an eighth of VGG-16's channels, so that every method runs within seconds on one
core. Its weights are random: the pictures show what the methods do, not what a trained net sees. No method is left out; those
that average or sample draw fewer than they would in earnest, and connection weights, which do not look at the data, are the
same for both photographs.
"""

from __future__ import annotations

import io
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_images

import onnxplain as ox

torch.manual_seed(0)
SIZE, COLUMNS = 224, 10
WIDTHS = (8, 8, "pool", 16, 16, "pool", 32, 32, 32, "pool", 64, 64, 64, "pool", 64, 64, 64, "pool")

layers: list[torch.nn.Module] = []
channels = 3
for width in WIDTHS:
    if isinstance(width, int):
        layers += [torch.nn.Conv2d(channels, width, 3, padding=1), torch.nn.ReLU()]
        torch.nn.init.kaiming_normal_(layers[-2].weight)
        channels = width
    else:
        layers.append(torch.nn.MaxPool2d(2))
net = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
images = torch.tensor(np.stack(load_sample_images().images) / 127.5 - 1, dtype=torch.float32).permute(0, 3, 1, 2)
photos = torch.nn.functional.interpolate(images, (SIZE, SIZE), mode="bilinear", antialias=True).numpy()
# what the photographs are compared with: black, grey, white
greys = np.stack([np.full_like(photos[0], v) for v in (-1, 0, 1)])

METHODS = {
    "gradient": ox.Gradient(),
    "gradient_input": ox.Gradient(times_input=True),
    "smoothgrad": ox.SmoothGrad(n_samples=8),
    "smoothgrad_squared": ox.SmoothGradSquared(n_samples=8),
    "vargrad": ox.VarGrad(n_samples=8),
    "integrated_gradients": ox.IntegratedGradients(n_steps=16),
    "expected_gradients": ox.ExpectedGradients(data_ref=greys, n_samples=16),
    "deeplift": ox.DeepLift(),
    "deepshap": ox.DeepShap(data_ref=greys),
    "lrp": ox.LRP(),
    "connection_weights": ox.ConnectionWeights(),
    "excitation_backprop": "excitation_backprop",
    "guided_backprop": ox.GuidedBackprop(),
    "deconvnet": ox.Deconvnet(),
    "grad_cam": ox.GradCam(),
    "grad_cam_plus_plus": ox.GradCamPlusPlus(),
    "layer_cam": ox.LayerCam(),
    "occlusion": ox.Occlusion(window=56, stride=56),
    "feature_ablation": ox.FeatureAblation(segments=7),
    "rise": ox.Rise(n_masks=60),
    "lime": ox.Lime(n_samples=80, segments=7),
    "kernel_shap": ox.KernelShap(data_ref=0.0, n_samples=80, segments=4),
    "permutation_shap": ox.PermutationShap(data_ref=0.0, n_permutations=2, segments=4),
}
assert set(METHODS) == set(ox.methods()) - {"treeshap"}, "every method has its column; a net has no trees"
VARIANTS = {
    "deeplift, reveal-cancel": ox.DeepLift(rule="reveal_cancel"),
    "deeplift from a blur": ox.DeepLift(baseline=ox.Blur(8.0)),
    "lrp ε": ox.LRP("epsilon"),
    "lrp α2β1": ox.LRP("epsilon_alpha2_beta1"),
    "lrp box, γ, ε": ox.LRP(ox.EpsilonGammaBox(low=-1.0, high=1.0)),
    "smooth lrp": ox.Smooth(ox.LRP(), n_samples=6),
}

file = io.BytesIO()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch.onnx.export(
        net, (torch.from_numpy(photos),), file, dynamo=False, input_names=["photo"], dynamic_axes={"photo": {0: "n"}}
    )
model = ox.load(file.getvalue())
table = {**METHODS, **VARIANTS}
blocks = -(-(1 + len(table)) // COLUMNS)  # each of two rows, one per photograph
figure = Figure(figsize=(1.75 * COLUMNS, 3.9 * blocks), layout="constrained")
axes = figure.subplots(2 * blocks, COLUMNS)
for ax in axes.flat:
    ax.set_axis_off()
for row in range(2):
    axes[row, 0].imshow((photos[row].transpose(1, 2, 0) / 2 + 0.5).clip(0, 1))
axes[0, 0].set_title("photograph", fontsize=9)
for place, (name, method) in enumerate(table.items(), 1):
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # so few steps miss their goal by some percent: it is printed
        e = ox.explain(model, photos, method, seed=0)
    seconds = time.perf_counter() - start
    (output,) = e.goals
    off = np.abs(e.delta[output] / e.goals[output]).max()
    print(f"{name:24s}{seconds:5.1f} s   {'' if np.isnan(off) else f'sums miss their goals by {off:.1e}'}")
    assert e.values.shape == (*photos.shape, 1) and np.isfinite(e.values).all() and e.values.any()
    block, column = divmod(place, COLUMNS)
    for row in range(2):
        heat = e.values[row, ..., 0].sum(0)
        limit = np.quantile(np.abs(heat), 0.995) or 1
        axes[2 * block + row, column].imshow(heat, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes[2 * block, column].set_title(name, fontsize=9)
out = Path("demo-output")
out.mkdir(exist_ok=True)
figure.savefig(out / "photographs.png", dpi=80)
print(f"wrote {out / 'photographs.png'}: {len(METHODS)} methods and {len(VARIANTS)} variants")
