"""Random words and normal numbers: the same in any chunks, precision and number of threads, and as random as they should be."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch

from onnxplain.methods.normal import normal
from onnxplain.methods.streams import Stream

SAMPLES = np.arange(400)
SEEDS = (0, 1, 12345, 2**70)


@pytest.fixture(scope="module", params=SEEDS)
def numbers(request) -> torch.Tensor:
    """(50 copies, 400 samples, 10 features) for a seed"""
    return normal(Stream([request.param, 1, 0]), range(50), SAMPLES, 10, torch.float64)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 30])
@pytest.mark.parametrize("samples", [[3], [0, 1, 2], [5, 6, 7, 7, 7], [2, 3, 0, 1]], ids=str)
def test_a_copy_of_a_sample_has_the_same_numbers_whatever_is_drawn_beside_it(size, samples):
    all_at_once = normal(Stream([7, 1, 0]), range(6), np.arange(9), size, torch.float32)
    some = normal(Stream([7, 1, 0]), range(2, 5), np.array(samples), size, torch.float32)
    assert some.shape == (3, len(samples), size)
    assert torch.equal(some, all_at_once[2:5, samples])


def test_the_number_of_threads_changes_nothing():
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(normal(Stream([3, 1, 0]), range(3), SAMPLES, 301, torch.float32))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_numbers_of_single_precision_are_those_of_double_precision():
    single, double = (normal(Stream([3, 1, 0]), range(20), SAMPLES, 30, t) for t in (torch.float32, torch.float64))
    error = (single - double).abs()
    assert error.max() < 3e-4  # where u is next to 1
    assert error.mean() < 1e-6


def test_nothing_is_infinite_at_the_ends_of_the_words():
    class Ends:
        def words(self, repetitions, samples, each):
            ends = [0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
            return np.array([a | b << 32 for a in ends for b in ends], np.uint64).reshape(1, 1, 16).repeat(2, 0)

    for t, most in ((torch.float32, 6.8), (torch.float64, 6.8)):
        made = normal(Ends(), range(1), np.array([0]), 64, t)
        assert made.isfinite().all()
        assert 6.5 < made.abs().max() < most


def test_moments(numbers):
    n = numbers.numel()
    for power, moment in enumerate((0, 1, 0, 3, 0, 15), start=1):
        spread = math.sqrt((math.prod(range(1, 2 * power, 2)) - moment**2) / n)
        assert abs(float((numbers**power).mean()) - moment) < 4.5 * spread, power


def test_distribution(numbers):
    """Kolmogorov and Smirnov's distance, and how many are far out."""
    z, n = np.sort(numbers.numpy().ravel()), numbers.numel()
    expected = np.array([NormalDist().cdf(v) for v in z[:: n // 5000]])
    assert np.abs(expected - np.arange(n)[:: n // 5000] / n).max() < 2.2 / math.sqrt(n)
    for edge in (2, 3, 4):
        p = 2 * NormalDist().cdf(-edge)
        assert abs(int((numbers.abs() > edge).sum()) - p * n) < 4.5 * math.sqrt(p * n) + 1


def test_neighbours_have_nothing_in_common(numbers):
    """Samples, copies, features: correlations of the numbers and of their squares with those beside them, and of all pairs."""
    squares = (numbers**2 - 1) / math.sqrt(2)  # whose products have longer tails: numpy's have 7.2, too
    for z, most in ((numbers, 6), (squares, 9)):
        for axis in range(3):
            for step in (1, 2, 5):
                a, b = z.narrow(axis, 0, z.shape[axis] - step), z.narrow(axis, step, z.shape[axis] - step)
                assert abs(float((a * b).mean())) * math.sqrt(a.numel()) < 4.5, (axis, step)
        for axis in range(3):
            rows = z.movedim(axis, 0).flatten(1)
            pairs = (rows @ rows.T / math.sqrt(rows.shape[1])).triu(1)
            assert float(pairs.abs().max()) < most, axis


def test_other_keys_give_other_numbers():
    keys = [[0, 1, 0], [1, 1, 0], [0, 2, 0], [0, 1, 1]]
    drawn = [normal(Stream(k), range(4), SAMPLES, 10, torch.float64).flatten() for k in keys]
    for i, a in enumerate(drawn):
        for b in drawn[:i]:
            assert abs(float((a * b).mean())) * math.sqrt(len(a)) < 4.5


def test_words_are_those_of_numpys_generator():
    """They are what NumPy promises to keep."""
    found = Stream([5, 1, 0]).words(range(2), np.array([4, 5]), 3)
    first = np.random.PCG64DXSM(np.random.SeedSequence([5, 1, 0])).advance(12).random_raw(6).reshape(2, 3)
    assert np.array_equal(found[0], first)
    assert not (found[1] == first).any()
    assert int(Stream([0]).words(range(1), np.array([0]), 1)[0, 0, 0]) == 15672045205194312304
