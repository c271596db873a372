"""ai.onnx.ml operators that are written as parts: forward as onnxruntime, DeepLIFT complete, gradients those of the parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxplain as ox

from .oracle import close, gradient
from .test_trees import loaded, runtime
from .trees import model, node

X = np.concatenate([np.random.default_rng(0).normal(size=(6, 3)), np.zeros((1, 3))]).astype(np.float32)
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
RANDOM = np.random.default_rng(3)
W = RANDOM.normal(size=(3, 3)).astype(np.float32)
B = RANDOM.normal(size=3).astype(np.float32)


def case(
    op: str,
    attributes: dict[str, Any],
    outputs: tuple[str, ...] = ("y",),
    x: np.ndarray = X,
    version: int = 1,
    **more: Any,
) -> Any:
    element = helper.np_dtype_to_tensor_dtype(x.dtype) if x.dtype != object else TensorProto.STRING
    return model([node(op, attributes, outputs=outputs)], x.shape[1], outputs, version, element, **more)


def same(proto: Any, x: np.ndarray, dtype: str = "float32", atol: float = 2e-6) -> None:
    m = loaded(proto, dtype)
    for (o, got), expected in zip(m.predict(x).items(), runtime(proto, x), strict=True):
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=atol, err_msg=o)
        else:
            np.testing.assert_array_equal(got, expected, err_msg=o)


def complete(proto: Any, output: str, x: np.ndarray = X[:6], x0: float = 0.25) -> None:
    m = loaded(proto)
    e = ox.explain(m, x, ox.DeepLift(baseline=x0, ignore_last_activation=False), target={output: "all"})
    close(e.values.sum(1), m.predict(x)[output] - m.predict(np.full_like(x[:1], x0))[output], 1e-11)


PARTS = {
    "scaler": ("Scaler", {"offset": [1.0, 0.0, -1.0], "scale": [2.0, 3.0, 0.5]}),
    "scaler of one number": ("Scaler", {"offset": [0.5], "scale": [2.0]}),
    **{f"normalizer {n}": ("Normalizer", {"norm": n}) for n in ("L1", "L2", "MAX")},
    "regressor": ("LinearRegressor", {"targets": 2, "coefficients": W[:2].ravel().tolist(), "intercepts": [0.1, -1.0]}),
    "regressor without bias": ("LinearRegressor", {"coefficients": [1.0, -2.0, 0.5]}),
    "vectorizer": ("FeatureVectorizer", {"inputdimensions": [3]}),
    "vectorizer that cuts off": ("FeatureVectorizer", {"inputdimensions": [2]}),
    "vectorizer that fills up": ("FeatureVectorizer", {"inputdimensions": [5]}),
    "one hot of numbers": ("OneHotEncoder", {"cats_int64s": [-1, 0, 1], "zeros": 1}),
}


@pytest.mark.parametrize("name", PARTS)
def test_columns_are_onnxruntimes_and_share_their_difference(name: str) -> None:
    op, attributes = PARTS[name]
    proto = case(op, attributes)
    same(proto, X)
    if name != "one hot of numbers":  # a row of classes per number
        complete(proto, "y")


def test_a_one_hot_code_of_numbers_lands_on_the_number() -> None:
    nodes = [
        node("OneHotEncoder", {"cats_int64s": [0, 1, 2], "zeros": 1}, outputs=("hot",)),
        helper.make_node("Flatten", ["hot"], ["flat"]),
        node("LinearRegressor", {"coefficients": W.ravel().tolist() * 2}, ("flat",)),
    ]
    x = np.array([[0, 2.9, 1], [2, 5, -0.5]], np.float32)
    proto = model(
        nodes[:1] + nodes[1:2] + [node("LinearRegressor", {"coefficients": W.ravel().tolist()}, ("flat",))], 3
    )
    same(proto, x)
    m = loaded(proto)
    e = ox.explain(m, x, ox.DeepLift(baseline=1.0), target=0)
    effects = np.zeros((3, 7))
    effects[:, :3] = W  # of category c of column j; all others have none
    category = np.clip(np.trunc(x), 0, 6).astype(int)
    close(e.values[..., 0], effects[np.arange(3), category] - effects[:, 1], 1e-12)


@pytest.mark.parametrize("opset", [9, 12, 18])
@pytest.mark.parametrize("name", ["normalizer MAX", "one hot of numbers"])
def test_parts_are_written_for_the_models_opset(name: str, opset: int) -> None:
    proto = case(*PARTS[name])
    proto.opset_import[0].version = opset
    same(proto, X)


def test_integers_are_scaled_and_columns_picked() -> None:
    same(case("Scaler", {"offset": [1.0], "scale": [2.0]}, x=np.array([[1, 2, 3]])), np.array([[1, 2, 3]]))
    picked = helper.make_node("ArrayFeatureExtractor", ["x", "k"], ["y"], domain="ai.onnx.ml", name="pick")
    proto = model([picked], 3, initializers=[numpy_helper.from_array(np.array([2, 0, 2]), "k")])
    same(proto, X)
    close(ox.explain(loaded(proto), X, "gradient", target="all").values[0].T, [[0, 0, 1], [1, 0, 0], [0, 0, 1]])


def test_missing_numbers_are_filled_in() -> None:
    x = np.where(np.abs(X) < 0.5, np.float32(np.nan), X)
    same(case("Imputer", {"imputed_value_floats": [0.5, -1.0, 2.0], "replaced_value_float": float("nan")}), x)


LABELS = {"two of one row": (1, 2), "none of one row": (1, 0), "two": (2, 2), "three": (3, 3)}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("text", [False, True], ids=["integers", "text"])
def test_linear_classifiers_are_onnxruntimes(labels: str, transform: str, text: bool) -> None:
    n, k = LABELS[labels]
    attributes: dict[str, Any] = {
        "coefficients": (W[:n] * 0.2).ravel().tolist(),
        "intercepts": (0.5 + 0.1 * B[:n]).tolist(),
    }
    if k:
        attributes |= {"classlabels_strings": ["a", "b", "ü"][:k]} if text else {"classlabels_ints": [7, 9, 4][:k]}
    proto = case("LinearClassifier", {**attributes, "post_transform": transform}, ("label", "scores"))
    if (n, k, transform) == (1, 2, "PROBIT"):  # onnxruntime's second column is no number of anything
        with pytest.raises(ox.UnsupportedOpError):
            loaded(proto)
        return
    same(proto, X, atol=1e-4 if transform == "PROBIT" else 2e-6)  # near ½ its formula cancels in single precision
    if transform not in ("SOFTMAX_ZERO", "PROBIT"):
        complete(proto, "scores")


@pytest.mark.parametrize("kernel", ["LINEAR", "POLY", "RBF", "SIGMOID"])
@pytest.mark.parametrize("one_class", [0, 1])
def test_support_vector_regressors_are_onnxruntimes_and_complete(kernel: str, one_class: int) -> None:
    attributes = {
        "kernel_type": kernel,
        "kernel_params": [0.3, 0.2, 2.0],
        "support_vectors": X[:4].ravel().tolist(),
        "coefficients": [0.5, -1.0, 0.3, 0.2],
        "n_supports": 4,
        "rho": [0.05],
        "one_class": one_class,
    }
    proto = case("SVMRegressor", attributes)
    same(proto, X)
    complete(proto, "y")


def test_a_support_vector_machines_gradient_is_that_of_its_formula() -> None:
    vectors, a, gamma = X[:4].astype(np.float64), np.array([0.5, -1.0, 0.3, 0.2]), np.float64(np.float32(0.3))
    attributes = {"kernel_type": "RBF", "kernel_params": [0.3, 0.0, 0.0], "support_vectors": vectors.ravel().tolist()}
    proto = case("SVMRegressor", {**attributes, "coefficients": a.tolist(), "n_supports": 4, "rho": [0.0]})
    difference = X[:, None].astype(np.float64) - vectors
    k = np.exp(-gamma * (difference**2).sum(-1))
    expected = (-2 * gamma * (a.astype(np.float32) * k)[..., None] * difference).sum(1)
    close(ox.explain(loaded(proto), X, "gradient", target=0).values[..., 0], expected, 1e-10)


def machine(classes: int, **more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(classes)
    pairs = classes * (classes - 1) // 2
    return {
        "kernel_type": "RBF",
        "kernel_params": [0.4, 0.0, 0.0],
        "vectors_per_class": [2, 3, 1][:classes],
        "support_vectors": rng.normal(size=sum([2, 3, 1][:classes]) * 3).tolist(),
        "coefficients": rng.normal(size=(classes - 1) * sum([2, 3, 1][:classes])).tolist(),
        "rho": rng.normal(size=pairs).tolist(),
        "classlabels_ints": [5, 6, 8][:classes],
        **{k: v[:pairs] for k, v in more.items() if isinstance(v, list)},
        **{k: v for k, v in more.items() if not isinstance(v, list)},
    }


CALIBRATED = {"prob_a": [-1.3, -1.1, -1.7], "prob_b": [0.2, -0.1, 0.05]}


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC"])
@pytest.mark.parametrize("calibrated", [False, True], ids=["votes", "calibrated"])
@pytest.mark.parametrize("classes", [2, 3])
def test_support_vector_classifiers_are_onnxruntimes(classes: int, calibrated: bool, transform: str) -> None:
    attributes = machine(classes, post_transform=transform, **(CALIBRATED if calibrated else {}))
    proto = case("SVMClassifier", attributes, ("label", "scores"))
    same(proto, X)
    if not calibrated:
        complete(proto, "scores")


def test_calibrated_chances_are_predicted_and_explained_before() -> None:
    m = loaded(case("SVMClassifier", machine(3, **CALIBRATED), ("label", "scores")))
    for method in ("deeplift", "gradient", "lrp"):
        with pytest.raises(ox.RuleError, match="explain the scores before them"):
            ox.explain(m, X, method)
    proto = case("SVMClassifier", machine(3, **CALIBRATED), ("label", "scores"))
    before = ox.load(proto, outputs=["SVMClassifier/scores"], dtype="float64", verify="never")
    e = ox.explain(before, X, ox.DeepLift(), target="all")
    close(e.values.sum(1), next(iter(e.goals.values())), 1e-11)


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("DictVectorizer", {"int64_vocabulary": [1, 2]}),
        ("CastMap", {}),
        (
            "SVMClassifier",
            {
                "kernel_type": "LINEAR",
                "kernel_params": [0.0] * 3,
                "coefficients": [1.0] * 6,
                "rho": [0.0],
                "classlabels_ints": [0, 1],
            },
        ),
        ("TreeEnsemble", {"tree_roots": [0], "post_transform": 1}),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_has_no_layer_is_named(op: str, attributes: dict[str, Any]) -> None:
    with pytest.raises(ox.UnsupportedOpError, match=op):
        loaded(case(op, attributes, ("label", "scores") if op.endswith("Classifier") else ("y",), version=5))


STRINGS = np.array([["a", "b"], ["c", "ü"]], dtype=object)
INTS = np.array([[1, 2], [3, 1]])
TABLES = {
    "text to integers": (STRINGS, 2, {"keys_strings": ["c", "a", "ü"], "values_int64s": [5, 6, 7]}),
    "text to floats": (STRINGS, 2, {"keys_strings": ["c", "a"], "values_floats": [0.5, 0.6], "default_float": 3.0}),
    "text to text": (STRINGS, 2, {"keys_strings": ["c", "a"], "values_strings": ["x", "y"]}),
    "integers to text": (INTS, 2, {"keys_int64s": [3, 1], "values_strings": ["x", "y"], "default_string": "?"}),
    "integers to floats": (INTS, 4, {"keys_int64s": [3, 1, 1], "values_floats": [0.5, 0.6, 0.7]}),
    "NaN": (np.array([[np.nan, 1.5]], np.float32), 4, {"keys_floats": [1.5, float("nan")], "values_int64s": [1, 2]}),
    "a list of classes": (STRINGS, 1, {"classes_strings": ["a", "c"], "default_int64": 9}),
    "a list of classes, back": (INTS, 1, {"classes_strings": ["u", "v", "w"]}),
    "tensors": (INTS, 4, {
        "keys_tensor": numpy_helper.from_array(np.array([1, 2])),
        "values_tensor": numpy_helper.from_array(np.array([0.25, 2], np.float32)),
        "default_tensor": numpy_helper.from_array(np.array([-3], np.float32)),
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_label_encoders_of_all_versions_are_onnxruntimes(name: str) -> None:
    x, version, attributes = TABLES[name]
    same(case("LabelEncoder", attributes, x=x, version=version), x)


@pytest.mark.parametrize("x", [STRINGS, INTS], ids=["text", "integers"])
def test_category_mappers_go_both_ways(x: np.ndarray) -> None:
    same(case("CategoryMapper", {"cats_int64s": [1, 3], "cats_strings": ["a", "ü"]}, x=x), x)


def test_text_that_is_no_number_is_an_error_that_names_the_cast() -> None:
    cast = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)
    read = loaded(model([cast], 2, element=TensorProto.STRING))
    np.testing.assert_array_equal(read.predict(np.array([["1.5", "-2"]], dtype=object))["y"], [[1.5, -2]])
    with pytest.raises(ox.InputError, match="Parsed.*could not convert string to float: 'cat'"):
        read.predict(np.array([["1.5", "cat"]], dtype=object))


def test_the_gradient_is_that_of_the_parts() -> None:
    proto = case("LinearClassifier", {"coefficients": W.ravel().tolist(), "intercepts": B.tolist(), "classlabels_ints": [0, 1, 2], "post_transform": "SOFTMAX"}, ("label", "scores"))  # fmt: skip
    m = loaded(proto)
    e = ox.explain(m, X, ox.Gradient(ignore_last_activation=False), target={"scores": 1})
    close(
        e.values[..., 0], gradient(m, {"x": X.astype(np.float64)}, lambda v: v["scores"][:, 1], ["scores"])["x"], 1e-10
    )
