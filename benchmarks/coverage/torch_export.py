"""A torch net with healthy random weights → ONNX: the newer exporter, else the older one; any number of samples, else one."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from .net import Exported

#: (the newer exporter, any number of samples), as they are tried
WAYS = ((True, True), (True, False), (False, True), (False, False))
#: the same for nets that look at their sizes while they run, on which the first one takes long to fail
ONE_SAMPLE = WAYS[1:]
#: the older exporter first: half of the files that people have are its
OLDER = (WAYS[2], *WAYS)


def seeded(make: Callable[[], nn.Module], *data: Tensor, grow: bool = False) -> nn.Module:
    """The net with seed 0; what initialisation leaves constant (scales, offsets, layer scales) varies, and batch
    normalisations have seen `data`, so that activations neither die nor explode. `grow`: weights that were made for a
    wider net get the size that this one needs."""
    torch.manual_seed(0)
    net = make()
    with torch.no_grad():
        for p in net.parameters():
            if p.numel() > 1 and bool((p == p.reshape(-1)[0]).all()):
                p.copy_(0.1 * torch.randn_like(p) if not p.any() else 0.5 + torch.rand_like(p))
            elif p.numel() == 1 and not p.any():
                p.fill_(0.5)
            elif grow and p.dim() > 1 and 0 < (size := float(p.std()) * p[0].numel() ** 0.5) < 0.5:
                p.mul_(1 / size)
        norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        if norms:
            net.eval()
            for m in norms:
                m.train()
                m.momentum = None
            net(*(torch.cat([d, d.flip(-1), d.flip(-2), d.flip(-1, -2)]) for d in data))
        for b in norms:
            assert b.running_mean is not None and b.running_var is not None
            b.running_mean += 0.1 * b.running_var.sqrt() * torch.randn_like(b.running_mean)
            b.running_var += 0.1 * b.running_var.mean()  # few pixels are left behind the last strides
    return net.eval().requires_grad_(False)


def exported(
    net: nn.Module, data: Sequence[Tensor], names: Sequence[str] = (), ways: Sequence[tuple[bool, bool]] = WAYS
) -> Exported:
    """The first way that works; where none does, what each said."""
    names = list(names) or [f"x{i}" if len(data) > 1 else "x" for i in range(len(data))]
    failed: list[Exception] = []
    for dynamo, free in ways:
        given = tuple(d if free else d[:1] for d in data)
        try:
            with _quiet():
                proto = _exported(net, given, names, dynamo, free)
        except Exception as error:  # noqa: BLE001 — exporters raise anything
            failed.append(error)
            continue
        read = {i.name for i in proto.graph.input}
        feeds = {n: d.numpy() for n, d in zip(names, given, strict=True) if n in read}
        return Exported(proto, feeds, f"torch {'dynamo' if dynamo else 'script'}{', free batch' if free else ''}")
    raise ExceptionGroup("no exporter writes this net", failed)


def _exported(net: nn.Module, data: tuple[Tensor, ...], names: list[str], dynamo: bool, free: bool) -> onnx.ModelProto:
    if dynamo:
        batch = torch.export.Dim("n", min=1, max=4096)
        each = tuple({0: batch} for _ in names)
        shapes: Any = None if not free else (each,) if isinstance(net, Only) else each
        program = torch.onnx.export(
            net, data, None, dynamo=True, input_names=names, dynamic_shapes=shapes, verbose=False
        )
        assert program is not None
        proto = program.model_proto
        if free and not any(d.dim_param for d in proto.graph.input[0].type.tensor_type.shape.dim[:1]):
            raise ValueError("the exporter fixed the number of samples")
        return proto
    file = io.BytesIO()
    axes = {n: {0: "n"} for n in names} if free else None
    torch.onnx.export(net, data, file, dynamo=False, input_names=names, dynamic_axes=axes, opset_version=17)  # type: ignore[arg-type]
    return onnx.load_from_string(file.getvalue())


@contextmanager
def _quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def image(size: int = 64, channels: int = 3, n: int = 2) -> Tensor:
    """Smooth noise, as photographs have it."""
    g = torch.Generator().manual_seed(1)
    coarse = torch.randn(n, channels, 8, 8, generator=g)
    fine = 0.3 * torch.randn(n, channels, size, size, generator=g)
    return nn.functional.interpolate(coarse, size=(size, size), mode="bilinear") + fine


def tokens(length: int = 8, vocabulary: int = 100, n: int = 2) -> Tensor:
    g = torch.Generator().manual_seed(2)
    return torch.randint(3, vocabulary, (n, length), generator=g)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


class Only(nn.Module):
    """The net called by the names of its arguments; of what it returns, some entries: names, or positions."""

    def __init__(
        self, net: nn.Module, arguments: Sequence[str] = (), keep: Sequence[str | int] = (), **fixed: Any
    ) -> None:
        super().__init__()
        self.net, self.arguments, self.keep, self.fixed = net, tuple(arguments), tuple(keep), fixed

    def forward(self, *data: Tensor) -> Any:
        if self.arguments:
            y = self.net(**dict(zip(self.arguments, data, strict=True)), **self.fixed)
        else:
            y = self.net(*data, **self.fixed)
        if not self.keep:
            return y
        kept = tuple(y[k] if not isinstance(k, str) or isinstance(y, dict) else getattr(y, k) for k in self.keep)
        return kept[0] if len(kept) == 1 else kept
