"""A Flax module and a plain JAX function with the same weights: the same explanation.

    python examples/framework_jax.py

The modules are given as they are, the function compiled. What is explained is checked against JAX's own gradients.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import onnxplain as ox


class Yield(nnx.Module):
    """Harvest from four facts about a field."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.inner, self.out = nnx.Linear(4, 8, rngs=rngs), nnx.Linear(8, 1, rngs=rngs)

    def __call__(self, field: Any) -> Any:
        return {"harvest": self.out(nnx.softplus(self.inner(field)))}


names = ["rain", "sun", "nitrogen", "slope"]
module = Yield(nnx.Rngs(0))
x = jax.random.uniform(jax.random.key(1), (300, 4))
y = 3 * x[:, 0] * x[:, 1] + x[:, 2] - 0.5 * x[:, 3]


@nnx.jit
def step(module: Yield) -> Any:
    loss, gradients = nnx.value_and_grad(lambda m: jnp.mean((m(x)["harvest"][:, 0] - y) ** 2))(module)
    weights = nnx.state(module, nnx.Param)
    nnx.update(module, jax.tree.map(lambda w, g: w - 0.1 * g, weights, gradients))
    return loss


for _ in range(400):
    loss = step(module)
print(f"trained: mean squared error {float(loss):.4f}")

model = ox.load(module, example=x, input_labels=names, dtype="float64")
print(model)
baseline = np.asarray(x.mean(0))
e = ox.explain(model, x[:5], ox.DeepLift(baseline=baseline))
e.check(1e-6)
print("\nfield", *(f"{n:>9}" for n in names), "  (DeepLIFT from the mean field)")
for i, row in enumerate(e["field"].values[..., 0]):
    print(f"{i:5}", *(f"{v:9.2f}" for v in row))

ours = ox.explain(model, x[:5], "gradient")["field"].values[..., 0]
theirs = jax.grad(lambda v: module(v)["harvest"].sum())(x[:5])
assert np.allclose(ours, theirs, atol=1e-5)


@jax.jit
def harvest(weights: Any, field: Any) -> Any:
    h = jax.nn.softplus(field @ weights["inner"]["kernel"] + weights["inner"]["bias"])
    return {"harvest": h @ weights["out"]["kernel"] + weights["out"]["bias"]}


function = partial(harvest, nnx.to_pure_dict(nnx.state(module, nnx.Param)))
again = ox.explain(ox.load(function, example=x, dtype="float64"), x[:5], ox.DeepLift(baseline=baseline))
assert np.allclose(again["field"].values, e["field"].values, atol=1e-6)
print("\ngradients are JAX's own, and the plain function gives the same attributions")
