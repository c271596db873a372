"""Why some operators have no layer, beyond that nobody wrote one."""

from __future__ import annotations

#: operator → what the error says of it
REASONS: dict[str, str] = {
    "BatchNormalization": "in training mode before opset 14, or of unknown rank: export the model for inference",
}


def reason(operator: str) -> str:
    """In brackets, with a space before; nothing where there is nothing to say."""
    return f" ({REASONS[operator]})" if operator in REASONS else ""
