"""Models that are only called: ONNX files on onnxruntime, whatever their operators, and plain predict functions."""

from .model import BlackBox

__all__ = ["BlackBox"]
