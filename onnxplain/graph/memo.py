"""What was derived from a graph and from nothing else, kept beside it: plans, and graphs made of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

Made = TypeVar("Made")
#: how many things are kept for one graph
SIZE = 16


class Memo:
    """The `size` things asked for last, by key. Any thread may ask; where two ask at once, both get what one of them made.

    A key says all that a thing depends on besides the graph, which never changes; what is kept is never changed either.
    Copies start empty.
    """

    def __init__(self, size: int = SIZE) -> None:
        self.size = size
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What is kept under this key, or else what `make` gives, kept from now on; where it raises, nothing is."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]  # type: ignore[no-any-return]
        made = make()  # without the lock: it may take long, and ask again
        with self._lock:
            made = self._kept.setdefault(key, made)
            self._kept.move_to_end(key)
            while len(self._kept) > self.size:
                self._kept.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._kept)

    def __reduce__(self) -> tuple[type[Memo], tuple[int]]:
        return Memo, (self.size,)
