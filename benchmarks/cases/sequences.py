"""Transformers over embedded tokens, one target."""

from __future__ import annotations

from functools import partial

from .. import nets
from .base import ATTENTION, Case

CASES = (
    Case("BERT 12 × 768, 16 tokens", nets.bert, (1, 16, 768), ATTENTION),
    Case("BERT 12 × 768, 128 tokens", nets.bert, (1, 128, 768), ATTENTION, compared=False),
    Case("BERT 12 × 64, 16 tokens", partial(nets.bert, width=64), (1, 16, 64), ATTENTION, quick=True),
    Case("GPT-2, 64 tokens", nets.gpt2, (1, 64, 768), ATTENTION, compared=False),
)
