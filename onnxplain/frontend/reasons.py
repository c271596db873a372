"""Why some operators have no layer, beyond that nobody wrote one."""

from __future__ import annotations

RANDOM = "it draws random numbers: no two runs agree, and onnxruntime's generator cannot be followed; export the model for inference"

#: operator → what the error says of it
REASONS: dict[str, str] = {
    **dict.fromkeys(
        ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"), RANDOM
    ),
    "Dropout": "it drops values at random, as in training: export the model for inference",
}


def reason(operator: str) -> str:
    """In brackets, with a space before; nothing where there is nothing to say."""
    return f" ({REASONS[operator]})" if operator in REASONS else ""
