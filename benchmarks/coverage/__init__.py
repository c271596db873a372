"""Random-weight exports of many architectures: what loads, how exactly it is explained, and what it costs.

    python -m benchmarks.coverage                      # everything: hours on two cores
    python -m benchmarks.coverage --only 'resnet*'     # some
    python -m benchmarks.coverage --backend node       # ONNX's own node tests, beside onnx2torch

Each architecture is exported and measured in processes of its own, under a time and a memory limit. Needs torchvision,
timm, transformers, keras and tf2onnx, jax2onnx, skl2onnx, onnxmltools, xgboost, lightgbm; what is missing is left out.
"""
