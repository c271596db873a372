"""The short-time Fourier transform, and a causal convolution that hands its last inputs on."""

from __future__ import annotations

from onnx import TensorProto

from .body import Body
from .rotary import END


def stft(b: Body) -> None:
    """Frames taken from the signal, times the window, each transformed."""
    x, window = b.input(0), b.input(2)
    size = b.size(x, 1)
    whole = b.whole(size) if size is not None else b.length(x, 1)
    length = _scalar(b, b.input(3)) if b.input(3) else b.length(window, 0) if window else whole
    step = _scalar(b, b.input(1))
    one, zero = b.whole(1), b.whole(0)
    count = b("Add", b("Div", b("Sub", whole, length), step), one, at="count")
    starts = b("Mul", b("Range", zero, count, one), step)
    places = b("Add", b.with_axes("Unsqueeze", starts, [1]), b("Range", zero, length, one), at="places")
    frames = b("Gather", x, places, axis=1, at="frames")
    if window:
        frames = b("Mul", frames, b.with_axes("Unsqueeze", window, [1]), at="windowed")
    axis = (b.whole(2),) if b.opset >= 20 else ()
    b(
        "DFT",
        frames,
        *(("", *axis) if axis else ()),
        result=b.output(0),
        onesided=b.attr("onesided", 1),
        axis=None if axis else 2,
    )


def _scalar(b: Body, value: str) -> str:
    return b("Reshape", b("Cast", value, to=TensorProto.INT64), b.ints())


def causal_conv(b: Body) -> None:
    """Each channel convolved with a kernel of its own over what came before it; the last k − 1 places are the state."""
    x, w, past = b.input(0), b.input(1), b.input(3)
    channels, k = b.size(w, 0) or b.size(x, 1), b.size(w, 2)
    if channels is None or k is None:
        return
    wide = b("Concat", past, x, axis=2, at="wide") if past else b("Pad", x, b.ints(0, 0, k - 1, 0, 0, 0), at="wide")
    gated = b.attr("activation", b"none") in (b"silu", b"swish")
    y = b(
        "Conv",
        wide,
        w,
        *([b.input(2)] if b.input(2) else []),
        group=channels,
        result=None if gated else b.output(0),
        at="conv",
    )
    if gated:
        b("Swish", y, result=b.output(0))
    if b.output(1):
        b("Slice", wide, b.ints(1 - k if k > 1 else END), b.ints(END), b.ints(2), result=b.output(1))
