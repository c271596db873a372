"""Einstein summation over one value and constants."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Affine, Part, part_of
from ..shapes import sum_to
from .merging import nothing_below_zero


class Einsum(Affine):
    """y[out] = Σ x[term] · w[others], all but one operand constant.

    The constants are multiplied into one, keeping the letters that x or y knows, so that its parts are the parts of J.
    Its transpose is an Einstein sum as well: x[term] = Σ y[out] · w[others], with ones along a letter that only x has
    and an identity matrix where x repeats one.
    """

    onnx = {"Einsum": 12}
    family = "dense"
    w: Tensor | None

    def __init__(self, equation: str, operands: Sequence[Tensor | None]) -> None:
        """`operands`: the constants, None where the value goes."""
        super().__init__()
        terms, self.out = split(equation)
        self.term = terms[next(i for i, w in enumerate(operands) if w is None)]
        constants = [w for w in operands if w is not None]
        others = [t for t, w in zip(terms, operands, strict=True) if w is not None]
        known = set(self.term) | set(self.out)
        kept = dict.fromkeys(c for t in others for c in t.replace("...", "") if c in known)
        self.others = "".join(kept) if not any("..." in t for t in others) else "..." + "".join(kept)
        w = torch.einsum(f"{','.join(others)}->{self.others}", constants) if constants else None
        self.register_buffer("w", w)

    @classmethod
    def build(cls, node: OnnxNode) -> Einsum | None:
        if sum(node.dynamic) != 1 or not all(node.floating):
            return None
        equation = str(node.attr("equation"))
        terms, out = split(equation)
        if any("..." in t for t in terms) and "..." not in out:
            return None  # summed over the unnamed axes: numpy refuses that, too
        return cls(equation, [None if d else node.constant(i) for i, d in enumerate(node.dynamic)])

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        w = self._weight(x, part)
        return torch.einsum(f"{self.term},{self.others}->{self.out}", x, w)

    def _weight(self, like: Tensor, part: Part) -> Tensor:
        """w as the rule asks for it; without constants J holds ones only."""
        return part_of(like.new_ones(()) if self.w is None else self.w, part)

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        w = self._weight(like, part)
        rank = like.dim() - len(self.term.replace("...", ""))  # of x's unnamed axes
        unnamed = max(rank, w.dim() - len(self.others.replace("...", "")) if "..." in self.others else 0)
        spare = [c for c in ascii_letters if c not in self.term + self.out + self.others]
        target, dots = spare[0], "".join(spare[1 : 1 + unnamed])
        spare = spare[1 + unnamed :]
        term = self.term.replace("...", dots[unnamed - rank :])
        out, others = self.out.replace("...", dots), self.others
        if "..." in others:
            count = w.dim() - len(others.replace("...", ""))
            others = others.replace("...", dots[unnamed - count :])
        terms, operands, result = [target + out, others], [r, w], ""
        for axis, c in enumerate(term):
            n = like.shape[axis]
            if c in result:
                result += spare.pop()
                terms.append(c + result[-1])
                operands.append(torch.eye(n, dtype=r.dtype, device=r.device))
                continue
            result += c
            if c not in out:
                terms.append(c)
                operands.append(r.new_ones(n))
        return sum_to(torch.einsum(f"{','.join(terms)}->{target}{result}", operands), like.shape)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and nothing_below_zero(self.w)


def split(equation: str) -> tuple[list[str], str]:
    """(input terms, output term); an output left out holds the letters that occur once, in alphabetical order."""
    left, arrow, out = equation.replace(" ", "").partition("->")
    if not arrow:
        letters = left.replace("...", "").replace(",", "")
        out = "..." * ("..." in left) + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return left.split(","), out
