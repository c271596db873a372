"""A layer's constants, read as attributes of its own: they stay what torch keeps of them."""

from __future__ import annotations

import pickle
from copy import deepcopy

import torch

from onnxplain.layers.affine.linear import Linear


def _layer() -> Linear:
    return Linear(torch.arange(6.0).reshape(2, 3), torch.ones(3))


def test_a_constant_that_is_set_anew_is_what_the_layer_computes_with():
    layer, x = _layer(), torch.ones(1, 2)
    before = layer.forward(x)
    layer.b = torch.zeros(3)
    assert torch.equal(layer.forward(x), before - 1)
    assert torch.equal(layer.state_dict()["b"], torch.zeros(3))
    layer.b = None
    assert torch.equal(layer.forward(x), before - 1)


def test_constants_move_to_another_type_with_the_layer():
    layer = _layer().to(torch.float64)
    assert layer.w.dtype == layer.b.dtype == layer.forward(torch.ones(1, 2, dtype=torch.float64)).dtype == torch.float64
    assert layer.w is dict(layer.named_buffers())["w"]


def test_copies_of_a_layer_have_constants_of_their_own():
    layer = _layer()
    for copy in (deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(copy.w, layer.w)
        assert copy.w is dict(copy.named_buffers())["w"]
        copy.w.zero_()
        assert layer.w.sum() == 15
