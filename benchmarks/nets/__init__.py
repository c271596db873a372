"""The nets: random weights, batch normalisations with random statistics; and their way through ONNX in memory."""

from .images import grey_conv, mobilenet, plain_conv, resnet50, small_conv, u_net, vgg16
from .parts import Add, Concat, made
from .recurrent import gru, lstm
from .series import basset, tcn
from .tables import chain, mlp, small_mlp
from .through_onnx import as_onnx
from .transformers import bert, gpt2, vit

__all__ = [
    "Add",
    "Concat",
    "as_onnx",
    "basset",
    "bert",
    "chain",
    "gpt2",
    "grey_conv",
    "gru",
    "lstm",
    "made",
    "mlp",
    "mobilenet",
    "plain_conv",
    "resnet50",
    "small_conv",
    "small_mlp",
    "tcn",
    "u_net",
    "vgg16",
    "vit",
]
