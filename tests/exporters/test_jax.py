"""JAX, Flax, Equinox and Haiku models as they are: predictions and gradients are JAX's own."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from flax import linen, nnx

import onnxplain as ox
from onnxplain.errors import ConverterError, InputError, MissingDependencyError
from onnxplain.model import Model
from onnxplain_converters import ConversionError, framework_of, to_onnx

from ..promises import assert_close, deep_lift_is_complete
from .jax_nets import MADE, Residual, dense, draw, net, stacked

every = pytest.mark.parametrize("name", MADE)


@cache
def loaded(name: str) -> Model:
    return ox.load(net(name).source, example=net(name).example, dtype="float64")


@every
def test_it_predicts_as_jax_does_for_any_number_of_samples(name: str) -> None:
    it, model = net(name), loaded(name)
    assert list(model.inputs) == list(it.data)
    for rows in (1, 2, 7):
        data = {k: np.resize(x, (rows, *x.shape[1:])) for k, x in it.data.items()}
        (ours,) = model.predict(data).values()
        assert_close(ours, it.predict(*data.values()), 1e-5)


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("plain", ["layer0/", "layer1/"]),
        ("residual", ["first/", "inner/", "norm/", "out/"]),
        ("attention", ["attention/query/", "attention/out/", "out/"]),
        ("equinox_dense", ["layers/0/", "layers/2/"]),
        ("haiku_dense", ["mlp/~/linear_0/", "mlp/~/linear_1/"]),
    ],
)
def test_nodes_are_called_for_the_layer_whose_weights_they_read(name: str, nodes: list[str]) -> None:
    values = loaded(name).raw.values
    names = [n.name for n in to_onnx(net(name).source, net(name).example).graph.node]
    assert all(any(n.startswith(node) for n in names) for node in nodes)
    assert any(str(v).startswith(nodes[0]) for v in values)


def test_keys_become_outputs_arguments_inputs_and_columns_features() -> None:
    table = pd.DataFrame(draw(5, 4), columns=["age", "height", "mass", "pulse"])
    model = ox.load(net("plain").source, example=table)
    assert list(model.outputs) == ["logits"]
    assert model.inputs["rows"].labels == {"feature": ("age", "height", "mass", "pulse")}
    e = ox.explain(net("plain").source, table, "gradient")
    assert e["rows"].values.shape[:2] == (5, 4)


def test_arguments_may_be_pytrees() -> None:
    @jax.jit
    def function(batch: Any, scale: float) -> Any:
        return batch["a"] * scale, (batch["b"][0] - batch["b"][1]).sum(1)

    data = {"batch": {"a": draw(3, 2), "b": [draw(3, 4), draw(3, 4) + 1]}, "scale": 2.5}
    model = ox.load(function, example=data)
    assert list(model.inputs) == ["a", "b.0", "b.1"] and list(model.outputs) == ["output", "output_1"]
    y = model.predict({"a": draw(3, 2), "b.0": draw(3, 4), "b.1": draw(3, 4) + 1})
    assert_close(y["output"], 2.5 * draw(3, 2), 1e-6)
    assert_close(y["output_1"], -np.full(3, 4.0), 1e-6)


def test_integers_look_up_an_embedding_and_are_explained_there() -> None:
    table, w = draw(7, 4), draw(4, 3)
    function = jax.jit(lambda tokens: jnp.tanh(jnp.asarray(table)[tokens].mean(1) @ w))
    tokens = np.arange(15).reshape(3, 5) % 7
    model = ox.load(function, example=tokens, dtype="float64")
    assert_close(model.predict(tokens)["output"], function(tokens), 1e-5)
    deep_lift_is_complete(model, {"tokens": tokens}, 1e-6, {"tokens": tokens[::-1].copy()}, False)


def test_double_precision_is_kept() -> None:
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.asarray, stacked((4, 6, 3)))
        params = jax.tree.map(lambda v: v.astype(jnp.float64) / 3, params)
        function = jax.jit(lambda rows: dense(params, rows)["logits"])
        x = draw(5, 4).astype(np.float64)
        expected = np.asarray(function(x))
        proto = to_onnx(function, x)
        model = ox.load(function, example=x, dtype="float64")
    assert proto.graph.input[0].type.tensor_type.elem_type == 11
    assert_close(model.predict(x)["output"], expected, 1e-14)


def test_single_precision_is_left_set_as_it_was() -> None:
    before = jax.config.jax_enable_x64
    ox.load(net("plain").source, example=net("plain").example)
    assert jax.config.jax_enable_x64 is before


def test_a_module_in_training_mode_is_not_touched() -> None:
    module = Residual()
    mean = np.asarray(module.norm.mean[...])
    ox.load(module, example=draw(5, 4))
    assert module.norm.use_running_average is not True
    np.testing.assert_array_equal(np.asarray(module.norm.mean[...]), mean)


def test_a_fixed_number_of_samples_is_said() -> None:
    function = jax.jit(lambda x, place: x[jnp.arange(x.shape[0]), place])
    with pytest.warns(UserWarning, match=r"takes 5 samples at a time.*broadcast"):
        proto = to_onnx(function, (draw(5, 4), np.arange(5) % 4))
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 5


def test_what_is_written_for_one_sample_can_be_said() -> None:
    w = draw(4, 3)
    function = jax.jit(lambda x: jnp.tanh(x @ w))
    proto = to_onnx(function, draw(5, 4), by_sample=True)
    model = ox.load(proto)
    assert_close(model.predict(draw(3, 4))["output"], np.tanh(draw(3, 4) @ w), 1e-5)


def test_a_compiled_function_is_a_jax_model_and_any_other_is_not() -> None:
    function = net("plain").source
    assert framework_of(function) == "jax" and framework_of(net("convolutional").source) == "jax"
    assert framework_of(function.func) == "jax"
    assert framework_of(lambda x: x) is None and framework_of((1, 2)) is None and framework_of(()) is None
    with pytest.raises(InputError, match="functions and ox.BlackBox are for methods that only"):
        ox.load(lambda x: x)


def test_methods_that_only_call_the_model_call_a_compiled_function_itself() -> None:
    function = jax.jit(lambda x: jnp.linalg.eigh(x[:, :, None] * x[:, None])[0][:, -1:])  # has no ONNX; equals Σ x²
    x = draw(3, 4)
    e = ox.explain(function, x, "feature_ablation", target=0)
    (found,) = e.attributions.values()
    assert_close(found.values.reshape(3, 4), x**2, 1e-4)


@pytest.mark.parametrize(
    ("source", "example", "says"),
    [
        (jax.jit(lambda x: x), None, r"must be shown.*ox.load\(model, example=jnp.ones"),
        (jax.jit(lambda x: x @ jnp.ones((4, 2))), draw(3, 5), r"does not take the example \(x \(3, 5\)\)"),
        (jax.jit(lambda x, y: x + y), {"x": draw(3, 4), "z": draw(3, 4)}, r"\['z'\]; the arguments .* x, y"),
        (jax.jit(lambda x: x), np.array([["a"]]), "give arrays of numbers"),
        (jax.jit(lambda x: jnp.linalg.eigh(x.T @ x)[0]), draw(3, 4), "(?s)cannot be exported to ONNX: .*What to try"),
        (linen.Dense(3), draw(3, 4), r"holds no weights of its own. Flax linen is given as \(module, variables\)"),
        ((jax.jit(lambda x: x), 1), draw(3, 4), "tuple that begins with a PjitFunction"),
        (jnp.ones(3), draw(3, 4), "cannot be called"),
        (nnx.Param(jnp.ones(3)), draw(3, 4), "is no module"),
    ],
)
def test_what_cannot_be_converted_says_why(source: Any, example: Any, says: str) -> None:
    with pytest.raises(ConversionError, match=says):
        to_onnx(source, example)


def test_haiku_needs_its_params() -> None:
    with pytest.raises(ConverterError, match=r"together with its params.*\(transformed, params\)"):
        ox.load(net("haiku_dense").source[0], example=draw(3, 4))
    with pytest.raises(ConverterError, match="together with its params and state"):
        ox.load(net("haiku_state").source[:2], example=draw(3, 4))


def test_a_missing_exporter_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'onnxplain\[jax\]'"):
        ox.load(net("plain").source, example=draw(3, 4))


def test_predictions_that_differ_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import jax2onnx

    honest = jax2onnx.to_onnx
    monkeypatch.setattr(
        jax2onnx, "to_onnx", lambda f, *a, **k: honest(lambda x: tuple(y * 1.01 for y in f(x)), *a, **k)
    )
    with pytest.raises(ConversionError, match=r"output 'logits' differs from the original's by 1.0e-02"):
        to_onnx(net("plain").source, net("plain").example)
