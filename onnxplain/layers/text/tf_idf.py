"""TfIdfVectorizer: how often each n-gram of a pool occurs in a row of texts or integers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer


@dataclass(frozen=True)
class Occurrence:
    """What was found of the n-grams of one length, items `apart` places from each other: `row`, `start`, its `column`."""

    length: int
    apart: int
    row: Tensor
    start: Tensor
    column: Tensor


class TfIdfVectorizer(Integer):
    """y[v] = w[v] · count of n-gram v (`TFIDF`), w[v] where there is one (`IDF`), or the count itself (`TF`).

    Items of an n-gram may lie up to `max_skip_count` others apart, all equally far. Relevance of an n-gram is shared equally among its occurrences, and there among its items;
    that of one which does not occur, among all items of the row.
    """

    onnx = {"TfIdfVectorizer": 9}
    items: Tensor
    weights: Tensor

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        pool = torch.tensor(node.attr("pool_strings") or node.attr("pool_int64s"))
        columns = torch.tensor(node.attr("ngram_indexes"))
        self.width, self.mode = int(columns.max()) + 1, str(node.attr("mode"))
        self.least, self.most = int(node.attr("min_gram_length")), int(node.attr("max_gram_length"))
        self.skips = int(node.attr("max_skip_count"))
        self.register_buffer("items", pool.unique())
        given = torch.tensor(node.attr("weights") or [1.0] * len(columns), dtype=node.dtype)
        self.register_buffer("weights", torch.zeros(self.width, dtype=node.dtype).index_copy(0, columns, given))
        starts, at = [*(int(c) for c in node.attr("ngram_counts")), len(pool)], 0
        self.lengths: list[int] = []
        for n, (begin, end) in enumerate(pairwise(starts), 1):
            count = (end - begin) // n
            if count and self.least <= n <= self.most:
                grams = torch.searchsorted(self.items, pool[begin:end].reshape(count, n))
                self._table(n, grams, columns[at : at + count])
            at += count

    @classmethod
    def build(cls, node: OnnxNode) -> TfIdfVectorizer | None:
        wide = node.dtype.is_floating_point and not node.is_floating(0)
        weights, columns = node.attr("weights"), node.attr("ngram_indexes")
        fits = columns and (not weights or len(weights) == len(columns) == len(set(columns)))
        return cls(node) if wide and fits and (node.attr("pool_strings") or node.attr("pool_int64s")) else None

    def _table(self, n: int, grams: Tensor, columns: Tensor) -> None:
        """Prefixes of the n-grams of one length as sorted keys: the number of the prefix before, and the next item."""
        self.lengths.append(n)
        prefix = torch.zeros(len(grams), dtype=torch.int64)
        for k in range(n):
            keys, prefix = (prefix * len(self.items) + grams[:, k]).unique(return_inverse=True)
            self.register_buffer(f"keys_{n}_{k}", keys)
        self.register_buffer(f"columns_{n}", torch.zeros(len(grams), dtype=torch.int64).index_copy(0, prefix, columns))

    def found(self, x: Tensor) -> Iterator[Occurrence]:
        """Every occurrence in rows of items, x (row, item)."""
        place = torch.searchsorted(self.items, x.long()).clamp(max=len(self.items) - 1)
        item = torch.where(self.items[place] == x, place, -1)
        for apart in range(1, self.skips + 2):
            for n in self.lengths:
                room = item.shape[1] - apart * (n - 1)
                if room < 1 or (n == 1 and apart > 1):
                    continue
                prefix = torch.zeros_like(item[:, :room])
                for k in range(n):
                    keys: Tensor = getattr(self, f"keys_{n}_{k}")
                    here = item[:, apart * k : apart * k + room]
                    key = prefix * len(self.items) + here
                    at = torch.searchsorted(keys, key).clamp(max=len(keys) - 1)
                    prefix = torch.where((keys[at] == key) & (here >= 0) & (prefix >= 0), at, -1)
                row, start = (prefix >= 0).nonzero(as_tuple=True)
                yield Occurrence(n, apart, row, start, getattr(self, f"columns_{n}")[prefix[row, start]])

    def counts(self, x: Tensor) -> Tensor:
        flat = torch.zeros(len(x) * self.width, dtype=self.weights.dtype, device=x.device)
        for o in self.found(x):
            flat = flat.scatter_add(0, o.row * self.width + o.column, flat.new_ones(len(o.row)))
        return flat.reshape(len(x), self.width)

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = self.full(inputs)
        if x.dim() > 2:
            raise ValueError(f"it takes one axis of items, or two of rows and items, not shape {tuple(x.shape)}")
        counts = self.counts(x if x.dim() == 2 else x.reshape(1, -1))
        if self.mode == "IDF":
            counts = (counts > 0).to(counts.dtype)
        y = counts if self.mode == "TF" else counts * self.weights
        return y if x.dim() == 2 else y[0]

    def back(self, cotangents: Sequence[Tensor | None], inputs: Sequence[Tensor]) -> Tensor | None:
        g, (given,) = cotangents[0], self.full(inputs)
        if g is None or not given.numel():
            return None
        x = given if given.dim() == 2 else given.reshape(1, -1)
        counts, each = self.counts(x), g.reshape(g.shape[0], len(x), self.width)
        absent = torch.where(counts == 0, each, 0.0).sum(2, keepdim=True) / x.shape[1]  # (T, row, 1)
        out = absent.expand(g.shape[0], *x.shape).flatten(1)
        share = torch.where(counts == 0, 0.0, each / counts.clamp(min=1))
        for o in self.found(x):
            one = share[:, o.row, o.column] / o.length
            for k in range(o.length):
                out = out.index_add(1, o.row * x.shape[1] + o.start + o.apart * k, one)
        return out.reshape(g.shape[0], *given.shape)
