"""innsight's iris example: three outputs, LRP's ε-rule against DeepLIFT with the column means as reference.

    python examples/innsight_iris.py

A small net is trained with scikit-learn, handed over as a dict of layers, and explained with innsight's functions. The
tables show the mean attribution per feature over the flowers of each species, and how far sums are from their goals.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier

from onnxplain import innsight

OUT = Path("demo-output")


def trained() -> tuple[innsight.Converter, np.ndarray, np.ndarray, list[str]]:
    """(converter, data scaled to [-1, 1], species, names of species)."""
    iris = load_iris()
    low, high = iris.data.min(0), iris.data.max(0)
    x = 2 * (iris.data - low) / (high - low) - 1
    net = MLPClassifier((30, 10), activation="relu", max_iter=2000, random_state=0).fit(x, iris.target)
    activations = ["relu", "relu", "softmax"]
    layers = [
        {"type": "Dense", "weight": w.T, "bias": b, "activation_name": a}
        for w, b, a in zip(net.coefs_, net.intercepts_, activations, strict=True)
    ]
    features = [name.removesuffix(" (cm)") for name in iris.feature_names]
    species = [str(name) for name in iris.target_names]
    model = {"layers": layers, "input_dim": 4, "input_names": features, "output_names": species}
    converter = innsight.convert(model)
    assert (innsight.run_grad(converter, x).preds[0].argmax(1) == net.predict(x)).all()
    return converter, x, iris.target, species


def show(title: str, result: innsight.Result, target: np.ndarray) -> None:
    frame = result.get_result("data.frame")
    frame["species"] = (
        frame.data.str.removeprefix("data_").astype(int).map(lambda i: result.converter.output_names[0][target[i - 1]])
    )
    own = frame[frame.output_node == frame.species]  # each flower's own species
    print(f"\n{title}: mean attribution for a flower's own species")
    print(own.pivot_table(index="feature", columns="species", values="value", sort=False).round(2).to_string())
    once = own.drop_duplicates("data")
    off = (once.decomp_sum - once.decomp_goal).abs() / once.decomp_goal.abs()
    print(f"sums miss their goals by {off.median():.1%} (median), {off.max():.1%} (largest)")
    for k, name in enumerate(result.converter.output_names[0]):
        result.boxplot(output_idx=[k]).savefig(OUT / f"{title.split()[0].strip(',').lower()}-{name}.png")


def main() -> None:
    OUT.mkdir(exist_ok=True)
    converter, x, target, _ = trained()
    print(converter)
    lrp = innsight.run_lrp(converter, x, rule_name="epsilon", rule_param=0.01)
    show("LRP, ε = 0.01 (biases keep their share)", lrp, target)
    deeplift = innsight.run_deeplift(converter, x, x_ref=x.mean(0, keepdims=True))
    show("DeepLIFT against the column means (complete)", deeplift, target)
    sums, goals = deeplift.get_result().sum(1), deeplift.decomp_goal[0]
    assert np.abs(sums - goals).max() < 1e-4 * np.abs(goals).max(), "float32"
    same = np.corrcoef(lrp.get_result().ravel(), deeplift.get_result().ravel())[0, 1]
    print(f"\ncorrelation of the two: {same:.3f}\nwrote six pictures to {OUT}")


if __name__ == "__main__":
    main()
