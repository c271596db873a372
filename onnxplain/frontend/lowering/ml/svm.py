"""SVMRegressor and SVMClassifier: kernels of the support vectors, weighted."""

from __future__ import annotations

import itertools

import numpy as np
from onnx import TensorProto

from ..body import Body
from .constants import DOMAIN, OWN, as_floats, floats, integers, text
from .linear import product
from .scores import classes, labelled, largest, transform_of, transformed

KERNELS = ("LINEAR", "POLY", "RBF", "SIGMOID")


def svm_regressor(b: Body) -> None:
    """Σ coefficient · K(x, support vector) + ρ; its sign, ±1, for one class."""
    coefficients, n = np.array(b.attr("coefficients", ())), b.attr("n_supports", 0)
    rho = np.array(b.attr("rho", (0.0,)))[:1]
    if not _readable(b, n) or not len(coefficients) or (n and len(coefficients) != n):
        return
    if n:
        score = product(b, _kernels(b, n), coefficients[None], rho, "score")
    else:
        score = b("Add", _kernel(b, as_floats(b), coefficients[None]), floats(b, rho), at="score")
    if b.attr("one_class", 0):
        inside = b("Binarizer", score, domain=DOMAIN, threshold=0.0)
        b("Sub", b("Mul", inside, floats(b, 2.0)), floats(b, 1.0), result=b.output(0))
    else:
        b("Identity", score, result=b.output(0))


def svm_classifier(b: Body) -> None:
    """A score for each pair of classes and a vote for one of the two; the label has most votes, whatever the probabilities. With two classes the
    columns are −s and s, or 1 − s and s; with `prob_a` and `prob_b` they are probabilities."""
    sizes, labels = b.attr("vectors_per_class"), classes(b)
    if not _readable(b, sum(sizes or ())):
        return
    if not sizes:
        _without_vectors(b, labels)
        return
    n, k = sum(sizes), len(sizes)
    pairs = list(itertools.combinations(range(k), 2))
    coefficients, rho = np.array(b.attr("coefficients", ())), np.array(b.attr("rho", ()))
    transform, calibrated = transform_of(b), bool(b.attr("prob_a"))
    fits = (
        len(labels if labels is not None else ()) == k and len(coefficients) == (k - 1) * n and len(rho) == len(pairs)
    )
    if labels is None or not fits or (k == 2 and not calibrated and transform == "PROBIT"):
        return
    scores = product(b, _kernels(b, n), _pair_weights(coefficients.reshape(k - 1, n), sizes, pairs), rho, "scores")
    labelled(b, largest(b, _votes(b, scores, pairs, k)), labels)
    if calibrated:
        chances = b("Chances", scores, domain=OWN, a=list(b.attr("prob_a")), b=list(b.attr("prob_b")), at="chances")
        transformed(b, chances, k, transform)
        return
    if k > 2:
        transformed(b, scores, len(pairs), transform)
        return
    both = b("MatMul", scores, floats(b, [[-1.0, 1.0]]))
    if transform in ("SOFTMAX", "SOFTMAX_ZERO"):
        both = b("Add", both, floats(b, [1.0, 0.0]))
    transformed(b, both, 2, transform if transform == "LOGISTIC" else "NONE")


def _without_vectors(b: Body, labels: np.ndarray | None) -> None:
    """A row of weights per class. With two classes onnxruntime's labels are not those of the larger score."""
    coefficients, rho = np.array(b.attr("coefficients", ())), np.array(b.attr("rho", (0.0,)))
    k = 0 if labels is None else len(labels)
    if k < 3 or labels is None or not len(coefficients) or len(coefficients) % k:
        return
    scores = b("Add", _kernel(b, as_floats(b), coefficients.reshape(k, -1)), floats(b, rho[:1]), at="scores")
    labelled(b, largest(b, scores), labels)
    transformed(b, scores, k, transform_of(b))


def _readable(b: Body, n: int) -> bool:
    """Whether the kernel is one of the four, x a table, and the support vectors are n."""
    vectors = b.attr("support_vectors", ())
    known = text(b.attr("kernel_type", b"LINEAR")) in KERNELS and b.rank(b.input(0)) != 1
    return known and (not n or bool(len(vectors) and len(vectors) % n == 0))


def _kernels(b: Body, n: int) -> str:
    """K(x, each support vector), (sample, vector)."""
    return _kernel(b, as_floats(b), np.array(b.attr("support_vectors")).reshape(n, -1))


def _kernel(b: Body, x: str, vectors: np.ndarray) -> str:
    kind, (gamma, c, degree) = text(b.attr("kernel_type", b"LINEAR")), (*b.attr("kernel_params", ()), 0.0, 0.0, 0.0)[:3]
    if kind == "RBF":
        # as differences: |x|² − 2xv + |v|² would lose what x and v have in common
        difference = b("Sub", b("Reshape", x, b.ints(-1, 1, vectors.shape[1])), floats(b, vectors))
        far = b.with_axes("ReduceSum", b("Pow", difference, floats(b, 2.0)), [2], keepdims=0)
        return b("Exp", b("Mul", far, floats(b, -gamma)), at="kernels")
    inner = product(b, x, vectors, None, "products")
    if kind == "LINEAR":
        return inner
    moved = b("Add", b("Mul", inner, floats(b, gamma)), floats(b, c))
    if kind == "POLY":
        return b("Pow", moved, floats(b, degree), at="kernels")
    return b("Tanh", moved, at="kernels")


def _pair_weights(coefficients: np.ndarray, sizes: list[int], pairs: list[tuple[int, int]]) -> np.ndarray:
    """(pair, support vector): in the pair (i, j) the vectors of i have row j − 1 of the coefficients, those of j row i."""
    starts = np.concatenate([[0], np.cumsum(sizes)])
    out = np.zeros((len(pairs), coefficients.shape[1]))
    for p, (i, j) in enumerate(pairs):
        out[p, starts[i] : starts[i + 1]] = coefficients[j - 1, starts[i] : starts[i + 1]]
        out[p, starts[j] : starts[j + 1]] = coefficients[i, starts[j] : starts[j + 1]]
    return out


def _votes(b: Body, scores: str, pairs: list[tuple[int, int]], k: int) -> str:
    """How many pairs each class wins: a positive score is a vote for the first of the pair."""
    won = np.zeros((len(pairs), k), np.int64)
    lost = np.zeros(k, np.int64)
    for p, (i, j) in enumerate(pairs):
        won[p, i], won[p, j] = 1, -1
        lost[j] += 1
    first = b("Cast", b("Greater", scores, floats(b, 0.0)), to=TensorProto.INT64)
    return b("Add", b("MatMul", first, integers(b, won)), integers(b, lost))
