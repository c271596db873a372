"""BlackBox: a model that is only called, from an ONNX file of any operators or a predict function."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..specs import Spec
from .function import from_function
from .predictor import Predictor
from .session import from_file


@dataclass(frozen=True, eq=False, repr=False)
class BlackBox:
    """For black-box methods only: `source` is an ONNX file (path, bytes, file object, `ModelProto`), run by onnxruntime
    whatever its operators are, or a function from arrays to arrays with samples on axis 0.

    A function gets data in the form they were given in: an array, a dict of arrays by input name, positional arrays for
    a tuple, a DataFrame with the same columns; it returns an array, a dict or a tuple of them. `outputs`: those that are
    explained. `batch_axis`, `input_labels`, `output_labels` as in `load`.
    """

    source: Any
    outputs: Sequence[str] | None = None
    batch_axis: int | None | Mapping[str, int | None] = None
    input_labels: Any = None
    output_labels: Any = None

    def __post_init__(self) -> None:
        if self.is_function and (self.batch_axis is not None or self.outputs is not None):
            raise InputError("batch_axis= and outputs= are for files: a function has samples on axis 0 and its own outputs")

    @property
    def is_function(self) -> bool:
        return callable(self.source)

    @property
    def name(self) -> str:
        if self.is_function:
            return getattr(self.source, "__name__", type(self.source).__name__).replace("<lambda>", "function")
        return Path(self.source).name if isinstance(self.source, (str, os.PathLike)) else "model"

    @property
    def inputs(self) -> Mapping[str, Spec]:
        """The inputs of a file; those of a function are only known from data."""
        return {} if self.is_function else self._file.inputs

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """Names of the outputs' units."""
        return {} if self.is_function else self._file.labels

    def predict(self, data: Any) -> dict[str, np.ndarray]:
        """{output name: array}, samples first, for `data` in any form that `explain` takes."""
        predictor = self.predictor(data)
        return predictor.outputs(predictor.feeds(data)[0])

    def predictor(self, data: Any) -> Predictor:
        """What methods call; a function's inputs are named for the form of the data."""
        if self.is_function:
            return from_function(self.source, data, self.name, self.input_labels, self.output_labels)
        return self._file

    @cached_property
    def _file(self) -> Predictor:
        return from_file(self.source, self.name, self.outputs, self.batch_axis, self.input_labels, self.output_labels)

    def __repr__(self) -> str:
        return f"BlackBox({self.name!r})"
