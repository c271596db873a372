"""innsight's interface (the R package, 0.3.2) and its literal numbers, on any model that onnxplain loads.

`convert`, then one of the `run_*` functions, then `get_result`, `plot`, `plot_global`, `boxplot`. Indices count from 0;
R's named lists are dicts, its lists are lists. `torch_*`: the gradient methods on any `torch.nn.Module`.
"""

from __future__ import annotations

from .agnostic import run_lime, run_shap
from .converter import Converter, convert
from .direct import torch_expgrad, torch_grad, torch_intgrad, torch_smoothgrad
from .result import Result
from .run import run_cw, run_deeplift, run_deepshap, run_expgrad, run_grad, run_intgrad, run_lrp, run_smoothgrad


def get_result(result: Result, type: str = "array") -> object:
    """`result.get_result(type)`."""
    return result.get_result(type)


__all__ = [
    "Converter",
    "Result",
    "convert",
    "get_result",
    "run_cw",
    "run_deeplift",
    "run_deepshap",
    "run_expgrad",
    "run_grad",
    "run_intgrad",
    "run_lime",
    "run_lrp",
    "run_shap",
    "run_smoothgrad",
    "torch_expgrad",
    "torch_grad",
    "torch_intgrad",
    "torch_smoothgrad",
]
