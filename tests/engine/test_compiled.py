"""compile=True: the numbers stay, errors say what to do."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest

import onnxplain as ox

from .control_models import CASES as CONTROL
from .models import CASES, loaded
from .oracle import close
from .recurrent_models import FEATURES, load, module, network

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="torch.compile needs a C++ compiler"
)
METHODS = {
    "lrp": lambda refs: ox.LRP(),
    "deeplift": lambda refs: ox.DeepLift(baseline=1),
    "integrated gradients": lambda refs: ox.IntegratedGradients(n_steps=4),
    "deepshap": lambda refs: ox.DeepShap(data_ref=refs),
}


def the_same(name: str, method: Any) -> None:
    model, data = loaded(name), CASES[name].data(3)
    expected = ox.explain(model, data, method, target="all", seed=0)
    for _ in range(3):  # as it is, compiling, compiled
        e = ox.explain(model, data, method, target="all", seed=0, compile=True)
        for key in expected:
            close(e[key].values, expected[key].values, 1e-10)


@needs_compiler
def test_compiled_walks_give_the_same_numbers() -> None:
    from onnxplain.graph.compiled import _FUNCTIONS

    before = sum(len(f.made) for f in _FUNCTIONS.values())
    the_same("mlp", ox.LRP())
    assert sum(len(f.made) for f in _FUNCTIONS.values()) == before + 2  # forward and back


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["cnn", "attention", "branches", "embedding"])
def test_every_kind_of_walk_compiles(name: str, method: str) -> None:
    the_same(name, METHODS[method](CASES[name].data(2, seed=4)))


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("method", ["gradient", "lrp"])
def test_an_lstm_compiles_in_steps(method: str) -> None:
    """The kernel that takes its gradient elsewhere cannot be traced."""
    x = np.random.default_rng(0).standard_normal((3, 2, FEATURES))
    model = load(network(module("LSTM"), steps=3)[0], "float32")
    expected = ox.explain(model, x, method, target=1).values
    for _ in range(3):  # as it is, compiling, compiled
        np.testing.assert_allclose(ox.explain(model, x, method, target=1, compile=True).values, expected, atol=2e-6 * np.abs(expected).max())


@needs_compiler
def test_what_decides_by_numbers_cannot_be_compiled_and_says_so() -> None:
    case = CONTROL["counted"]
    model, data = ox.load(case.make(True), dtype="float64"), case.data(1)
    ox.explain(model, data, "gradient", compile=True)
    with pytest.raises(ox.InputError, match="compile=True: the model cannot be traced.*explain it without"):
        ox.explain(model, data, "gradient", compile=True)


def test_methods_that_only_call_the_model_are_not_compiled() -> None:
    with pytest.raises(ox.InputError, match="only calls the model"):
        ox.explain(loaded("mlp"), CASES["mlp"].data(2), "occlusion", compile=True)
