"""What is made of weights alone (their positive part, say) is kept with them from call to call, up to a budget.

The numbers are those that would be made anew. Where there is no room, what no call of late has used makes some; what there is
no room for even then is made at every call.
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

#: explanations in a row without a use, after which something makes room for what is used
IDLE = 3

#: weights → what is made of them: hashable, and equal to whatever makes the same
Change = Callable[[Tensor], Tensor]


@dataclass(eq=False, slots=True)
class Part:
    """`used`: in which explanation for the last time."""

    made: Tensor
    used: int


@dataclass(eq=False)
class Kept:
    """`parts`: by the identity of the weights, which are watched: they take theirs with them. `now`: how many explanations
    there were; `searched`: in which idle parts were looked for in vain."""

    room: int
    parts: dict[int, tuple[int, dict[Change, Part]]] = field(default_factory=dict)
    now: int = 0
    searched: int = -1
    # a weight may be collected while it is held, in the same thread
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __call__(self, w: Tensor, change: Change) -> Tensor:
        """change(w)"""
        if type(w) is not Tensor or w.is_inference():  # a stand-in of a tracer, or nothing tells whether it was changed
            return change(w)
        version, found = self.parts.get(id(w), (w._version, {}))
        if version == w._version and (part := found.get(change)) is not None:
            part.used = self.now
            return part.made
        with torch.inference_mode(False), torch.no_grad():
            made = change(w)
        with self.lock:
            self._keep(w, change, made)
        return made

    def next(self) -> None:
        """Another explanation begins."""
        self.now += 1

    def _keep(self, w: Tensor, change: Change, made: Tensor) -> None:
        key = id(w)
        if key in self.parts and self.parts[key][0] != w._version:
            self._drop(key)
        if made.nbytes > self.room:
            self._drop_idle(made.nbytes)
        if made.nbytes > self.room:
            return
        if key not in self.parts:
            self.parts[key] = w._version, {}
            weakref.finalize(w, self._drop, key).atexit = False
        of_w = self.parts[key][1]
        self.room -= made.nbytes if change not in of_w else 0  # another thread may have been faster
        of_w[change] = Part(made, self.now)

    def _drop_idle(self, wanted: int) -> None:
        """Drops what was idle longest, until there is room."""
        if self.searched == self.now:
            return
        found = [of_w for _, of_w in list(self.parts.values())]  # weights may be collected meanwhile, and dropped
        idle = [(p.used, of_w, c) for of_w in found for c, p in of_w.items() if p.used < self.now - IDLE]
        for _, of_w, change in sorted(idle, key=lambda part: part[0]):
            if wanted <= self.room:
                return
            if any(of_w is there for _, there in list(self.parts.values())):
                self.room += of_w.pop(change).made.nbytes
        if wanted > self.room:
            self.searched = self.now

    def _drop(self, key: int) -> None:
        with self.lock:
            _, gone = self.parts.pop(key, (0, {}))
            self.room += sum(part.made.nbytes for part in gone.values())


kept = Kept(BUDGET)
