"""Affine first layers, passed once for both ends of a path and once on the way back: the same numbers as step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

import onnxplain as ox

MODELS = {
    "dense": """
<ir_version: 8, opset_import: ["": 17]>
net (float[n, 3] x) => (float[n, 2] y)
<float[3, 4] w = {1, -2, 0.5, 3, 2, 1, -1, 0.25, -0.5, 1, 2, -3}, float[4] b = {0.1, -0.2, 0.3, 0}, float[4, 2] v = {1, 2, -1, 0.5, 3, -2, 1, 1}>
{ h = Gemm (x, w, b)
  t = Tanh (h)
  y = MatMul (t, v) }""",
    "two inputs, of which one is also read elsewhere": """
<ir_version: 8, opset_import: ["": 17]>
net (float[n, 3] x, float[n, 3] u) => (float[n, 2] y)
<float[3, 4] w = {1, -2, 0.5, 3, 2, 1, -1, 0.25, -0.5, 1, 2, -3}, float[3, 4] a = {1, 0, 2, -1, 1, 1, -1, 0.5, 0.5, -1, 1, 2}, float[4, 2] v = {1, 2, -1, 0.5, 3, -2, 1, 1}, float[3, 2] c = {1, 0, -1, 1, 0.5, 2}>
{ h = MatMul (x, w)
  k = MatMul (u, a)
  s = Mul (h, k)
  t = Tanh (s)
  p = MatMul (t, v)
  e = Exp (u)
  q = MatMul (e, c)
  y = Add (p, q) }""",
    "convolution behind a scale": """
<ir_version: 8, opset_import: ["": 17]>
net (float[n, 1, 6] x) => (float[n, 12] y)
<float s = {0.5}, float[2, 1, 3] w = {1, -1, 2, 0.5, 1, -2}>
{ d = Mul (x, s)
  h = Conv <pads = [1, 1]> (d, w)
  t = Tanh (h)
  y = Flatten (t) }""",
}
MODELS |= {
    "rectified": MODELS["dense"].replace("Tanh", "Relu"),
    "rectified, and read elsewhere": MODELS["dense"].replace("Tanh (h)", "Relu (h)\n  a = Add (t, h)").replace("MatMul (t, v)", "MatMul (a, v)"),
    "two, of which one is rectified": MODELS["two inputs, of which one is also read elsewhere"].replace("Mul (h, k)", "Relu (h)"),
}
METHODS = {
    "integrated gradients": ox.IntegratedGradients(n_steps=7),
    "mean gradient from another baseline": ox.IntegratedGradients(baseline=0.3, n_steps=5, times_input=False),
    "smoothgrad": ox.SmoothGrad(n_samples=6),
    "smoothgrad × input": ox.SmoothGrad(n_samples=6, times_input=True),
    "variance": ox.VarGrad(n_samples=6, times_input=True),
    "expected gradients": lambda data: ox.ExpectedGradients(data_ref=data, n_samples=6),
}


@pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", ["auto", 1, (2, 1)])
def test_lifted_equals_step_by_step(name: str, method: Any, size: object) -> None:
    model = ox.load(onnx.parser.parse_model(MODELS[name]), verify="never", dtype="float64")
    made = np.random.default_rng(0)
    data = {n: made.normal(size=(4, *(d for d in s.shape[1:]))) for n, s in model.inputs.items()}
    method = method(data) if callable(method) else method
    lifted = ox.explain(model, data, method, target=[0, 1], seed=3, chunk_size=size)
    bounded = ox.explain(model, data, method, target=[0, 1], seed=3, max_memory="1GB")  # where memory is bounded nothing waits
    for key, a in lifted.attributions.items():
        np.testing.assert_allclose(a.values, bounded.attributions[key].values, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
@pytest.mark.parametrize("few", [(1, 1), (1, 40), (2**13, 2**18)], ids=["one by one", "some together", "as it is"])
@pytest.mark.parametrize("name", MODELS)
def test_deepshap_is_the_mean_over_its_references_however_many_go_back_together(
    name: str, few: tuple[int, int], rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxplain.methods.sums.FEW", few[0])
    monkeypatch.setattr("onnxplain.methods.late.FEW", few[1])
    model = ox.load(onnx.parser.parse_model(MODELS[name]), verify="never", dtype="float64")
    made = np.random.default_rng(1)
    data, refs = ({n: made.normal(size=(rows, *s.shape[1:])) for n, s in model.inputs.items()} for rows in (4, 5))
    for size in ("auto", (4, 2), (12, 1)):
        found = ox.explain(model, data, ox.DeepShap(data_ref=refs, rule=rule), target=[0, 1], chunk_size=size)
        each = [
            ox.explain(model, data, ox.DeepLift(baseline={n: r[i] for n, r in refs.items()}, rule=rule), target=[0, 1])
            for i in range(5)
        ]
        for key, a in found.attributions.items():
            mean = sum(e.attributions[key].values for e in each) / 5
            np.testing.assert_allclose(a.values, mean, rtol=1e-10, atol=1e-12)
