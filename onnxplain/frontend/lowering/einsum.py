"""Einstein sums over more than two operands: two at a time, from the left."""

from __future__ import annotations

from .body import Body


def einsum(b: Body) -> None:
    """Σ a b c … = Σ (Σ a b) c …: a letter is summed over once no later operand, nor the result, has it."""
    names = list(b.node.input)
    if len(names) < 3 or not b.varies(*range(len(names))):
        return
    left, arrow, out = b.attr("equation").decode().replace(" ", "").partition("->")
    terms = left.split(",")
    letters = left.replace("...", "").replace(",", "")
    if not arrow:
        out = "..." * ("..." in left) + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    elif "..." in left and "..." not in out:
        return
    value, term = names[0], terms[0]
    for k in range(1, len(names)):
        wanted = set("".join([*terms[k + 1 :], out]))
        both = term + terms[k]
        kept = "..." * ("..." in both) + "".join(c for c in dict.fromkeys(both) if c in wanted and c != ".")
        made = out if k + 1 == len(names) else kept
        result = b.output(0) if k + 1 == len(names) else None
        value = b("Einsum", value, names[k], equation=f"{term},{terms[k]}->{made}", at=f"product {k}", result=result)
        term = made
