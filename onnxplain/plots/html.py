"""Pieces of an HTML page: everything inline, everything escaped, readable in light and dark."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

STYLE = """
:root { color-scheme: light dark; --ink: #1d2126; --soft: #5c6570; --line: #dde1e6; --page: #f6f7f9; --card: #ffffff;
        --mark: #b2182b; --wash: #eef1f5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a3abb5; --line: #3a414a; --page: #15181c;
        --card: #1e2227; --mark: #ff8a80; --wash: #2a3037; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 66rem; background: var(--page); color: var(--ink);
       font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.65rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; } p { margin: .3rem 0 .8rem; max-width: 46rem; }
.soft { color: var(--soft); }
code { font: .92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem; margin: 1.2rem 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem; }
.tile b { display: block; font-size: 1.2rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.tile span { color: var(--soft); font-size: .86rem; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .38rem .7rem; text-align: left; border-bottom: 1px solid var(--line); }
td { max-width: 26rem; overflow-wrap: break-word; } .n { white-space: nowrap; }
tr:last-child td { border-bottom: 0; } th { color: var(--soft); font-weight: 600; background: var(--wash); }
.n { text-align: right; } .bad { color: var(--mark); font-weight: 600; }
figure { margin: 0 0 1rem; background: #fff; border: 1px solid var(--line); border-radius: .6rem; padding: .4rem; }
figure img { display: block; width: 100%; max-width: 56rem; height: auto; margin: auto; }
ul { margin: .3rem 0; padding-left: 1.2rem; }
details > summary { cursor: pointer; color: var(--soft); margin: .5rem 0; }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
"""

#: The page may load nothing from anywhere, whatever a name in it says.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


class Right(Markup):
    """HTML that stands at the right of its cell, as numbers do."""

    __slots__ = ()


def esc(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup(escape(str(value)))


def cell(value: object) -> str:
    """A table cell: numbers to the right with five digits, empty where there is none."""
    if isinstance(value, Markup) or not isinstance(value, (int, float, np.number)) or isinstance(value, bool):
        align = ' class="n"' if isinstance(value, Right) else ""
        return f"<td{align}>{esc('' if value is None else value)}</td>"
    if not np.isfinite(value):
        return '<td class="n">–</td>' if np.isnan(value) else f'<td class="n">{value}</td>'
    return (
        f'<td class="n">{value:,}</td>' if isinstance(value, (int, np.integer)) else f'<td class="n">{value:.5g}</td>'
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], numeric: Sequence[str] = ()) -> Markup:
    head = "".join(f'<th class="n">{esc(c)}</th>' if c in numeric else f"<th>{esc(c)}</th>" for c in columns)
    body = "\n".join(f"<tr>{''.join(cell(v) for v in row)}</tr>" for row in rows)
    return Markup(f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>')


def picture(png: bytes, text: str) -> Markup:
    data = base64.b64encode(png).decode("ascii")
    return Markup(f'<figure><img alt="{esc(text)}" src="data:image/png;base64,{data}"></figure>')


def tiles(facts: Sequence[tuple[str, object]]) -> Markup:
    inner = "".join(f'<div class="tile"><b>{esc(value)}</b><span>{esc(name)}</span></div>' for name, value in facts)
    return Markup(f'<div class="tiles">{inner}</div>')


def section(title: str, *parts: str) -> Markup:
    return Markup(f"<section>\n<h2>{esc(title)}</h2>\n" + "\n".join(parts) + "\n</section>")


def folded(title: str, content: str) -> Markup:
    return Markup(f"<details><summary>{esc(title)}</summary>\n{content}\n</details>")


def document(title: str, body: Iterable[str]) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{esc(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )
