"""Layer: one operator with its constants, `forward` and a closed-form `adjoint`; and the registry of operators.

A layer knows nothing of graphs, rules or methods. Its inputs are the values that vary at run time ("dynamic"
inputs), in their ONNX order; constant inputs are bound when it is built.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from .laid import Laid
from .shapes import Place, Shape

Cotangents = Sequence[Tensor | None]
Pulled = tuple[Tensor | None, ...]
#: a layer, and where it reads each input; None: the whole
Placed = tuple["Layer", list[Place | None]]


@dataclass(frozen=True)
class OnnxNode:
    """What a layer is built from: one ONNX node whose constant inputs are known.

    `constants[i]` is input i where it is constant, else None; `dynamic[i]` says that input i is computed at run
    time (an input that is neither was left out by the exporter). `floating[i]`: input i holds floating values.
    """

    op: str
    opset: int
    name: str = ""
    domain: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    constants: tuple[Tensor | None, ...] = ()
    dynamic: tuple[bool, ...] = ()
    floating: tuple[bool, ...] = ()
    n_outputs: int = 1
    dtype: torch.dtype = torch.float32  # what every floating value is computed in
    texts: Any = None  # the model's Lexicon, for layers that look into texts

    def attr(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)

    def constant(self, i: int) -> Tensor | None:
        return self.constants[i] if i < len(self.constants) else None

    def is_dynamic(self, i: int) -> bool:
        return i < len(self.dynamic) and self.dynamic[i]

    def is_floating(self, i: int) -> bool:
        return i < len(self.floating) and self.floating[i]

    def has(self, i: int) -> bool:
        """Input i was given, as a constant or as a value."""
        return self.is_dynamic(i) or self.constant(i) is not None

    def only_dynamic(self, *indices: int) -> bool:
        """Exactly these inputs vary; all others are constant or missing."""
        return tuple(i for i, d in enumerate(self.dynamic) if d) == indices

    def ints(self, name: str, i: int | None = None, default: Any = None) -> Any:
        """A list of integers given as attribute `name` (older opsets) or as constant input `i` (newer ones)."""
        value = self.attributes.get(name)
        if value is None and i is not None and (c := self.constant(i)) is not None:
            value = c.reshape(-1).tolist()
        if value is None:
            return default
        return [int(v) for v in value] if isinstance(value, (list, tuple)) else [int(value)]


# operator ("Conv", or "com.microsoft:Gelu") -> (first opset the class is right for, class), newest first
_REGISTRY: dict[str, list[tuple[int, type[Layer]]]] = {}


class Layer(torch.nn.Module):
    """y = f(x₁ … xₙ). Holds constants only; two calls with the same inputs give the same output.

    `adjoint(cotangents, inputs, outputs)` is the transpose of f's Jacobian at `inputs`: one cotangent per output
    (None where an output has none), each with a leading target axis, (T, *output shape); returns one per input,
    (T, *input shape), None where an input carries no relevance (integers, shapes, conditions).
    """

    kind: ClassVar[str] = ""
    onnx: ClassVar[dict[str, int]] = {}
    #: which stored values `adjoint` reads beyond their shapes; the others are freed after the forward pass
    adjoint_reads: ClassVar[frozenset[str]] = frozenset({"inputs", "outputs"})
    #: of a layer without a derivative: what explains it instead
    advice: ClassVar[str] = ""
    #: of a layer that settles: its parameters must be the same at a baseline, or DeepLIFT raises
    strict: ClassVar[bool] = False
    #: of a layer that carries no relevance: what else there is to say of it
    note: str = ""

    #: True where what it makes of one sample depends on the others beside it
    joins_samples: ClassVar[bool] = False
    #: True where its indices may say which sample a slice is of: at a baseline there must be as many of them
    counts_samples: ClassVar[bool] = False
    #: True where it draws random numbers
    draws: ClassVar[bool] = False
    #: True where it rounds to few bits
    rounds: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for op, since in cls.__dict__.get("onnx", {}).items():
            entries = _REGISTRY.setdefault(op, [])
            entries.append((since, cls))
            entries.sort(key=lambda e: -e[0])

    # Constants are read at every call. torch looks for them in one dict after the other, which takes as long as a small
    # product: so each is an attribute of its own as well.

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        super().register_buffer(name, tensor, persistent)
        self.__dict__[name] = tensor

    def __setattr__(self, name: str, value: Any) -> None:
        constant = name in self.__dict__.get("_buffers", ())
        if not constant and not isinstance(value, (Tensor, torch.nn.Module)):
            object.__setattr__(self, name, value)  # torch asks three times whether a number is a parameter
            return
        super().__setattr__(name, value)
        if constant:
            self.__dict__[name] = value

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Layer:
        super()._apply(fn, recurse)
        self.__dict__.update(self._buffers)
        return self

    @classmethod
    def build(cls, node: OnnxNode) -> Layer | None:
        """A layer for this node, or None where the class does not cover it (dynamic weights, say)."""
        raise NotImplementedError(cls.__name__)

    if TYPE_CHECKING:  # each operator has its own number of inputs, and one output or a tuple of them
        forward: Callable[..., Any]

        def __getattr__(self, name: str) -> Any: ...

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        raise NotImplementedError(type(self).__name__)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        """Whether the outputs are ≥ 0 wherever the inputs marked True are; by data flow, not by looking at numbers."""
        return False

    def keeps_rows(self) -> bool:
        """Whether row k of an output (axis 0) is made of row k of each input alone, where the inputs have as many axes, at
        least two, and as many rows. A hook, by which steps are computed as if they were samples: by default not."""
        return False

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        """What computes one place of the output alone, `out` being the whole output's shape and `shapes` the inputs'. A hook,
        for layers that treat positions apart: by default None."""
        return None

    def reads_one(self, rank: int) -> Place | None:
        """The one place that it reads of its only input, of this rank. A hook: by default None, for all of it."""
        return None

    def carries(self, i: int) -> bool:
        """Whether dynamic input i can carry relevance (a condition, an index or a shape cannot)."""
        return True

    def lay_out(self, laid: Laid) -> None:
        """Puts constants in the order that they are read in fastest. A hook, called before the first pass, when nothing is merged any
        more; constants that several layers share stay shared by `laid`."""

    def settle(self, inputs: Sequence[Tensor]) -> Layer:
        """The layer that rules see at these inputs: this one, unless its constants depend on them (a size, say)."""
        return self


def operator_key(op: str, domain: str = "") -> str:
    return op if domain in ("", "ai.onnx") else f"{domain}:{op}"


def layer_for(node: OnnxNode) -> Layer | None:
    """The layer of the newest class not newer than the node's opset that covers it, or None."""
    for since, cls in _REGISTRY.get(operator_key(node.op, node.domain), ()):
        if since <= node.opset and (layer := cls.build(node)) is not None:
            return layer
    return None


def registered() -> Iterator[tuple[str, int, type[Layer]]]:
    """Every (operator, first opset, class), sorted by operator."""
    for op in sorted(_REGISTRY):
        for since, cls in _REGISTRY[op]:
            yield op, since, cls


class Bound(Layer):
    """A layer whose inputs may each be constant or dynamic: `full` puts the constants back in their places."""

    def __init__(self, constants: Sequence[Tensor | None] = (), dynamic: Sequence[bool] = ()) -> None:
        super().__init__()
        self.n_slots = len(dynamic)
        self.slots = tuple(i for i, d in enumerate(dynamic) if d)  # ONNX positions of the dynamic inputs
        self.constant_slots = tuple(
            i for i, c in enumerate(constants) if c is not None and not (i < len(dynamic) and dynamic[i])
        )
        for i in self.constant_slots:
            self.register_buffer(f"constant_{i}", constants[i])
        self.all_dynamic = len(self.slots) == self.n_slots

    def full(self, inputs: Sequence[Tensor]) -> list[Any]:
        """The ONNX argument list: dynamic inputs and bound constants in their places, None where left out."""
        if self.all_dynamic:
            return list(inputs)
        args: list[Any] = [None] * self.n_slots
        for i in self.constant_slots:
            args[i] = getattr(self, f"constant_{i}")
        for i, x in zip(self.slots, inputs, strict=True):
            args[i] = x
        return args

    def with_constants_at(self, place: Place) -> Bound:
        """The same of one place of its constants, which broadcast."""
        if not self.constant_slots:
            return self
        made = copy.copy(self)
        made.__dict__["_buffers"] = dict(self._buffers)
        for i in self.constant_slots:
            setattr(made, f"constant_{i}", place.of(getattr(self, f"constant_{i}")))
        return made
