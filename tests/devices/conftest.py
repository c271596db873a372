"""The devices that tests run on: a pretended one everywhere, and a GPU where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch

from .pretended import DEVICE, Literals, PretendedDevice

ON = [DEVICE, *([torch.device("cuda:0")] if torch.cuda.is_available() else [])]


@pytest.fixture(params=ON, ids=str)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A device on which tensors can be made while `elsewhere` is entered."""
    if request.param == DEVICE:
        # torch makes no tensors of other kinds than its own in inference mode, which changes no number
        monkeypatch.setattr(torch, "inference_mode", lambda mode=True: torch.no_grad() if mode else nullcontext())
    return request.param


@contextmanager
def elsewhere(device: torch.device) -> Iterator[None]:
    if device != DEVICE:
        yield
        return
    with PretendedDevice(), Literals():
        yield
