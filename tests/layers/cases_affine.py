"""Affine operators: convolutions, matrix products, averages, scales."""

from __future__ import annotations

from typing import Any

import numpy as np

from .harness import C, Case, normal, uniform


def conv(note: str, x: tuple[int, ...], w: tuple[int, ...], bias: bool = False, opset: int = 17, **attrs) -> Case:
    inputs = [normal(*x), C(normal(*w, seed=1))] + ([C(normal(w[0], seed=2))] if bias else [])
    return Case("Conv", inputs, attrs, opset=opset, note=note)


def held(note: str, x: tuple[int, ...], w: tuple[int, ...], bias: bool = False, **attrs) -> Case:
    """Constant x, weights computed at run time."""
    inputs = [C(normal(*x)), normal(*w, seed=1)] + ([C(normal(w[0], seed=2))] if bias else [])
    return Case("Conv", inputs, attrs, note=f"weights computed {note}")


CONV = [
    conv("1d", (2, 3, 7), (4, 3, 3), True),
    conv("1d strided", (2, 3, 8), (4, 3, 3), strides=[2], pads=[1, 0], dilations=[2]),
    conv("2d", (2, 3, 5, 6), (4, 3, 3, 2), True),
    conv("2d pads", (2, 3, 5, 6), (4, 3, 3, 3), True, pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
    conv("2d uneven pads", (2, 2, 5, 6), (3, 2, 3, 2), True, pads=[0, 1, 2, 0], strides=[2, 3]),
    conv("2d strides leave a rest", (2, 2, 8, 9), (3, 2, 3, 3), strides=[3, 2], pads=[1, 1, 1, 1]),
    conv("2d dilated", (2, 2, 7, 8), (3, 2, 2, 3), True, dilations=[2, 2], pads=[1, 2, 1, 2], strides=[2, 1]),
    conv("2d pointwise", (2, 3, 4, 5), (4, 3, 1, 1), True),
    conv("2d pointwise strided", (2, 3, 5, 4), (4, 3, 1, 1), strides=[2, 2]),
    conv("2d pointwise same", (2, 3, 5, 4), (4, 3, 1, 1), True, auto_pad="SAME_UPPER", strides=[2, 3]),
    conv("2d pointwise pads", (2, 3, 5, 4), (4, 3, 1, 1), True, pads=[1, 0, 0, 1]),
    conv("2d pointwise one channel", (2, 1, 5, 4), (4, 1, 1, 1), True),
    conv("2d patches", (2, 3, 6, 8), (4, 3, 3, 4), True, strides=[3, 4]),
    conv("2d patches leave a rest", (3, 2, 7, 5), (4, 2, 2, 1), True, strides=[2, 1], auto_pad="VALID"),
    conv("2d patches one channel", (2, 1, 5, 7), (3, 1, 2, 3), strides=[2, 3]),
    conv("2d patches with gaps", (2, 3, 9, 8), (4, 3, 2, 3), True, strides=[4, 3]),
    conv("2d patches with gaps and a rest", (2, 3, 12, 9), (4, 3, 2, 1), True, strides=[4, 3]),
    conv("2d patches same", (2, 2, 5, 4), (3, 2, 2, 3), True, strides=[2, 3], auto_pad="SAME_UPPER"),
    conv("2d groups", (2, 4, 5, 5), (6, 2, 3, 3), True, group=2, pads=[1, 1, 1, 1]),
    conv("2d depthwise", (2, 4, 5, 4), (8, 1, 3, 3), True, group=4, pads=[1, 0, 0, 1]),
    conv("2d same upper", (2, 2, 6, 7), (3, 2, 3, 4), auto_pad="SAME_UPPER", strides=[2, 2]),
    conv("2d same lower", (2, 2, 6, 7), (3, 2, 2, 4), True, auto_pad="SAME_LOWER", strides=[2, 3]),
    conv("2d valid", (2, 2, 6, 7), (3, 2, 3, 2), auto_pad="VALID", opset=7),
    conv("3d", (2, 2, 4, 5, 3), (3, 2, 2, 3, 2), True, pads=[1, 0, 1, 0, 1, 1], strides=[2, 1, 1], opset=11),
    conv("3d groups", (1, 4, 3, 4, 3), (4, 2, 2, 2, 2), True, group=2),
    conv("newest opset", (2, 2, 5, 5), (3, 2, 3, 3), opset=22),
    held("1d", (2, 3, 7), (4, 3, 3)),
    held("groups", (2, 4, 5, 6), (6, 2, 3, 2), True, group=2, strides=[2, 1], pads=[1, 0, 2, 1]),
    held("same", (2, 2, 6, 7), (3, 2, 2, 2), auto_pad="SAME_LOWER", strides=[2, 3]),
]

LINEAR = [
    Case("Gemm", [normal(3, 4), C(normal(4, 5, seed=1))], note="no bias"),
    Case("Gemm", [normal(3, 4), C(normal(5, 4, seed=1)), C(normal(5, seed=2))], {"transB": 1}, note="transB"),
    Case(
        "Gemm",
        [normal(4, 3), C(normal(5, 4, seed=1)), C(normal(1, 5, seed=2))],
        {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0},
        note="everything",
    ),
    Case("Gemm", [normal(3, 4), C(normal(4, 5, seed=1)), C(normal(3, 1, seed=2))], note="bias per row"),
    Case(
        "Gemm", [normal(3, 4), C(normal(4, 5, seed=1)), C(normal(1, seed=2))], {"beta": -1.0}, note="one bias", opset=7
    ),
    Case("Gemm", [C(normal(3, 4)), normal(4, 5, seed=1), C(normal(5, seed=2))], {"alpha": 2.0}, note="constant left"),
    Case("Gemm", [C(normal(4, 3)), normal(5, 4, seed=1)], {"transA": 1, "transB": 1}, note="constant left flipped"),
    Case("MatMul", [normal(3, 4), C(normal(4, 5, seed=1))], note="right"),
    Case("MatMul", [normal(2, 3, 4), C(normal(4, 5, seed=1))], note="right of batches"),
    Case("MatMul", [normal(2, 1, 3, 4), C(normal(5, 4, 2, seed=1))], note="batched right"),
    Case("MatMul", [normal(3, 4), C(normal(2, 4, 5, seed=1))], note="batched right widens"),
    Case("MatMul", [normal(2, 3, 4), C(normal(4, seed=1))], note="right vector"),
    Case("MatMul", [normal(4), C(normal(4, 5, seed=1))], note="vector times right"),
    Case("MatMul", [normal(4), C(normal(3, 4, 5, seed=1))], note="vector times batched right"),
    Case("MatMul", [normal(4), C(normal(4, seed=1))], note="vector times vector"),
    Case("MatMul", [C(normal(4)), normal(4, seed=1)], note="constant vector times vector"),
    Case("MatMul", [C(normal(3, 4)), normal(4, 5, seed=1)], note="left"),
    Case("MatMul", [C(normal(3, 4)), normal(2, 4, 5, seed=1)], note="left of batches"),
    Case("MatMul", [C(normal(2, 3, 4)), normal(4, 5, seed=1)], note="batched left widens"),
    Case("MatMul", [C(normal(2, 3, 4)), normal(4, seed=1)], note="batched left times vector"),
    Case("MatMul", [C(normal(4)), normal(2, 4, 5, seed=1)], note="left vector"),
    Case("MatMul", [C(normal(3, 4)), normal(4, seed=1)], note="left times vector", opset=9),
]


EMPTY = np.zeros(0, np.int64)


def pool(note: str, x: tuple[int, ...], opset: int = 17, **attrs) -> Case:
    return Case("AveragePool", [normal(*x)], attrs, opset=opset, note=note)


AVERAGE = [
    pool("1d", (2, 3, 8), kernel_shape=[3], strides=[2]),
    pool("1d pads", (2, 3, 8), kernel_shape=[3], pads=[1, 1], opset=7),
    pool("2d", (2, 3, 6, 7), kernel_shape=[2, 3], strides=[2, 2]),
    pool("2d pads", (2, 3, 6, 7), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    pool("2d pads count", (2, 3, 6, 7), kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    pool("2d uneven pads", (2, 3, 6, 7), kernel_shape=[3, 3], strides=[2, 2], pads=[0, 1, 2, 1]),
    pool("2d uneven pads count", (2, 3, 6, 7), kernel_shape=[3, 2], pads=[0, 1, 2, 0], count_include_pad=1),
    pool("2d large pads", (2, 3, 5, 5), kernel_shape=[3, 3], pads=[2, 2, 2, 2], count_include_pad=1),
    pool("2d ceil", (2, 3, 6, 8), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    pool("2d ceil pads", (2, 3, 6, 7), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1),
    pool(
        "2d ceil pads count",
        (2, 3, 6, 8),
        kernel_shape=[3, 3],
        strides=[2, 2],
        pads=[1, 1, 1, 1],
        ceil_mode=1,
        count_include_pad=1,
        opset=19,
    ),
    pool("2d ceil drops", (2, 3, 5, 5), kernel_shape=[1, 1], strides=[2, 3], ceil_mode=1, opset=19),
    pool("2d same upper", (2, 3, 6, 7), kernel_shape=[2, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    pool("2d same lower", (2, 3, 5, 7), kernel_shape=[2, 4], strides=[1, 2], auto_pad="SAME_LOWER"),
    pool("2d valid", (2, 3, 6, 7), kernel_shape=[3, 3], strides=[2, 2], auto_pad="VALID"),
    pool("2d dilated", (2, 3, 8, 7), kernel_shape=[3, 2], dilations=[2, 3], pads=[1, 1, 1, 1], opset=19),
    pool("2d dilated strided", (2, 3, 9, 7), kernel_shape=[2, 2], dilations=[2, 3], strides=[2, 2], opset=19),
    pool("3d", (2, 2, 4, 5, 4), kernel_shape=[2, 3, 2], strides=[2, 1, 1], pads=[0, 1, 0, 0, 1, 1]),
    pool("3d even pads", (2, 2, 4, 5, 4), kernel_shape=[2, 3, 2], pads=[1, 1, 1, 1, 1, 1], count_include_pad=1),
    Case("GlobalAveragePool", [normal(2, 3, 4, 5)]),
    Case("GlobalAveragePool", [normal(2, 3, 4)], note="1d", opset=7),
    Case("ReduceMean", [normal(2, 3, 4)], {"axes": [-1]}, note="attribute axes", opset=13),
    Case("ReduceMean", [normal(2, 3, 4)], {"axes": [0, -2], "keepdims": 0}, note="two axes dropped"),
    Case("ReduceMean", [normal(2, 3, 4)], note="all axes"),
    Case("ReduceMean", [normal(2, 3, 4), C([1, -1])], {"keepdims": 0}, note="input axes", opset=18),
    Case("ReduceMean", [normal(2, 3, 4)], {"noop_with_empty_axes": 1}, note="no axes does nothing", opset=18),
    Case("ReduceSum", [normal(2, 3, 4)], {"axes": [1], "keepdims": 0}, note="attribute axes", opset=11),
    Case("ReduceSum", [normal(2, 3, 4), C([-2])], note="input axes", opset=13),
    Case("ReduceSum", [normal(2, 3, 4), C([0, 2])], {"keepdims": 0}, note="input axes dropped", opset=18),
    Case("ReduceSum", [normal(2, 3, 4)], {"keepdims": 0}, note="all axes", opset=13),
    Case("ReduceSum", [normal(2, 3, 4)], {"noop_with_empty_axes": 1}, note="no axes does nothing", opset=13),
    Case("CumSum", [normal(2, 4, 3), C(1)], note="plain"),
    Case("CumSum", [normal(2, 4, 3), C(-1)], {"exclusive": 1}, note="exclusive", opset=11),
    Case("CumSum", [normal(2, 4, 3), C(0)], {"reverse": 1}, note="reverse"),
    Case("CumSum", [normal(2, 4, 3), C(1)], {"reverse": 1, "exclusive": 1}, note="reverse exclusive"),
    Case("CumSum", [normal(2, 4, 3), np.array(-2)], {"exclusive": 1}, note="axis computed", opset=14),
    Case("ReduceMean", [normal(2, 3, 4), np.array([2, 0])], {"keepdims": 0}, note="axes computed", opset=18),
    Case("ReduceSum", [normal(2, 3, 4), np.array([-2])], note="axes computed", opset=13),
    Case("ReduceSum", [normal(2, 3, 4), EMPTY], note="empty axes computed", opset=13),
    Case("ReduceSum", [normal(2, 3, 4), EMPTY], {"noop_with_empty_axes": 1}, note="computed not to", opset=13),
    *(
        Case("SumPool", [normal(2, 3, 6, 8)], {"kernel_shape": [3, 3], **attrs}, note=f"of LpPool {note}", ort=False)
        for note, attrs in {
            "plain": {},
            "padded": {"strides": [2, 3], "pads": [1, 0, 2, 1]},
            "ceil": {"strides": [2, 2], "ceil_mode": 1, "pads": [1, 1, 1, 1]},
            "dilated": {"dilations": [2, 1], "auto_pad": "SAME_UPPER", "strides": [2, 1]},
        }.items()
    ),
]


def batch_norm(note: str, *shape: int, opset: int = 17, **attrs) -> Case:
    c = shape[1]
    constants = [C(normal(c, seed=1)), C(normal(c, seed=2)), C(normal(c, seed=3)), C(uniform(c, seed=4))]
    return Case("BatchNormalization", [normal(*shape), *constants], attrs, opset=opset, note=note)


SCALE = [
    batch_norm("2d", 2, 3, 4, 5, epsilon=1e-3),
    batch_norm("vectors", 4, 3, opset=7),
    batch_norm("1d", 2, 3, 4, opset=9),
    batch_norm("3d", 2, 3, 2, 2, 3, opset=14),
    Case("Mul", [normal(2, 3, 4), C(normal(4, seed=1))], note="row"),
    Case("Mul", [C(normal(3, 1, seed=1)), normal(2, 3, 4)], note="column"),
    Case("Mul", [normal(3, 1), C(normal(2, 3, 4, seed=1))], note="widens", opset=7),
    Case("Mul", [normal(3), C(normal(seed=1))], note="number"),
    Case("Mul", [normal(3), C(uniform(1, 1, seed=1))], note="more axes"),
    Case("Div", [normal(2, 3, 4), C(normal(3, 1, seed=1))], note="column"),
    Case("Div", [normal(2, 3), C(uniform(4, 1, 1, seed=1))], note="widens"),
    Case("Neg", [normal(2, 3)]),
]


def einsum(note: str, equation: str, *inputs: Any) -> Case:
    return Case("Einsum", list(inputs), {"equation": equation}, note=note)


EINSUM = [
    einsum("matrix product", "bij,jk->bik", normal(2, 3, 4), C(normal(4, 5, seed=1))),
    einsum("constant first", "jk,bij->bki", C(normal(4, 5, seed=1)), normal(2, 3, 4)),
    einsum("heads", "bqd,dhk->bhqk", normal(2, 3, 4), C(normal(4, 2, 3, seed=1))),
    einsum("implicit output", "bij,jk", normal(2, 3, 4), C(normal(4, 5, seed=1))),
    einsum("unnamed axes", "...ij,jk->...ik", normal(2, 2, 3, 4), C(normal(4, 5, seed=1))),
    einsum("unnamed axes of both", "...ij,...jk->...ik", normal(2, 3, 4), C(normal(2, 4, 2, seed=1))),
    einsum("unnamed axes widen", "...ij,...jk->...ik", normal(2, 1, 3, 4), C(normal(2, 3, 4, 2, seed=1))),
    einsum("elementwise", "ij,ij->ij", normal(3, 4), C(normal(3, 4, seed=1))),
    einsum("letter of x alone", "ijk,j->j", normal(2, 3, 4), C(normal(3, seed=1))),
    einsum("letter of w alone", "ij,jk->i", normal(2, 3), C(normal(3, 4, seed=1))),
    einsum("letter of w in the output", "i,j->ij", normal(3), C(normal(4, seed=1))),
    einsum("diagonal", "bii,ij->bj", normal(2, 3, 3), C(normal(3, 4, seed=1))),
    einsum("full sum", "ij,ij->", normal(3, 4), C(normal(3, 4, seed=1))),
    einsum("no constant", "bij->ji", normal(2, 3, 4)),
    einsum("two constants", "bi,ij,jk->bk", normal(2, 3), C(normal(3, 4, seed=1)), C(normal(4, 2, seed=2))),
]

INTEGER = [
    Case("ReduceSum", [np.arange(-4, 8).reshape(2, 6), C([-1])], {"keepdims": 0}, note="integers"),
    Case("ReduceSum", [np.arange(-4, 8, dtype=np.int32).reshape(2, 6)], note="int32 all axes", opset=13),
    Case("ReduceProd", [np.arange(-4, 8, dtype=np.int32).reshape(2, 2, 3)], {"axes": [-1, 0]}, note="integers", opset=13),
    Case("ReduceProd", [np.arange(1, 7).reshape(2, 3)], {"keepdims": 0}, note="all axes", opset=11),
    Case("CumSum", [np.arange(-4, 8).reshape(2, 6), C(1)], {"exclusive": 1, "reverse": 1}, note="integers"),
]

CASES = [*CONV, *LINEAR, *AVERAGE, *SCALE, *EINSUM, *INTEGER]
