"""What is made of weights is kept with them: once, as long as they live and stay as they are, within a budget."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from onnxplain.layers.kept import IDLE, Kept
from onnxplain.layers.kinds import negative_part, positive_part


@pytest.fixture
def w() -> Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def test_a_part_is_made_once(w):
    kept = Kept(1000)
    first = kept(w, positive_part)
    assert torch.equal(first, w.clamp(min=0))
    assert kept(w, positive_part) is first
    assert torch.equal(kept(w, negative_part), w.clamp(max=0))
    assert kept.room == 1000 - 2 * w.nbytes


def test_weights_written_to_have_new_parts(w):
    kept = Kept(1000)
    kept(w, positive_part)
    w.neg_()
    assert torch.equal(kept(w, positive_part), w.clamp(min=0))
    assert kept.room == 1000 - w.nbytes


def test_nothing_is_kept_beyond_the_budget(w):
    kept = Kept(w.nbytes)
    first = kept(w, positive_part)
    second = kept(w, negative_part)
    assert kept(w, positive_part) is first
    again = kept(w, negative_part)
    assert again is not second
    assert torch.equal(again, w.clamp(max=0))
    assert kept.room == 0


def test_what_is_idle_for_long_makes_room_for_what_is_used(w):
    kept = Kept(w.nbytes)
    kept(w, positive_part)
    for _ in range(IDLE):
        kept.next()
        assert kept(w, negative_part) is not kept(w, negative_part)  # made at every call: the other may be used again
    kept.next()
    assert kept(w, negative_part) is kept(w, negative_part)
    kept.next()
    assert torch.equal(kept(w, positive_part), w.clamp(min=0))
    assert torch.equal(kept(w, negative_part), w.clamp(max=0))
    assert kept.room == 0


def test_the_parts_of_one_method_do_not_drive_each_other_out(w):
    kept, weights = Kept(2 * w.nbytes), [w + i for i in range(3)]
    first = [kept(v, positive_part) for v in weights]
    for _ in range(3 * IDLE):
        kept.next()
        again = [kept(v, positive_part) for v in weights]
    assert [a is b for a, b in zip(first, again, strict=True)] == [True, True, False]


def test_methods_in_turn_keep_what_each_uses(w):
    kept = Kept(2 * w.nbytes)
    kept(w, positive_part)
    other = kept(w + 1, positive_part)  # which goes with its weights
    del other
    gc.collect()
    first = kept(w, negative_part)
    for _ in range(3):
        kept.next()
        kept(w, positive_part)
        kept.next()
        assert kept(w, negative_part) is first


def test_parts_go_with_their_weights():
    kept = Kept(1000)
    w = torch.ones(4)
    kept(w, positive_part)
    del w
    gc.collect()
    assert kept.room == 1000
    assert not kept.parts


def test_what_is_made_in_inference_mode_serves_outside_it(w):
    kept = Kept(1000)
    with torch.inference_mode():
        kept(w, positive_part)
        passing = w + 1  # nothing tells whether such a tensor is written to
        kept(passing, positive_part)
    assert not kept(w, positive_part).is_inference()
    assert kept.room == 1000 - w.nbytes
    x = torch.ones(3, requires_grad=True)
    (kept(w, positive_part) @ x).sum().backward()
    assert torch.equal(x.grad, w.clamp(min=0).sum(0))


def test_threads_see_the_same_numbers_and_the_budget_counts_them_once():
    kept = Kept(100_000)
    weights = [torch.randn(20, 10) for _ in range(40)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda i: kept(weights[i % 40], positive_part), range(400)))
    assert all(torch.equal(m, weights[i % 40].clamp(min=0)) for i, m in enumerate(made))
    assert kept.room == 100_000 - sum(w.nbytes for w in weights)
