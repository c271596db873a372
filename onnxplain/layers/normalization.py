"""y = γ · v · a + β, where a is x or x − μ and the scale v is taken from a itself.

One implementation for all of them. The statistic is q = P(m(a)) with P a linear pooling (a mean, a sum, a window) and
m(a) = a² or |a|, and v = h(q). Between two inputs, exactly,

    Δy = γ [ (v + v̄)/2 · Δa + (a + ā)/2 · Δv ],   Δv = (Δv/Δq) P(Δm/Δa · Δa),   Δa = Δx − mean Δx,

whose transpose is DeepLIFT's multipliers and, at x̄ = x, the adjoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .base import Cotangents, OnnxNode, Placed, Pulled
from .elementwise.slopes import abs_slope, finite, power_slope
from .kinds import Normalization
from .shapes import Place, Shape, positive_axis


@dataclass(frozen=True)
class Moments:
    """What a normalization takes from x, reshaped as it wants it; `axes` count from the end."""

    a: Tensor
    q: Tensor
    v: Tensor
    axes: tuple[int, ...]


class Normalizer(Normalization):
    """A normalization by moments.

    A subclass gives `groups(x)`: x in the shape in which it is normalized, and the axes it pools over, counted from
    the end (`ungroup` goes back); and `scale(q)` = v with `scale_slope(s, s0)` = Δv/Δq. It may replace the hooks
    `pool`, `pool_transpose`, `moment` and `moment_slope`, which are the mean of a² here, `evaluate` and `alike`.
    """

    adjoint_reads = frozenset({"inputs"})
    centred = True
    gamma: Tensor | None
    beta: Tensor | None

    def __init__(self, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("gamma", gamma)
        self.register_buffer("beta", beta)
        self.epsilon = epsilon
        self.n_outputs = 1

    def groups(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        raise NotImplementedError

    def scale(self, q: Tensor) -> Tensor:
        return torch.rsqrt(q + self.epsilon)

    def scale_slope(self, s: Moments, s0: Moments) -> Tensor:
        return -s.v * s.v * s0.v * s0.v / (s.v + s0.v)

    def pool(self, u: Tensor, axes: tuple[int, ...]) -> Tensor:
        """P u; where it pools whole groups, once per group."""
        return u.mean(axes, keepdim=True)

    def pool_transpose(self, u: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Pᵀ u, likewise."""
        return self.pool(u, axes)

    def moment(self, a: Tensor) -> Tensor:
        return a * a

    def moment_slope(self, a: Tensor, a0: Tensor) -> Tensor:
        return a + a0

    def evaluate(self, x: Tensor) -> Tensor:
        s = self.moments(x)
        y = s.v * s.a
        y = y if self.gamma is None else y * self.gamma
        return (y if self.beta is None else y + self.beta).reshape(x.shape)

    def alike(self, s: Moments, s0: Moments) -> tuple[Moments, Moments]:
        """Both as they are compared. A hook."""
        return s, s0

    def moments(self, x: Tensor) -> Moments:
        a, axes = self.groups(x)
        if self.centred:
            a = a - a.mean(axes, keepdim=True)
        q = self.pool(self.moment(a), axes)
        return Moments(a, q, self.scale(q), axes)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        if self.n_outputs == 1:
            return self.evaluate(x)
        grouped, axes = self.groups(x)
        mean = (grouped.mean(axes, keepdim=True),) if self.centred else ()
        return (self.evaluate(x), *mean, self.moments(x).v)[: self.n_outputs]

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        (x,) = inputs
        s = self.moments(x)
        g, *rest = cotangents
        g_mean, g_scale = (*(rest if self.centred else [None, *rest]), None, None)[:2]
        return (self.pull(g, s, s, x, g_mean, g_scale),)

    def symmetric(self, g: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        return self.pull(g, *self.alike(self.moments(x), self.moments(x0)), x)

    def frozen_transpose(self, g: Tensor, x: Tensor) -> Tensor:
        s = self.moments(x)
        return self.uncentre(self.weighted(g, s) * s.v, s.axes).reshape(g.shape)

    def pull(
        self,
        g: Tensor | None,
        s: Moments,
        s0: Moments,
        x: Tensor,
        g_mean: Tensor | None = None,
        g_scale: Tensor | None = None,
    ) -> Tensor:
        """The transpose of the exact differences between moments s0 and s; g_mean and g_scale belong to the further
        outputs μ and v."""
        given = next(c for c in (g, g_mean, g_scale) if c is not None)
        r = given.new_zeros((given.shape[0], *s.a.shape)) if g is None else self.weighted(g, s)
        per_scale = self.scale_slope(s, s0)
        middle = s.a if s is s0 else (s.a + s0.a) / 2
        back = self.pool_transpose(per_scale * (r * middle), s.axes)
        if g_scale is not None:
            back = back + per_scale * g_scale / self.size(s)
        r = self.uncentre(r * ((s.v + s0.v) / 2) + self.moment_slope(s.a, s0.a) * back, s.axes)
        if g_mean is not None:
            r = r + g_mean / self.size(s)
        return r.reshape(given.shape[0], *x.shape)

    def weighted(self, g: Tensor, s: Moments) -> Tensor:
        """γ g, in the shape of a."""
        g = g.reshape(g.shape[0], *s.a.shape)
        return g if self.gamma is None else g * self.gamma

    def uncentre(self, r: Tensor, axes: tuple[int, ...]) -> Tensor:
        """The transpose of x ↦ a, which is symmetric."""
        return r - r.mean(axes, keepdim=True) if self.centred else r

    def size(self, s: Moments) -> int:
        return math.prod(s.a.shape[i] for i in s.axes)


def _beside(layer: LayerNormalization | RMSNormalization, place: Place, shapes: Sequence[Shape]) -> Placed | None:
    """One place on an axis over which is not normalised."""
    return (layer, [place]) if place.axis < -_width(len(shapes[0]), layer.axis) and layer.n_outputs == 1 else None


def _width(rank: int, axis: int) -> int:
    return rank - positive_axis(axis, rank)


def _last_axes(x: Tensor, axis: int) -> tuple[int, ...]:
    return tuple(range(positive_axis(axis, x.dim()) - x.dim(), 0))


def _constant_parameters(node: OnnxNode) -> bool:
    """Only x is dynamic, and it floats."""
    return node.only_dynamic(0) and node.is_floating(0)


class LayerNormalization(Normalizer):
    """Over the axes from `axis` on, v = (σ² + ε)^(−½). Exporters write it below opset 17 too."""

    onnx = {"LayerNormalization": 1}

    def __init__(
        self, gamma: Tensor | None, beta: Tensor | None, epsilon: float, axis: int, n_outputs: int = 1
    ) -> None:
        super().__init__(gamma, beta, epsilon)
        self.axis, self.n_outputs = axis, n_outputs

    @classmethod
    def build(cls, node: OnnxNode) -> LayerNormalization | None:
        if not _constant_parameters(node):
            return None
        epsilon, axis = node.attr("epsilon", 1e-5), node.attr("axis", -1)
        return cls(node.constant(1), node.constant(2), epsilon, axis, node.n_outputs)

    def groups(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        return x, _last_axes(x, self.axis)

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        return _beside(self, place, shapes)

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        (x,), g = inputs, cotangents[0]
        shape = x.shape[positive_axis(self.axis, x.dim()) :]
        whole = self.gamma is None or self.gamma.shape == shape
        if g is None or len(g) != 1 or not whole or any(c is not None for c in cotangents[1:]):
            return super().adjoint(cotangents, inputs, outputs)
        # of one target, torch's own kernel: one pass in place of ten
        _, mean, scale = torch.native_layer_norm(x, shape, None, None, self.epsilon)  # as fast as a mean alone
        kernel, given = torch.ops.aten.native_layer_norm_backward, g[0].contiguous()
        return (kernel(given, x.contiguous(), shape, mean, scale, self.gamma, None, [True, False, False])[0][None],)

    def moments(self, x: Tensor) -> Moments:
        if self.n_outputs > 1:
            return super().moments(x)
        axes = _last_axes(x, self.axis)
        _, mean, v = torch.native_layer_norm(x, x.shape[len(x.shape) - len(axes) :], None, None, self.epsilon)
        return Moments(x - mean, v, v, axes)  # q itself nobody asks for

    def evaluate(self, x: Tensor) -> Tensor:
        shape = x.shape[positive_axis(self.axis, x.dim()) :]
        if any(p is not None and p.shape != shape for p in (self.gamma, self.beta)):
            y = F.layer_norm(x, shape, None, None, self.epsilon)
            y = y if self.gamma is None else y * self.gamma
            return y if self.beta is None else y + self.beta
        return F.layer_norm(x, shape, self.gamma, self.beta, self.epsilon)


class RMSNormalization(Normalizer):
    """Over the axes from `axis` on, not centred: y = γ x (mean x² + ε)^(−½)."""

    onnx = {"RMSNormalization": 23, "SimplifiedLayerNormalization": 1}
    centred = False

    def __init__(self, gamma: Tensor | None, epsilon: float, axis: int, n_outputs: int = 1) -> None:
        super().__init__(gamma, None, epsilon)
        self.axis, self.n_outputs = axis, n_outputs

    @classmethod
    def build(cls, node: OnnxNode) -> RMSNormalization | None:
        if not _constant_parameters(node):
            return None
        return cls(node.constant(1), node.attr("epsilon", 1e-5), node.attr("axis", -1), node.n_outputs)

    def groups(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        return x, _last_axes(x, self.axis)

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        return _beside(self, place, shapes)


class InstanceNormalization(Normalizer):
    """Over the spatial axes, per sample and channel."""

    onnx = {"InstanceNormalization": 6}

    @classmethod
    def build(cls, node: OnnxNode) -> InstanceNormalization | None:
        gamma, beta = node.constant(1), node.constant(2)
        if gamma is None or beta is None or not _constant_parameters(node):
            return None
        return cls(gamma[:, None], beta[:, None], node.attr("epsilon", 1e-5))

    def groups(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        return x.flatten(2), (-1,)


class GroupNormalization(Normalizer):
    """Over the channels of a group and all spatial axes. γ and β per group (opset 18) or per channel (21)."""

    onnx = {"GroupNormalization": 18}

    def __init__(self, gamma: Tensor, beta: Tensor, epsilon: float, n_groups: int) -> None:
        super().__init__(gamma, beta, epsilon)
        self.n_groups = n_groups

    @classmethod
    def build(cls, node: OnnxNode) -> GroupNormalization | None:
        gamma, beta = node.constant(1), node.constant(2)
        if gamma is None or beta is None or not _constant_parameters(node):
            return None
        n = int(node.attr("num_groups"))
        return cls(gamma.reshape(n, -1, 1), beta.reshape(n, -1, 1), node.attr("epsilon", 1e-5), n)

    def groups(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        n, channels = x.shape[:2]
        return x.reshape(n, self.n_groups, channels // self.n_groups, math.prod(x.shape[2:])), (-2, -1)


class MeanVarianceNormalization(Normalizer):
    """Over any axes, by default samples and spatial axes: v = 1/(σ + 1e-9)."""

    onnx = {"MeanVarianceNormalization": 9}

    def __init__(self, axes: Sequence[int]) -> None:
        super().__init__(epsilon=1e-9)
        self.axes = tuple(axes)

    @classmethod
    def build(cls, node: OnnxNode) -> MeanVarianceNormalization:
        return cls(node.ints("axes", default=[0, 2, 3]))

    def groups(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        return x, tuple(positive_axis(i, x.dim()) - x.dim() for i in self.axes)

    def scale(self, q: Tensor) -> Tensor:
        return 1 / (torch.sqrt(q) + self.epsilon)

    def scale_slope(self, s: Moments, s0: Moments) -> Tensor:
        return finite(-s.v * s0.v / (torch.sqrt(s.q) + torch.sqrt(s0.q)))


Norm = tuple[
    Callable[[Tensor], Tensor],  # m(a)
    Callable[[Tensor, Tensor], Tensor],  # Δm/Δa
    Callable[[Tensor], Tensor],  # v = h(q)
    Callable[[Tensor, Tensor], Tensor],  # Δv/Δq, from v and v̄
]
_NORMS: dict[int, Norm] = {
    1: (torch.abs, lambda a, a0: abs_slope(a, a0, a, a0), torch.reciprocal, lambda v, v0: -v * v0),
    2: (torch.square, torch.add, torch.rsqrt, lambda v, v0: -v * v * v0 * v0 / (v + v0)),
}


class LpNormalization(Normalizer):
    """x / ‖x‖ₚ along one axis, p = 1 or 2; 0 where the norm is 0."""

    onnx = {"LpNormalization": 1}
    centred = False

    def __init__(self, p: int, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.norm = _NORMS[p]

    @classmethod
    def build(cls, node: OnnxNode) -> LpNormalization:
        return cls(int(node.attr("p", 2)), int(node.attr("axis", -1)))

    def groups(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        return x, (positive_axis(self.axis, x.dim()) - x.dim(),)

    def pool(self, u: Tensor, axes: tuple[int, ...]) -> Tensor:
        return u.sum(axes, keepdim=True)

    def moment(self, a: Tensor) -> Tensor:
        return self.norm[0](a)

    def moment_slope(self, a: Tensor, a0: Tensor) -> Tensor:
        return self.norm[1](a, a0)

    def scale(self, q: Tensor) -> Tensor:
        return finite(self.norm[2](q))

    def scale_slope(self, s: Moments, s0: Moments) -> Tensor:
        return torch.where((s.q == 0) | (s0.q == 0), 0.0, finite(self.norm[3](s.v, s0.v)))

    def alike(self, s: Moments, s0: Moments) -> tuple[Moments, Moments]:
        """Where all of a is 0, any scale gives 0: the other's, so that y − ȳ = v̄ (a − ā) or v (a − ā)."""
        v, v0 = torch.where(s.q == 0, s0.v, s.v), torch.where(s0.q == 0, s.v, s0.v)
        return replace(s, v=v), replace(s0, v=v0)


class LRN(Normalizer):
    """x (k + α/n Σ x²)^(−β), the sum over a window of n neighbouring channels."""

    onnx = {"LRN": 1}
    centred = False
    exponent: Tensor

    def __init__(self, window: int, alpha: float, exponent: Tensor, bias: float) -> None:
        super().__init__(epsilon=bias)
        self.window, self.alpha = window, alpha
        self.register_buffer("exponent", exponent)

    @classmethod
    def build(cls, node: OnnxNode) -> LRN:
        exponent = torch.tensor(-node.attr("beta", 0.75), dtype=node.dtype)
        return cls(int(node.attr("size")), node.attr("alpha", 1e-4), exponent, node.attr("bias", 1.0))

    def groups(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        return x.flatten(2), (-2,)

    def windowed(self, u: Tensor, before: int) -> Tensor:
        """α/n · the sum of u from `before` channels ahead of each one on."""
        padded = F.pad(u, (0, 0, before, self.window - 1 - before))
        return padded.unfold(-2, self.window, 1).sum(-1) * (self.alpha / self.window)

    def pool(self, u: Tensor, axes: tuple[int, ...]) -> Tensor:
        return self.windowed(u, (self.window - 1) // 2)

    def pool_transpose(self, u: Tensor, axes: tuple[int, ...]) -> Tensor:
        return self.windowed(u, self.window // 2)

    def scale(self, q: Tensor) -> Tensor:
        return torch.pow(q + self.epsilon, self.exponent)

    def scale_slope(self, s: Moments, s0: Moments) -> Tensor:
        return power_slope(s.q + self.epsilon, s0.q + self.epsilon, s.v, s0.v, self.exponent)
