"""Attribution methods: one file, one frozen dataclass each.

`onnxplain.methods` is this package and, as the public contract has it, also a function: `ox.methods()`. Importing any
method binds the package to that name, so the package itself can be called.
"""

from __future__ import annotations

import sys
from types import ModuleType


class _Callable(ModuleType):
    def __call__(self) -> tuple[str, ...]:
        from .table import methods

        return methods()


sys.modules[__name__].__class__ = _Callable
