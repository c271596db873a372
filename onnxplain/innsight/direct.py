"""The gradient methods on any `torch.nn.Module`, by autograd and without conversion."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError, TargetError
from .choice import MOST
from .converter import DTYPES, Converter, checked_dtype
from .layout import numbers
from .result import Output, Result

#: activations that `ignore_last_act` leaves out at the end of an `nn.Sequential`
LAST_MODULES = (nn.Softmax, nn.LogSoftmax, nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.Softplus)
#: rows of one forward pass
ROWS = 256

Inputs = tuple[Tensor, ...]
#: (x, how often it is repeated) of one part of the average, and what its gradient is multiplied by
Parts = Iterator[tuple[Inputs, Inputs | None]]


def torch_grad(
    module: nn.Module,
    data: Any,
    output_idx: Any = None,
    ignore_last_act: bool = True,
    times_input: bool = False,
    dtype: str = "float",
    return_object: bool = False,
) -> Any:
    """∂f/∂x, or x ⊙ ∂f/∂x: (samples, *features, nodes) for each input; a `Result` with `return_object`.

    `data`: an array or tensor, or a tuple of them for several inputs. `output_idx`: nodes of the output (of each of
    several, a list of lists); by default the first ten of the first. The module runs as in `eval()`, on a copy.
    """
    m = _Module(module, data, output_idx, ignore_last_act, dtype)

    def parts() -> Parts:
        yield m.x, m.x if times_input else None

    return m.result("Gradient", parts, 1, {"times_input": times_input}, return_object, goal=m.explained(m.x))


def torch_smoothgrad(
    module: nn.Module,
    data: Any,
    output_idx: Any = None,
    ignore_last_act: bool = True,
    times_input: bool = False,
    n: int = 50,
    noise_level: float = 0.1,
    dtype: str = "float",
    return_object: bool = False,
    seed: int | None = None,
) -> Any:
    """Mean gradient at `n` noisy copies, σ = noise_level · (max − min of the whole batch); see `torch_grad`."""
    m = _Module(module, data, output_idx, ignore_last_act, dtype)

    def parts() -> Parts:
        g = _generator(seed)
        for _ in range(_count(n)):
            noisy = tuple(x + noise_level * _spread(x) * torch.randn(x.shape, generator=g, dtype=x.dtype) for x in m.x)
            yield noisy, noisy if times_input else None

    fields = {"n": n, "noise_level": noise_level, "times_input": times_input}
    return m.result("SmoothGrad", parts, n, fields, return_object, goal=m.explained(m.x))


def torch_intgrad(
    module: nn.Module,
    data: Any,
    output_idx: Any = None,
    ignore_last_act: bool = True,
    x_ref: Any = None,
    n: int = 50,
    times_input: bool = True,
    dtype: str = "float",
    return_object: bool = False,
) -> Any:
    """(x − x_ref) ⊙ mean gradient at `n` points, the right Riemann sum; `x_ref`: one sample, zeros by default."""
    m = _Module(module, data, output_idx, ignore_last_act, dtype)
    x0 = m.rows(x_ref, "x_ref")
    if any(r.shape[0] != 1 for r in x0):
        raise InputError(f"x_ref is one sample, shape (1, ...); it has {x0[0].shape[0]} rows")
    difference = tuple(x - r for x, r in zip(m.x, x0, strict=True))

    def parts() -> Parts:
        for k in range(1, _count(n) + 1):
            alpha = float(np.float32(k / n))
            yield tuple(r + alpha * d for r, d in zip(x0, difference, strict=True)), difference if times_input else None

    goal = [y - y0 for y, y0 in zip(m.explained(m.x), m.explained(x0), strict=True)]
    return m.result(
        "IntegratedGradient", parts, n, {"x_ref": x_ref, "n": n, "times_input": times_input}, return_object, goal
    )


def torch_expgrad(
    module: nn.Module,
    data: Any,
    output_idx: Any = None,
    ignore_last_act: bool = True,
    data_ref: Any = None,
    n: int = 50,
    dtype: str = "float",
    return_object: bool = False,
    seed: int | None = None,
) -> Any:
    """Mean over `n` draws of (x − x′) ⊙ gradient, x′ from `data_ref` (zeros by default); see `torch_grad`."""
    m = _Module(module, data, output_idx, ignore_last_act, dtype)
    refs = m.rows(data_ref, "data_ref")

    def parts() -> Parts:
        g, rows = _generator(seed), m.x[0].shape[0]
        for _ in range(_count(n)):
            which, alpha = torch.randint(refs[0].shape[0], (rows,), generator=g), torch.rand(rows, generator=g)
            x0 = [r[which] for r in refs]
            d = tuple(x - r for x, r in zip(m.x, x0, strict=True))
            at = [alpha.to(x.dtype).reshape(-1, *[1] * (x.dim() - 1)) for x in m.x]
            yield tuple(r + a * v for r, a, v in zip(x0, at, d, strict=True)), d

    goal = [y - y0.mean(0) for y, y0 in zip(m.explained(m.x), m.explained(refs), strict=True)]
    return m.result("ExpectedGradient", parts, n, {"data_ref": data_ref, "n": n}, return_object, goal)


class _Module:
    """A copy of the module in one precision, its data, and the nodes that are explained."""

    def __init__(self, module: nn.Module, data: Any, output_idx: Any, ignore_last_act: bool, dtype: str) -> None:
        if not isinstance(module, nn.Module):
            raise InputError(
                f"{type(module).__name__} is no torch.nn.Module; run_grad and its like explain converted models"
            )
        self.dtype_name, self.ignore_last_act = checked_dtype(dtype), ignore_last_act
        self.dtype = getattr(torch, DTYPES[dtype])
        self.whole = copy.deepcopy(module).cpu().to(self.dtype).eval().requires_grad_(False)
        self.module = _without_last(self.whole) if ignore_last_act else self.whole
        self.x = self._tensors(data, "data")
        with torch.no_grad():
            self.sizes = [y.shape[1:].numel() for y in _outputs(self.module(*[x[:1] for x in self.x]))]
        self.chosen = _chosen(output_idx, self.sizes)

    def _tensors(self, data: Any, what: str) -> Inputs:
        each = (
            data if isinstance(data, (list, tuple)) and np.ndim(data[0]) > 0 and not np.isscalar(data[0][0]) else [data]
        )
        return tuple(torch.from_numpy(numbers(x, what)).to(self.dtype) for x in each)

    def rows(self, given: Any, what: str) -> Inputs:
        """Reference rows for each input; one of zeros by default."""
        if given is None:
            return tuple(torch.zeros_like(x[:1]) for x in self.x)
        rows = self._tensors(given, what)
        for r, x in zip(rows, self.x, strict=True):
            if r.shape[1:] != x.shape[1:]:
                raise InputError(f"{what} has rows of shape {tuple(r.shape[1:])}, the data {tuple(x.shape[1:])}")
        return rows

    def explained(self, x: Inputs) -> list[Tensor]:
        return self._values(self.module, x)

    def _values(self, module: nn.Module, x: Inputs) -> list[Tensor]:
        """Every output's values (rows, units) at some rows."""
        parts = []
        with torch.no_grad():
            for start in range(0, x[0].shape[0], ROWS):
                parts.append([y.flatten(1) for y in _outputs(module(*[v[start : start + ROWS] for v in x]))])
        return [torch.cat(each) for each in zip(*parts, strict=True)]

    def gradients(self, x: Inputs) -> dict[tuple[int, int], Tensor | None]:
        """{(output, input): (rows, *features, nodes)}, None where the input cannot reach the output."""
        found: dict[tuple[int, int], list[Tensor] | None] = {}
        for start in range(0, x[0].shape[0], ROWS):
            with torch.enable_grad():
                leaves = [v[start : start + ROWS].clone().requires_grad_() for v in x]
                outputs = [y.flatten(1) for y in _outputs(self.module(*leaves))]
                for o, nodes in enumerate(self.chosen):
                    each = [self._one(outputs[o][:, k], leaves) for k in nodes or ()]
                    for i in range(len(leaves) if nodes else 0):
                        columns = [g[i] for g in each]
                        if any(c is None for c in columns):
                            found[o, i] = None
                        else:
                            stacked = torch.stack([c for c in columns if c is not None], -1)
                            found[o, i] = [*(found.get((o, i)) or []), stacked]
        return {key: None if parts is None else torch.cat(parts) for key, parts in found.items()}

    @staticmethod
    def _one(y: Tensor, leaves: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
        if not y.requires_grad:
            return (None,) * len(leaves)
        return torch.autograd.grad(y.sum(), leaves, retain_graph=True, allow_unused=True)

    def result(
        self,
        method: str,
        parts: Callable[[], Parts],
        n: int,
        fields: dict[str, Any],
        return_object: bool,
        goal: Sequence[Tensor],
    ) -> Any:
        """The mean over the parts of gradient ⊙ factor."""
        total: dict[tuple[int, int], Tensor | None] = {}
        for x, factor in parts():
            for (o, i), g in self.gradients(x).items():
                term = None if g is None else g / n if factor is None else g * factor[i][..., None] / n
                before = total.get((o, i))
                total[o, i] = term if before is None or term is None else before + term
        preds = self._values(self.whole, self.x)
        outputs: list[Output | None] = []
        for o, nodes in enumerate(self.chosen):
            if nodes is None:
                outputs.append(None)
                continue
            values = [total[o, i] for i in range(len(self.x))]
            outputs.append(
                Output(
                    number=o,
                    nodes=nodes,
                    values=tuple(None if v is None else v.numpy() for v in values),
                    shapes=tuple((*x.shape, len(nodes)) for x in self.x),
                    preds=preds[o][:, nodes].numpy(),
                    goals=goal[o][:, nodes].numpy(),
                    explanation=None,
                )
            )
        shown = {**fields, "ignore_last_act": self.ignore_last_act, "channels_first": True, "dtype": self.dtype_name}
        result = Result(method, self._named(), tuple(outputs), shown)
        return result if return_object else result.get_result("torch_tensor")

    def _named(self) -> Converter:
        """Names for the result's table and pictures."""
        dims = [tuple(x.shape[1:]) for x in self.x]
        letters = {1: "X", 2: "CL", 3: "CHW"}
        names = [
            [[f"{letters.get(len(d), 'ABCDEFGH')[k]}{j + 1}" for j in range(size)] for k, size in enumerate(d)]
            for d in dims
        ]
        labels = [[f"Y{k + 1}" for k in range(size)] for size in self.sizes]
        return Converter(self.whole, dims, names, [(s,) for s in self.sizes], labels, self.dtype_name)


def _outputs(y: Any) -> tuple[Tensor, ...]:
    return (y,) if isinstance(y, Tensor) else tuple(y.values()) if isinstance(y, dict) else tuple(y)


def _without_last(module: nn.Module) -> nn.Module:
    """An `nn.Sequential` without the activation it ends in; any other module as it is."""
    children = list(module) if isinstance(module, nn.Sequential) else []
    if not children:
        return module
    if isinstance(children[-1], LAST_MODULES):
        return nn.Sequential(*children[:-1])
    return nn.Sequential(*children[:-1], _without_last(children[-1]))


def _chosen(output_idx: Any, sizes: Sequence[int]) -> list[list[int] | None]:
    several = isinstance(output_idx, (list, tuple)) and any(
        v is None or isinstance(v, (list, tuple)) for v in output_idx
    )
    if output_idx is None:
        each: list[Any] = [list(range(min(MOST, sizes[0])))]
    else:
        each = list(output_idx) if several else [output_idx]
    chosen = [None if v is None else [int(k) for k in np.atleast_1d(v)] for v in each]
    chosen += [None] * (len(sizes) - len(chosen))
    for nodes, size in zip(chosen, sizes, strict=True):
        if nodes is not None and (wrong := [k for k in nodes if not 0 <= k < size]):
            raise TargetError(f"there are no nodes {wrong}: they are 0 to {size - 1}")
    return chosen


def _spread(x: Tensor) -> Tensor:
    width = x.max() - x.min()
    return torch.where(width == 0, 1.0, width)


def _generator(seed: int | None) -> torch.Generator:
    g = torch.Generator()
    if seed is None:
        g.seed()
        return g
    return g.manual_seed(seed)


def _count(n: int) -> int:
    if isinstance(n, bool) or n < 1:
        raise InputError(f"n={n!r}: give a whole number >= 1")
    return int(n)
