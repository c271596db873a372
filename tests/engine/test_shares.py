"""Relevance as what is at hand times factors that are known beforehand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onnxplain.graph.control.shares import Piece, Ready, Shares, itself, scaled, summed
from onnxplain.graph.control.together import _one_after_the_other

STEPS, ROWS, TARGETS = 3, 2, 4


def factors(size: int) -> Tensor:
    return torch.randn(STEPS * ROWS, size, dtype=torch.float64)


def relevance(size: int) -> Tensor:
    return torch.randn(TARGETS, ROWS, size, dtype=torch.float64)


def at(f: Tensor, k: int) -> Tensor:
    return f[k * ROWS : (k + 1) * ROWS]


def test_pieces_of_several_relevances_are_scaled_and_laid_side_by_side_at_every_step() -> None:
    torch.manual_seed(0)
    first, second, f, g = relevance(3), relevance(2), factors(3), factors(7)
    like = torch.empty(STEPS * ROWS, 7, dtype=torch.float64)
    pieces: Shares = (*scaled((Piece(3, 0),), f, like[:, :3]), Piece(2), *scaled((Piece(2, 1),), -2.0, like[:, :2]))
    made = Ready(scaled(pieces, g, like), STEPS, like)
    for k in range(STEPS):
        nothing = torch.zeros(TARGETS, ROWS, 2, dtype=torch.float64)
        expected = torch.cat([first * at(f, k), nothing, -2 * second], -1) * at(g, k)
        torch.testing.assert_close(made.at(k, [first, second]), expected, rtol=1e-14, atol=0)
        alone = made.at(k, [None, second])
        assert alone is not None
        torch.testing.assert_close(alone[..., :5], torch.zeros(TARGETS, ROWS, 5, dtype=torch.float64))
        torch.testing.assert_close(alone[..., 5:], expected[..., 5:])
    assert made.at(0, [None, None]) is None


def test_sums_are_one_factor_where_the_relevance_is_one_and_made_at_every_step_where_not() -> None:
    torch.manual_seed(0)
    r, other, f, g = relevance(3), relevance(3), factors(3), factors(3)
    a, b = scaled((Piece(3, 0),), f, f), scaled((Piece(3, 0),), g, f)
    both = summed(a, b)
    assert both is not None and summed(a, (Piece(3, 1),)) is None and summed(a, (Piece(1, 0), Piece(2, 0))) is None
    torch.testing.assert_close(Ready(both, STEPS, f).at(1, [r]), r * at(f + g, 1))
    more, plain = Ready(a, STEPS, f), Ready((Piece(3, 0),), STEPS, f)
    torch.testing.assert_close(more.plus(other, 2, [r]), other + r * at(f, 2))
    torch.testing.assert_close(plain.plus(other, 2, [r]), other + r)
    assert more.plus(other, 2, [None]) is other and plain.plus(other, 2, [None]) is other
    torch.testing.assert_close(more.plus(None, 2, [r]), r * at(f, 2))
    assert more.plus(None, 2, [None]) is None and plain.plus(None, 0, [r]) is r


def test_only_a_whole_relevance_times_one_is_itself() -> None:
    f = factors(3)
    assert itself((Piece(3, 5),)) == 5 and itself(scaled((Piece(3, 5),), 1.0, f)) == 5
    for shares in [scaled((Piece(3, 5),), 2.0, f), scaled((Piece(3, 5),), f, f), (Piece(3, 5), Piece(3, 5)), (Piece(3),)]:
        assert itself(shares) is None


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_steps_lie_one_after_the_other_with_or_without_a_copy(axis: int, backward: bool) -> None:
    whole = torch.arange(24.0).reshape(2, 3, 4)
    steps = whole.unbind(axis)[::-1] if backward else whole.unbind(axis)
    joined = _one_after_the_other(steps)
    torch.testing.assert_close(joined, torch.cat(list(steps)))
    assert (joined.data_ptr() == whole.data_ptr()) == (axis == 0 and not backward)
    torch.testing.assert_close(_one_after_the_other([whole[1], whole[0], whole[1]]), torch.cat([whole[1], whole[0], whole[1]]))
    torch.testing.assert_close(_one_after_the_other([whole[0], whole[0]]), torch.cat([whole[0], whole[0]]))
    one = whole[:, :1].expand(2, 1, 4)  # a single row, whose stride says nothing
    torch.testing.assert_close(_one_after_the_other([one[0], one[1]]), torch.cat([one[0], one[1]]))
    pieces = torch.arange(6.0).as_strided((3, 1, 2), (2, 6, 1)).unbind(0)
    torch.testing.assert_close(_one_after_the_other(pieces), torch.arange(6.0).reshape(3, 2))
