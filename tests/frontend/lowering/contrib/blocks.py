"""Small transformers as exporters write them, node by node, for onnxruntime's own tools to fuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

SAMPLES, LENGTH, HEADS, WIDTH, INNER, WORDS = 2, 5, 2, 8, 12, 11
HEAD = WIDTH // HEADS
FAR = 2**31 - 1


class Writer:
    """A graph written one operator after the other; arrays become weights."""

    def __init__(self, opset: int = 13, seed: int = 0) -> None:
        self.opset, self.random = opset, np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def constant(self, value: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, *shape: int, scale: float = 0.5) -> str:
        return self.constant((scale * self.random.standard_normal(shape)).astype(np.float32))

    def __call__(self, op: str, *inputs: str, outs: int = 1, **attributes: Any) -> Any:
        names = [f"{op}_{len(self.nodes)}_{i}" if outs > 1 else f"{op}_{len(self.nodes)}" for i in range(outs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=f"node{len(self.nodes)}", **attributes))
        return names if outs > 1 else names[0]

    def number(self, value: float) -> str:
        return self.constant(np.float32(value))

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        return self("Add", self("MatMul", x, self.weight(inputs, outputs)), self.weight(outputs))

    def norm(self, x: str) -> str:
        centred = self("Sub", x, self("ReduceMean", x, axes=[-1]))
        variance = self("ReduceMean", self("Pow", centred, self.number(2)), axes=[-1])
        spread = self("Sqrt", self("Add", variance, self.number(1e-12)))
        scaled = self(
            "Mul", self("Div", centred, spread), self.constant(np.linspace(0.5, 1.5, WIDTH, dtype=np.float32))
        )
        return self("Add", scaled, self.weight(WIDTH, scale=0.1))

    def gelu(self, x: str) -> str:
        inner = self("Add", self("Erf", self("Div", x, self.number(math.sqrt(2)))), self.number(1))
        return self("Mul", self("Mul", x, inner), self.number(0.5))

    def tanh_gelu(self, x: str) -> str:
        cubic = self("Add", x, self("Mul", self("Pow", x, self.number(3)), self.number(0.044715)))
        t = self("Add", self("Tanh", self("Mul", cubic, self.number(math.sqrt(2 / math.pi)))), self.number(1))
        return self("Mul", self("Mul", x, self.number(0.5)), t)

    def apart(self, x: str, perm: list[int], heads: int = HEADS, width: int = HEAD) -> str:
        return self("Transpose", self("Reshape", x, self.ints(0, 0, heads, width)), perm=perm)

    def together(self, y: str, width: int = WIDTH) -> str:
        return self("Reshape", self("Transpose", y, perm=[0, 2, 1, 3]), self.ints(0, 0, width))

    def model(self, inputs: dict[str, tuple[int, list[Any]]], result: str, microsoft: bool = False) -> ModelProto:
        self.nodes.append(helper.make_node("Identity", [result], ["y"], name="end"))
        infos = [helper.make_tensor_value_info(n, t, s) for n, (t, s) in inputs.items()]
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])
        graph = helper.make_graph(self.nodes, "block", infos, [y], self.weights)
        opsets = [helper.make_opsetid("", self.opset)] + [helper.make_opsetid("com.microsoft", 1)] * microsoft
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def bert(opset: int = 13, floats: bool = False) -> ModelProto:
    """Embeddings, two layers of attention with a mask and an erf-gelu, and a classifier on the first token; `floats`:
    without embeddings."""
    w = Writer(opset)
    whole = (TensorProto.INT64, ["N", LENGTH])
    if floats:
        inputs = {"x": (TensorProto.FLOAT, ["N", LENGTH, WIDTH]), "mask": whole}
        x = w.norm("x")
    else:
        inputs = {"ids": whole, "mask": whole, "segments": whole}
        words, segments = (w("Gather", w.weight(n, WIDTH), v) for n, v in ((WORDS, "ids"), (2, "segments")))
        length = w("Gather", w("Shape", "ids"), w.constant(np.int64(1)), axis=0)
        counts = w.constant(np.arange(LENGTH + 2)[None])
        counts = w("Slice", counts, w.ints(0), w("Unsqueeze", length, w.ints(0)), w.ints(1), w.ints(1))
        positions = w("Gather", w.weight(LENGTH + 2, WIDTH), counts)
        x = w.norm(w("Add", w("Add", words, segments), positions))
    mask = w("Unsqueeze", w("Unsqueeze", "mask", w.ints(1)), w.ints(2))
    mask = w("Mul", w("Sub", w.number(1), w("Cast", mask, to=TensorProto.FLOAT)), w.number(-10000.0))
    for _ in range(2):
        q, k, v = (w.linear(x, WIDTH, WIDTH) for _ in range(3))
        q, k, v = w.apart(q, [0, 2, 1, 3]), w.apart(k, [0, 2, 3, 1]), w.apart(v, [0, 2, 1, 3])
        scores = w("Add", w("Div", w("MatMul", q, k), w.number(math.sqrt(HEAD))), mask)
        heads = w.together(w("MatMul", w("Softmax", scores, axis=-1), v))
        x = w.norm(w("Add", w.linear(heads, WIDTH, WIDTH), x))
        x = w.norm(w("Add", w.linear(w.gelu(w.linear(x, WIDTH, INNER)), INNER, WIDTH), x))
    first = w("Gather", x, w.constant(np.int64(0)), axis=1)
    return w.model(inputs, w.linear(w("Tanh", w.linear(first, WIDTH, WIDTH)), WIDTH, 3))


def gpt2(opset: int = 13) -> ModelProto:
    """One layer of causal attention with a product for Q, K and V together, a tanh-gelu, norms before; the last token."""
    w = Writer(opset, seed=1)
    x = w("Add", w("Gather", w.weight(WORDS, WIDTH), "ids"), w.weight(1, LENGTH, WIDTH))
    h = w.norm(x)
    q, k, v = w("Split", w.linear(h, WIDTH, 3 * WIDTH), w.ints(WIDTH, WIDTH, WIDTH), outs=3, axis=2)
    q, k, v = w.apart(q, [0, 2, 1, 3]), w.apart(k, [0, 2, 3, 1]), w.apart(v, [0, 2, 1, 3])
    scores = w("Div", w("MatMul", q, k), w.number(math.sqrt(HEAD)))
    causal = w.constant(np.tril(np.ones((1, 1, LENGTH, LENGTH), bool)))
    weights = w("Softmax", w("Where", causal, scores, w.number(-10000.0)), axis=-1)
    x = w("Add", w.linear(w.together(w("MatMul", weights, v)), WIDTH, WIDTH), x)
    h = w.norm(x)
    x = w.norm(w("Add", w.linear(w.tanh_gelu(w.linear(h, WIDTH, INNER)), INNER, WIDTH), x))
    last = w("Gather", x, w.constant(np.int64(LENGTH - 1)), axis=1)
    return w.model({"ids": (TensorProto.INT64, ["N", LENGTH])}, w.linear(last, WIDTH, 3))


def cnn(opset: int = 13) -> ModelProto:
    """Convolutions with activations, a residual, and two dense layers."""
    w = Writer(opset, seed=2)
    x = w("Relu", w("Conv", "x", w.weight(4, 2, 3, 3), w.weight(4), pads=[1, 1, 1, 1]))
    x = w("Add", w("Conv", x, w.weight(4, 4, 3, 3), w.weight(4), pads=[1, 1, 1, 1]), x)
    x = w("LeakyRelu", w("Conv", w("Relu", x), w.weight(3, 4, 3, 3), w.weight(3)), alpha=0.2)
    x = w("Flatten", w("GlobalAveragePool", x))
    x = w("Relu", w("Gemm", x, w.weight(3, 6), w.weight(6)))
    y = w("Gemm", x, w.weight(6, 3), w.weight(3))
    return w.model({"x": (TensorProto.FLOAT, ["N", 2, 6, 6])}, y)


def llama(fused: bool) -> ModelProto:
    """One layer as in Llama: RMS norms, rotary positions, two heads of Q for each of K and V, a gated SiLU; written with
    onnxruntime's operators, as its generator of models does, or with ONNX's."""
    w = Writer(17, seed=3)
    heads, shared, size = 4, 2, 16
    width, table = 24, 8
    angles = np.outer(np.arange(16), 10000.0 ** (-np.arange(table) / table)).astype(np.float32)
    cos, sin = w.constant(np.cos(angles)), w.constant(np.sin(angles))
    gammas = [w.constant(np.linspace(0.5, 1.5, width, dtype=np.float32)) for _ in range(3)]
    parts = [w.weight(width, n * size, scale=0.2) for n in (heads, shared, shared)]
    back, gate, up, down = (
        w.weight(*s, scale=0.3) for s in ((heads * size, width), (width, 20), (width, 20), (20, width))
    )

    def rms(x: str, gamma: str) -> str:
        if fused:
            return w("SimplifiedLayerNormalization", x, gamma, epsilon=1e-5, axis=-1)
        square = w("ReduceMean", w("Mul", x, x), axes=[-1])
        root = w("Sqrt", w("Add", square, w.number(1e-5)))
        return w("Mul", gamma, w("Div", x, root))

    def skip(x: str, y: str, gamma: str) -> tuple[str, str]:
        if not fused:
            total = w("Add", x, y)
            return total, rms(total, gamma)
        names = [f"skip{len(w.nodes)}", f"sum{len(w.nodes)}"]
        outputs = [names[0], "", "", names[1]]
        w.nodes.append(
            helper.make_node(
                "SkipSimplifiedLayerNormalization",
                [x, y, gamma],
                outputs,
                name=names[0],
                domain="com.microsoft",
                epsilon=1e-5,
            )
        )
        return names[1], names[0]

    h = rms("x", gammas[0])
    q, k, v = (w("MatMul", h, p) for p in parts)
    if fused:
        # as many keys as there are tokens: 1 less is what the operator asks for, per sample
        samples = w("Slice", w("Shape", "x"), w.ints(0), w.ints(1), w.ints(0))
        ends = w("Expand", w.constant(np.array([LENGTH - 1], np.int32)), samples)
        inputs = [q, k, v, "", "", ends, w.constant(np.int32(LENGTH)), cos, sin]
        a = w("GroupQueryAttention", *inputs, domain="com.microsoft", num_heads=heads, kv_num_heads=shared, do_rotary=1)
    else:
        a = _attention(w, q, k, v, cos, sin, heads, shared, size)
    x, h = skip("x", w("MatMul", a, back), gammas[1])
    g = w("MatMul", h, gate)
    inner = w("Mul", w("Mul", g, w("Sigmoid", g)), w("MatMul", h, up))
    _, h = skip(x, w("MatMul", inner, down), gammas[2])
    last = w("Gather", h, w.constant(np.int64(LENGTH - 1)), axis=1)
    y = w("MatMul", last, w.constant(np.random.default_rng(9).standard_normal((width, 3)).astype(np.float32)))
    return w.model({"x": (TensorProto.FLOAT, ["N", LENGTH, width])}, y, microsoft=fused)


def _attention(w: Writer, q: str, k: str, v: str, cos: str, sin: str, heads: int, shared: int, size: int) -> str:
    rows = [w("Slice", t, w.ints(0), w.ints(LENGTH), w.ints(0)) for t in (cos, sin)]
    c, s = (w("Concat", t, t, axis=-1) for t in rows)

    def turned(x: str) -> str:
        halves = [w("Slice", x, w.ints(a), w.ints(b), w.ints(3)) for a, b in ((0, size // 2), (size // 2, FAR))]
        swapped = w("Concat", w("Neg", halves[1]), halves[0], axis=-1)
        return w("Add", w("Mul", x, c), w("Mul", swapped, s))

    q = turned(w.apart(q, [0, 2, 1, 3], heads, size))
    k, v = turned(w.apart(k, [0, 2, 1, 3], shared, size)), w.apart(v, [0, 2, 1, 3], shared, size)
    k, v = (w("Gather", t, w.ints(*(h // (heads // shared) for h in range(heads))), axis=1) for t in (k, v))
    scores = w("Mul", w("MatMul", q, w("Transpose", k, perm=[0, 1, 3, 2])), w.number(1 / math.sqrt(size)))
    causal = w.constant(np.tril(np.ones((LENGTH, LENGTH), bool)))
    weights = w("Softmax", w("Where", causal, scores, w.number(-np.inf)), axis=-1)
    return w.together(w("MatMul", weights, v), heads * size)
