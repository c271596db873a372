"""What is made of weights alone (their positive part, say) is kept with them from call to call, up to a budget.

The numbers are those that would be made anew. What there is no room for is made at every call.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

#: bytes that all weights of a process may keep beside them: as much as the positive and the negative parts of a ResNet-50
BUDGET = 192 * 2**20

#: weights → what is made of them: hashable, and equal to whatever makes the same
Change = Callable[[Tensor], Tensor]


@dataclass(eq=False)
class Kept:
    """`made`: by the identity of the weights, which are watched: they take theirs with them."""

    room: int
    made: dict[int, tuple[int, dict[Change, Tensor]]] = field(default_factory=dict)
    # a weight may be collected while it is held, in the same thread
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __call__(self, w: Tensor, change: Change) -> Tensor:
        """change(w)"""
        if type(w) is not Tensor or w.is_inference():  # a stand-in of a tracer, or nothing tells whether it was changed
            return change(w)
        version, found = self.made.get(id(w), (w._version, {}))
        if version == w._version and (made := found.get(change)) is not None:
            return made
        with torch.inference_mode(False), torch.no_grad():
            made = change(w)
        with self.lock:
            self._keep(w, change, made)
        return made

    def _keep(self, w: Tensor, change: Change, made: Tensor) -> None:
        key = id(w)
        if key in self.made and self.made[key][0] != w._version:
            self._drop(key)
        if made.nbytes > self.room:
            return
        if key not in self.made:
            self.made[key] = w._version, {}
            weakref.finalize(w, self._drop, key).atexit = False
        self.room -= made.nbytes if change not in self.made[key][1] else 0  # another thread may have been faster
        self.made[key][1][change] = made

    def _drop(self, key: int) -> None:
        with self.lock:
            _, gone = self.made.pop(key, (0, {}))
            self.room += sum(made.nbytes for made in gone.values())


kept = Kept(BUDGET)
