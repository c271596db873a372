"""One image whose gradient arrives with its channels last: torch's autograd gets its batch normalisation wrong."""

from __future__ import annotations

import numpy as np
import pytest

import onnxplain as ox

from ..engine.build import Writer


@pytest.mark.parametrize("samples", [1, 3])
def test_the_gradient_of_pixels_turned_to_tokens_is_that_of_each_sample_alone(samples: int) -> None:
    w = Writer()
    tokens = w.node("Transpose", w.node("Reshape", w.batch_norm("x", 3), w.constant([0, 3, 20])), perm=[0, 2, 1])
    weights = w.weight(20, 3, name="weights")
    w.node("ReduceSum", w.node("Mul", tokens, weights), w.constant([2]), to="y", keepdims=0)
    proto = w.model({"x": ("N", 3, 4, 5)}, {"y": ("N", 20)})
    found = ox.explain(ox.load(proto, dtype="float64"), np.random.default_rng(0).standard_normal((samples, 3, 4, 5)), "gradient", target=[7])
    stored = {i.name: np.frombuffer(i.raw_data, np.float32).astype(float) for i in w.initializers}
    norm = proto.graph.node[0].input
    factor = stored[norm[1]] / np.sqrt(stored[norm[4]] + 1e-5)
    expected = np.zeros((3, 20))
    expected[:, 7] = stored["weights"].reshape(20, 3)[7] * factor
    for one in np.asarray(found.values)[..., 0]:
        np.testing.assert_allclose(one, expected.reshape(3, 4, 5), rtol=1e-6)
