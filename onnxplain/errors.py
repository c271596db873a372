"""The exception tree. Catch `OnnxplainError` to catch everything this library raises on purpose.

    OnnxplainError
    ├── ModelError            the file or model: unreadable, truncated, hostile, too large
    │   └── UnsupportedOpError    operators without a layer, all of them at once
    ├── VerificationError     our forward pass and onnxruntime's differ
    ├── InputError            the data: name, rank, shape, dtype, NaN, empty, too large for `max_memory`
    ├── TargetError           a unit or output that doesn't exist
    ├── RuleError             a method or rule that a node cannot take, or wrong rule parameters
    ├── ConservationError     attributions that do not sum to what the method promises
    ├── ConverterError        a framework's model that could not be exported
    └── MissingDependencyError    an optional package is not installed (names the extra)
"""

from __future__ import annotations


class OnnxplainError(Exception):
    """Base of all errors raised by onnxplain."""


class ModelError(OnnxplainError):
    """The model cannot be read, is not valid, or is larger than allowed."""


class UnsupportedOpError(ModelError):
    """The model holds operators without a layer; the message lists all of them.

    `missing` maps each operator to the names of its nodes.
    """

    def __init__(self, message: str, missing: dict[str, list[str]] | None = None) -> None:
        super().__init__(message)
        self.missing = missing or {}


class VerificationError(OnnxplainError):
    """The converted model's values differ from onnxruntime's."""


class InputError(OnnxplainError):
    """The data do not fit the model's inputs, or an argument is out of range."""


class TargetError(OnnxplainError):
    """The target names a unit or an output that does not exist."""


class RuleError(OnnxplainError):
    """A rule's parameters are wrong, or a node has no rule for the method."""


class ConservationError(OnnxplainError):
    """Attributions do not sum to what the method promises."""


class ConverterError(OnnxplainError):
    """A framework's model could not be turned into ONNX."""


class MissingDependencyError(OnnxplainError, ImportError):
    """An optional package is missing; the message names the extra to install."""


def first_line(error: BaseException) -> str:
    """What another library's error says, without what it appends; its type where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
