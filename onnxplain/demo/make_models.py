"""Trains the demo's two models and writes them beside this file: `python -m onnxplain.demo.make_models`.

Needs scikit-learn for its digits; seeds are fixed. Nothing at run time reads this file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from .data import DIGITS, HERE, MEASURES, measure

EPOCHS = 60


class DigitNet(nn.Module):
    """Two convolutions with batch normalisation, max pooling, two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 24, 3, padding=1),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Linear(24 * 16, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features(image))


class HalfDigitNet(nn.Module):
    """A convolutional branch for the picture's upper half, a dense one for the table, joined before the head."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.measured = nn.Sequential(nn.Linear(len(MEASURES), 32), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(16 * 8 + 32, 48), nn.ReLU(), nn.Linear(48, 10))

    def forward(self, image: Tensor, table: Tensor) -> Tensor:
        return self.head(torch.cat([self.picture(image), self.measured(table)], dim=1))


def train(net: nn.Module, inputs: tuple[Tensor, ...], digit: Tensor) -> None:
    """Adam on shuffled batches of 64, step size falling to zero."""
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    net.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(digit)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(*(x[rows] for x in inputs)), digit[rows]).backward()
            optimiser.step()
        schedule.step()
    net.eval()


def export(net: nn.Module, inputs: Mapping[str, Tensor], path: Path, features: Mapping[str, tuple[str, ...]]) -> None:
    """One ONNX file with a free sample axis; names of features and units go into its metadata as JSON."""
    names = list(inputs)
    torch.onnx.export(
        net,
        tuple(x[:2] for x in inputs.values()),
        str(path),
        input_names=names,
        output_names=["digit"],
        dynamic_axes={n: {0: "samples"} for n in [*names, "digit"]},
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(path)
    stored = {"input_labels": features, "output_labels": {"digit": DIGITS}}
    onnx.helper.set_model_props(model, {f"onnxplain.{k}": json.dumps(v) for k, v in stored.items()})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def make(
    name: str, net: nn.Module, inputs: dict[str, np.ndarray], digit: np.ndarray, features: Mapping[str, tuple[str, ...]]
) -> float:
    """Trains on three quarters of the rows; writes the model, its accuracy on the other quarter, and twelve samples of
    that: one of each digit, and two that the model misreads."""
    seen = np.random.default_rng(0).permutation(len(digit))
    test, learn = seen[: len(digit) // 4], seen[len(digit) // 4 :]
    tensors = {k: torch.from_numpy(v) for k, v in inputs.items()}
    train(net, tuple(x[learn] for x in tensors.values()), torch.from_numpy(digit)[learn])
    with torch.no_grad():
        right = net(*(x[test] for x in tensors.values())).argmax(1).numpy() == digit[test]
    export(net, tensors, HERE / f"{name}.onnx", features)
    one_of_each = [test[right & (digit[test] == d)][0] for d in range(10)]
    keep = np.array([*one_of_each, *test[~right][:2]])
    facts = {"digit_true": digit[keep], "accuracy": right.mean(), "held_out": len(test)}
    np.savez_compressed(HERE / f"{name}.npz", **{k: v[keep] for k, v in inputs.items()}, **facts)
    return float(right.mean())


def main() -> None:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images / 16).astype(np.float32)
    digit = bunch.target.astype(np.int64)
    torch.manual_seed(0)
    picture = make("digits", DigitNet(), {"image": images[:, None]}, digit, {})
    print(f"digits: {picture:.1%} of the held-out digits read right")
    torch.manual_seed(0)
    inputs = {"image": np.ascontiguousarray(images[:, None, :4]), "table": measure(images)}
    half = make("half_digits", HalfDigitNet(), inputs, digit, {"table": MEASURES})
    print(f"half_digits: {half:.1%}")


if __name__ == "__main__":
    main()
