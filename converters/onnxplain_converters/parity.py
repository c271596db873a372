"""What every conversion ends in: the model's own predictions beside onnxruntime's on the ONNX model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from . import ConversionError

#: largest difference allowed, relative to the largest value of the output
RTOL = 1e-5


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """max |found − expected| / max |expected|; infinite where shapes or the places of NaN differ."""
    if found.shape != expected.shape or (np.isnan(found) != np.isnan(expected)).any():
        return np.inf
    off, size = np.nan_to_num(np.abs(found - expected)), np.nan_to_num(np.abs(expected))
    return float(off.max(initial=0.0) / (size.max(initial=0.0) or 1.0))


def check(
    proto: onnx.ModelProto, feeds: Mapping[str, np.ndarray], expected: Sequence[np.ndarray], rtol: float = RTOL
) -> None:
    """Raises `ConversionError` where onnxruntime's outputs are not `expected`, one array per output."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        found = session.run(None, dict(feeds))
    except Exception as error:  # onnxruntime's errors have no common base
        raise ConversionError(f"onnxruntime cannot run the converted model: {str(error).splitlines()[0]}") from error
    for output, ours, theirs in zip(proto.graph.output, found, expected, strict=True):
        if not (off := difference(np.asarray(ours, np.float64), np.asarray(theirs, np.float64))) <= rtol:
            raise ConversionError(
                f"the converted model's output {output.name!r} differs from the original's by {off:.1e} of its largest value, "
                f"more than {rtol:g}"
            )
