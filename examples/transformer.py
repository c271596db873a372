"""Which tokens made up a transformer's mind: AttnLRP and CP-LRP on an encoder that was taught a rule.

The classes are "more a than b", "as many" and "more b than a"; c, d and e say nothing. The encoder is trained in torch,
exported in memory with LayerNorm and gelu written out, and put together again when it is loaded.

    python examples/transformer.py
"""

from __future__ import annotations

import io
import warnings

import torch
from torch import Tensor, nn

import onnxplain as ox

torch.manual_seed(0)
WORDS, LENGTH, WIDTH = "abcde", 8, 16
CLASSES = ("more a", "as many", "more b")


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(len(WORDS), WIDTH), nn.Parameter(torch.zeros(1, LENGTH, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, len(CLASSES))

    def forward(self, ids: Tensor) -> Tensor:
        h = self.encoder(self.words(ids) + self.places)
        return torch.softmax(self.head(self.norm(h).mean(1)), -1)


def truth(ids: Tensor) -> Tensor:
    return 1 - torch.sign((ids == 0).sum(1) - (ids == 1).sum(1))


net = Encoder()
optimizer = torch.optim.Adam(net.parameters(), 1e-2)
for _ in range(150):
    ids = torch.randint(len(WORDS), (128, LENGTH))
    loss = nn.functional.nll_loss(net(ids).log(), truth(ids))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

file, sample = io.BytesIO(), torch.tensor([[0, 2, 0, 3, 1, 4, 0, 2], [1, 3, 4, 1, 2, 0, 3, 4], [4, 0, 2, 1, 3, 3, 2, 4]])
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch.onnx.export(
        net.eval(), (sample,), file, dynamo=False, opset_version=16, input_names=["ids"], dynamic_axes={"ids": {0: "n"}}
    )

model = ox.load(file.getvalue(), dtype="float64", output_labels=CLASSES)
operators = [n.op for n in model.graph.nodes]
print(f"{len(model.raw.nodes)} nodes were exported, {len(operators)} are explained:")
print(", ".join(f"{operators.count(op)} {op}" for op in ("LayerNormalization", "Gelu", "Softmax")), "\n")

(scores,) = model.predict(sample.numpy()).values()
for composite in (ox.AttnLRP(), ox.CPLRP()):
    e = ox.explain(model, sample.numpy(), ox.LRP(composite))
    print(composite)
    for s, ids in enumerate(sample):
        words = "  ".join(f"{WORDS[i]} {r:+6.2f}" for i, r in zip(ids, e.values[s, :, 0], strict=True))
        print(f"  {CLASSES[scores[s].argmax()]:8s}{words}")
    lost: dict[str, float] = {}
    for row in e.audit_rows:
        lost[row["operator"]] = lost.get(row["operator"], 0.0) + abs(row["lost"])
    worst = sorted(lost, key=lambda op: -lost[op])[:3]
    print("  most relevance was lost in", ", ".join(f"{op} ({lost[op]:.2f})" for op in worst), "\n")
