"""The marked parts of a documentation page, between `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path


def renew(page: Path, parts: Mapping[str, str]) -> list[str]:
    """Writes each part between its marks; the parts whose marks the page has."""
    content, done = page.read_text(encoding="utf-8"), []
    for part, new in parts.items():
        marked = re.compile(rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)", re.DOTALL)
        content, n = marked.subn(lambda m, new=new: f"{m[1]}\n{new}\n\n{m[2]}", content)  # type: ignore[misc]
        done += [part] * bool(n)
    page.write_text(content, encoding="utf-8")
    return done
