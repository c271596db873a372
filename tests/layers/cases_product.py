"""Products and quotients of two activations."""

from __future__ import annotations

import numpy as np

from .harness import C, Case, normal, uniform

A, B = normal(3, 4, 5), normal(4, 1, seed=1)
POSITIVE = uniform(3, 4, 5)


def product(op: str, a: tuple[int, ...], b: tuple[int, ...], note: str = "", **attrs: object) -> Case:
    return Case(op, [normal(*a), normal(*b, seed=1)], attrs, note=note or f"{a} {b}")


CASES = [
    Case("Mul", [A, normal(3, 4, 5, seed=1)]),
    Case("Mul", [A, B], opset=7, note="broadcast"),
    Case("Mul", [normal(3, 1, 5), normal(2, 1, 4, 1)], note="both broadcast"),
    Case("Div", [A, POSITIVE]),
    Case("Div", [A, -uniform(4, 1)], opset=7, note="broadcast"),
    Case("Div", [B, POSITIVE], note="numerator broadcast"),
    Case("Pow", [POSITIVE, A]),
    Case("Pow", [POSITIVE, B], note="broadcast"),
    product("MatMul", (3, 4), (4, 5)),
    product("MatMul", (2, 3, 4), (2, 4, 5)),
    product("MatMul", (2, 1, 3, 4), (5, 4, 2)),
    product("MatMul", (3, 4), (2, 4, 5)),
    product("MatMul", (2, 3, 4), (4, 5)),
    product("MatMul", (4,), (4,)),
    product("MatMul", (4,), (2, 4, 5)),
    product("MatMul", (2, 3, 4), (4,)),
    product("Gemm", (3, 4), (4, 5)),
    product("Gemm", (4, 3), (5, 4), "transposed", transA=1, transB=1, alpha=0.5),
    Case("Gemm", [normal(3, 4), normal(4, 5), C(normal(5))], {"beta": 0.3, "alpha": 2.0}, note="bias"),
    product("Einsum", (2, 3, 4), (2, 4, 5), "bij,bjk->bik", equation="bij,bjk->bik"),
    product("Einsum", (2, 3, 4, 5), (2, 6, 4, 5), "attention", equation="bqhd, bkhd -> bhqk"),
    product("Einsum", (3, 4), (4, 5), "implicit", equation="ij,jk"),
    product("Einsum", (4, 3), (5, 4), "implicit order", equation="ca,bc"),
    product("Einsum", (2, 1, 3, 4), (2, 5, 4, 6), "ellipsis", equation="...ij,...jk->...ik"),
    Case(
        "Einsum",
        [normal(2, 1, 3, 4), normal(5, 4, 6, seed=1)],
        {"equation": "...ij,...jk->...ik"},
        note="ellipses of two lengths",
        ort=False,  # onnxruntime wants them equally long
    ),
    product("Einsum", (3, 2, 4), (4, 5), "ellipsis implicit", equation="i...j,jk"),
    product("Einsum", (3, 4, 6), (4, 5), "summed alone", equation="ijx,jk->ik"),
    product("Einsum", (3, 3, 4), (4, 3), "diagonal", equation="iij,ji->ij"),
    product("Einsum", (3, 3), (4,), "trace", equation="ii,j->j"),
    product("Einsum", (3,), (4,), "outer", equation="i,j->ij"),
    product("Einsum", (3, 4), (3, 4), "scalar", equation="ij,ij->"),
    product("Conv", (2, 3, 7), (4, 3, 3), "one axis"),
    product("Conv", (2, 4, 7, 6), (6, 2, 3, 2), "groups", group=2, strides=[2, 1], pads=[1, 0, 2, 1]),
    product("Conv", (2, 2, 8, 7), (3, 2, 3, 2), "same", auto_pad="SAME_UPPER", strides=[2, 2]),
    product("Conv", (2, 2, 8, 7), (3, 2, 3, 2), "dilated", dilations=[2, 3]),
    product("Conv", (1, 2, 4, 5, 4), (3, 2, 2, 3, 2), "three axes", auto_pad="SAME_LOWER"),
    Case("Conv", [normal(2, 3, 6, 6), normal(4, 3, 3, 3), C(normal(4))], note="bias"),
    product("ConvTranspose", (2, 3, 5), (3, 2, 3), "one axis"),
    product("ConvTranspose", (2, 4, 4, 3), (4, 3, 3, 2), "groups", group=2, strides=[2, 3], pads=[1, 0, 2, 1]),
    product("ConvTranspose", (2, 3, 4, 3), (3, 2, 2, 3), "padded at the end", strides=[3, 2], output_padding=[2, 1]),
    product("ConvTranspose", (2, 3, 4, 3), (3, 2, 3, 3), "shape", strides=[2, 2], output_shape=[8, 7]),
    product("ConvTranspose", (1, 2, 3, 2, 3), (2, 2, 2, 2, 3), "three axes", dilations=[2, 1, 1]),
    Case("ConvTranspose", [normal(2, 3, 4, 3), normal(3, 2, 3, 2, seed=1), C(normal(2))], note="bias"),
    product("Mod", (3, 4), (3, 4), "fmod", fmod=1),
    product("Mod", (2, 3, 4), (3, 1), "broadcast", fmod=1),
    Case("Mod", [4 * A, B], opset=28, note="floor", ort=False),  # onnxruntime knows no remainder of that sign
    # the elements of one value
    *(Case("ReduceProd", [A], {"axes": axes, "keepdims": k}, opset=13, note=f"{axes} {k}") for axes in ([1], [2, 0]) for k in (0, 1)),
    Case("ReduceProd", [A], {"keepdims": 0}, opset=7, note="all"),
    Case("ReduceProd", [A, C(np.array([-1]))], opset=18),
    Case("ReduceProd", [A], {"noop_with_empty_axes": 1}, opset=18, note="none"),
    Case("ReduceProd", [A, np.array([0, -1])], {"keepdims": 0}, opset=18, note="axes computed"),
    Case("ReduceProd", [np.array([[0, 2, 3], [0, 0, 3]], np.float32), C(np.array([1]))], opset=18, note="zeros"),
    *(
        Case("CumProd", [A, C(np.array(axis))], {"exclusive": e, "reverse": r}, opset=26, note=f"{axis} {e} {r}", ort=False)
        for axis, e, r in ((0, 0, 0), (1, 1, 0), (-1, 0, 1), (2, 1, 1))
    ),
    Case("CumProd", [A, np.array(-2)], opset=26, note="axis computed", ort=False),
    Case("CumProd", [np.array([2, 0, 3, 0, 5], np.float32), C(np.array(0))], opset=26, note="zeros", ort=False),
]
