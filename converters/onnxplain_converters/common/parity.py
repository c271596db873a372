"""What every conversion ends in: the model's own predictions beside onnxruntime's on the ONNX model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from .. import ConversionError

#: largest difference allowed, relative to the largest value of the output
RTOL = 1e-5
#: what onnxruntime says of an operator, or of a type or opset of one, that it does not have
LACKS = ("NOT_IMPLEMENTED", "is not a registered function/op", "official support for")


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """max |found − expected| / max |expected|; infinite where shapes or the places of NaN and infinities differ."""
    if found.shape != expected.shape or (np.isnan(found) != np.isnan(expected)).any():
        return np.inf
    with np.errstate(invalid="ignore"):
        off = np.where((found == expected) | np.isnan(expected), 0.0, np.abs(found - expected))
    size = np.abs(expected[np.isfinite(expected)])
    return float(off.max(initial=0.0) / (size.max(initial=0.0) or 1.0))


#: of a model whose samples are not explained one by one
TOGETHER = (
    "what the model predicts for a sample depends on the samples beside it, as with statistics of the batch or where the "
    "samples lie on another axis: explanations hold for the samples that are given together; chunk_size=1 explains each alone"
)


def is_joint(few: Sequence[np.ndarray], more: Sequence[np.ndarray]) -> bool:
    """Whether predictions of the same samples are others when one sample more is beside them."""
    for a, b in zip(few, more, strict=True):
        if np.ndim(a) == np.ndim(b) and all(m >= n for n, m in zip(np.shape(a), np.shape(b), strict=True)):
            same = np.asarray(b)[tuple(slice(n) for n in np.shape(a))]
            if same.dtype.kind in "fc" and difference(same, np.asarray(a)) > RTOL:
                return True
    return False


def check(
    proto: onnx.ModelProto, feeds: Mapping[str, np.ndarray], expected: Sequence[np.ndarray], rtol: float = RTOL
) -> None:
    """Raises `ConversionError` where onnxruntime's outputs are not `expected`, one array per output."""
    for output, ours, theirs in zip(proto.graph.output, run(proto, feeds), expected, strict=True):
        if np.shape(ours) != np.shape(theirs):
            raise ConversionError(
                f"the converted model's output {output.name!r} has shape {np.shape(ours)}, the original's {np.shape(theirs)}"
            )
        if not (off := difference(np.asarray(ours, np.float64), np.asarray(theirs, np.float64))) <= rtol:
            raise ConversionError(
                f"the converted model's output {output.name!r} differs from the original's by {off:.1e} of its largest value, "
                f"more than {rtol:g}"
            )


def run(proto: onnx.ModelProto, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs as onnxruntime computes them node by node; ONNX's own evaluator where onnxruntime lacks an operator."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return list(session.run(None, dict(feeds)))
    except Exception as error:  # onnxruntime's errors have no common base
        reason = str(error)
        if not any(lack in reason for lack in LACKS):
            raise ConversionError(f"onnxruntime cannot run the converted model: {reason.splitlines()[0]}") from error
    from onnx.reference import ReferenceEvaluator

    try:
        return list(ReferenceEvaluator(proto).run(None, dict(feeds)))
    except Exception as error:  # nor have the evaluator's
        raise ConversionError(
            f"neither onnxruntime ({reason.splitlines()[0]}) nor ONNX's evaluator can run the converted model: {error}"
        ) from error
