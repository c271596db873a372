"""Constants are laid out once for all layers that share them."""

from __future__ import annotations

import numpy as np
import torch
from onnx import helper, numpy_helper

import onnxplain as ox
from onnxplain.layers.affine.conv import Conv
from onnxplain.layers.laid import Laid


def test_what_shares_its_place_in_memory_is_laid_out_once() -> None:
    laid = Laid()
    w = torch.arange(6.0).reshape(2, 3)
    turned = lambda x: x.mT.contiguous().mT
    made = laid(w, turned)
    torch.testing.assert_close(made, w)
    assert laid(w.view(2, 3), turned) is made
    assert laid(w[:1], turned) is not made and laid(w, torch.clone) is not made
    assert not made.is_inference()


def test_convolutions_that_share_their_weights_share_them_laid_out() -> None:
    w = np.random.default_rng(0).standard_normal((4, 4, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "w"], ["b"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["b"], ["y"]),
    ]
    ends = [[helper.make_tensor_value_info(n, 1, shape)] for n, shape in (("x", ["n", 4, 6, 6]), ("y", ["n", 4, 1, 1]))]
    graph = helper.make_graph(nodes, "shared", *ends, [numpy_helper.from_array(w, "w")])
    model = ox.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))
    model.predict(np.ones((2, 4, 6, 6), np.float32))
    first, second = (n.layer.w for n in model.graph.nodes if isinstance(n.layer, Conv))
    assert first.data_ptr() == second.data_ptr() and first.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(first.numpy(), w)
