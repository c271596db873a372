"""Transformers over embedded tokens, recurrent nets over steps; one target."""

from __future__ import annotations

from functools import partial

from .. import nets
from .base import ATTENTION, FEW, Case

CASES = (
    Case("BERT 12 × 768, 16 tokens", nets.bert, (1, 16, 768), ATTENTION),
    Case("BERT 12 × 768, 128 tokens", nets.bert, (1, 128, 768), ATTENTION, compared=False),
    Case("BERT 12 × 64, 16 tokens", partial(nets.bert, width=64), (1, 16, 64), ATTENTION, quick=True),
    Case("GPT-2, 64 tokens", nets.gpt2, (1, 64, 768), ATTENTION, compared=False),
    Case("LSTM, 64 × 50 steps", nets.lstm, (64, 50, 24), FEW),
    Case("LSTM, 1 × 50 steps", nets.lstm, (1, 50, 24), FEW, quick=True),
    Case("GRU, 64 × 50 steps", nets.gru, (64, 50, 24), FEW),
)
