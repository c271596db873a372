"""Values looked up, compared and replaced: the encoders of the ai.onnx.ml operators."""
