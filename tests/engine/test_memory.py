"""`max_memory` bounds by how much one explanation raises the resident memory of a process, its result left out."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

import onnxplain as ox
from onnxplain.methods.meter import GivingBack, Meter

from .models import CASES as MODELS
from .models import loaded
from .peak import CASES, _status

#: bytes; each case would take more, at the sizes that are chosen for speed, or with all samples at once
LIMIT = 80e6
on_linux = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="asks Linux for the peak of a process")


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_peak_of_a_process_stays_below_max_memory(case: str) -> None:
    command = [sys.executable, "-m", "tests.engine.peak", case, str(LIMIT)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=False, cwd=root, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) <= LIMIT


def test_the_meter_counts_what_is_there_at_once() -> None:
    x = torch.ones(1000)  # float32, made before
    with torch.inference_mode(), Meter() as meter:
        y = x + 1  # 4,000 bytes
        z = y[:500] * 2  # and 2,000
        del y
        w = z.reshape(2, 250).sum(1) + z.new_zeros(())
    assert meter.peak == 6000
    assert meter.now == 2000
    assert len(w) == 2


@on_linux
def test_what_is_freed_between_what_is_kept_goes_back_to_the_system() -> None:
    def left(mode: AbstractContextManager[object]) -> float:
        """Bytes, after every second of some blocks was freed."""
        torch.empty(32 * 2**20 - 8192, dtype=torch.uint8)  # from now on blocks below 32 MB are not mapped by themselves
        blocks = [torch.ones(2**18) for _ in range(60)]
        before = _status("VmRSS")
        del blocks[::2]
        with mode:
            blocks.append(torch.ones(2**18))
        return _status("VmRSS") - before

    assert left(nullcontext()) > -10e6
    assert left(GivingBack(2**21)) > -10e6  # so little was made since
    assert left(GivingBack(2**20)) < -20e6


def test_the_meter_counts_what_a_composite_operation_makes_inside() -> None:
    a, b = torch.ones(3, 1, 50, 40), torch.ones(1, 6, 40, 30)
    with torch.inference_mode(), Meter() as meter:
        c = torch.matmul(a, b)
    copied = 3 * 6 * 50 * 40  # a, once for each matrix of b
    assert meter.peak >= (c.numel() + copied) * 4


@pytest.mark.parametrize("method", ["gradient", "deeplift", "smoothgrad", "lrp"])
def test_targets_whose_sums_do_not_fit_together_come_in_groups(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from onnxplain.methods import chunks

    x = MODELS["cnn"].data(3)
    whole = ox.explain(loaded("cnn"), x, method, target="all", seed=1)
    monkeypatch.setattr(chunks, "AUTO_SUMS", 1)  # one target at a time
    apart = ox.explain(loaded("cnn"), x, method, target="all", seed=1)
    np.testing.assert_allclose(apart.values, whole.values, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(apart.sums["y"], whole.sums["y"], rtol=1e-12, atol=1e-14)


def test_the_meter_runs_what_runs_without_it_and_loads_no_compiler() -> None:
    """torch has written an interpolation in Python, too, for its compiler: it makes more, and loads 480 modules."""
    code = (
        "import sys, torch; from onnxplain.methods.meter import Meter\n"
        "x = torch.ones(1, 2, 8, 8)\n"
        "with torch.inference_mode(), Meter() as meter:\n"
        "    y = torch.ops.aten.upsample_nearest2d(x, [16, 16], 2.0, 2.0)\n"
        "print(meter.peak - y.nbytes, 'sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["0", "False"]


def test_one_sample_takes_no_more_where_memory_is_bounded() -> None:
    x = MODELS["cnn"].data(1)
    ox.explain(loaded("cnn"), x, "lrp", target=1)

    def peak(limit: int | None) -> int:
        with Meter() as meter:  # sees what the meter of the call itself sees
            ox.explain(loaded("cnn"), x, "lrp", target=1, max_memory=limit)
        return meter.peak

    free = peak(None)
    assert peak(int(1.3 * free)) <= free  # two samples, which would be tried, do not fit
