"""Every operator's cases, one list per kind in `cases_<kind>.py`: a line here is all an operator's test needs."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from .harness import Case

_HERE = Path(__file__).parent
ALL: list[Case] = [
    case
    for module in sorted(m.name for m in pkgutil.iter_modules([str(_HERE)]) if m.name.startswith("cases_"))
    for case in importlib.import_module(f"{__package__}.{module}").CASES
]
