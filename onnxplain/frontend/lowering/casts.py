"""CastLike as the Cast that it is, where the type it takes is known."""

from __future__ import annotations

from .body import Body


def cast_like(b: Body) -> None:
    like = b.types.get(b.input(1))
    if like is None or not like.tensor or not like.elem_type:
        return
    b("Cast", b.input(0), result=b.output(0), to=like.elem_type, saturate=b.attr("saturate"), round_mode=b.attr("round_mode"))
