"""LSTM, GRU and RNN as ordinary operators, one Scan for each direction."""

from __future__ import annotations

from collections.abc import Callable

from ..body import Body
from .cells import GRU, LSTM, RNN
from .node import recurrent

#: operator → what writes its parts
RECURRENT: dict[str, Callable[[Body], None]] = {
    "GRU": recurrent(GRU),
    "LSTM": recurrent(LSTM),
    "RNN": recurrent(RNN),
}
