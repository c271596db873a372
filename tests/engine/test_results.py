"""What a call hands over is the caller's own, and chunks are as large before a forward pass as after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import onnxplain as ox
from onnxplain.layers.shapes import stand_in
from onnxplain.methods import run
from onnxplain.methods.chunks import usual_sizes
from onnxplain.methods.run import Runner

from .build import Writer
from .models import CASES, loaded
from .passes import rows_of_passes

pytestmark = pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
WIDE = 64  # so many numbers that parts are handed over, not copied


def two_inputs() -> Any:
    w = Writer()
    w.node("Add", "a", "b", to="y")
    return w.model({"a": ("N", WIDE), "b": ("N", WIDE)}, {"y": ("N", WIDE)})


def test_inputs_that_share_relevance_share_no_memory() -> None:
    model, x = ox.load(two_inputs(), verify="never"), np.ones((200, WIDE), np.float32)
    e = ox.explain(model, {"a": x, "b": 2 * x}, "gradient", target=[1])
    before = e["b"].values.copy()
    e["a"].values[:] = 7
    np.testing.assert_array_equal(e["b"].values, before)
    assert not np.shares_memory(e["b"].values, e["b"].data)


@pytest.mark.parametrize("method", ["gradient", "lrp", "deeplift", "connection_weights"])
@pytest.mark.parametrize("name", ["linear", "mlp", "cnn"])
def test_what_is_written_to_a_result_changes_no_later_one(method: str, name: str) -> None:
    model, data = loaded(name, dtype="float32"), CASES[name].data(300)
    first, again = (ox.explain(model, data, method, target=[0, 1]) for _ in range(2))
    for e in (again, first):
        e.values[:] = np.nan
        for table in (e.predictions, e.goals, e.sums):
            next(iter(table.values()))[:] = np.nan
        third = ox.explain(model, data, method, target=[0, 1])
        assert np.isfinite(third.values).all()
        assert np.isfinite(next(iter(third.predictions.values()))).all()


@pytest.mark.parametrize("method", ["gradient", "lrp", "deeplift", "integrated_gradients", ox.DeepLift(rule="reveal_cancel")], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["mlp", "cnn", "residual", "products"])
def test_what_a_sample_takes_is_known_by_shapes_as_it_is_measured(
    method: Any, dtype: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, Any]] = []
    chunks = Runner._chunks

    def watched(self: Runner, pilot: Any, rows: int, n_targets: int) -> Any:
        if self.foreseen is not None:
            seen.append((self.foreseen[0], self._need(pilot, rows)))
        return chunks(self, pilot, rows, n_targets)

    monkeypatch.setattr(Runner, "_chunks", watched)
    ox.explain(loaded(name, dtype=dtype), CASES[name].data(4), method, target=[0])
    for before, after in seen:
        assert (before.row, before.target, before.out, before.weights) == (after.row, after.target, after.out, after.weights)
    assert seen or name != "mlp"


def test_more_targets_than_were_foreseen_are_walked_in_smaller_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of_passes(monkeypatch)
    monkeypatch.setattr(run, "expected", lambda target: 1)
    monkeypatch.setattr(run, "usual_sizes", usual_sizes.__wrapped__)  # which keeps none
    monkeypatch.setattr("onnxplain.methods.chunks.CACHED_BYTES", 2**15)
    monkeypatch.setattr("onnxplain.methods.chunks.PER_WEIGHT", 0)
    data = CASES["mlp"].data(500)
    e = ox.explain(loaded("mlp"), data, "gradient", target="all")
    assert rows[0] > max(rows[1:])
    assert sum(rows[1:]) == 500
    monkeypatch.undo()
    np.testing.assert_allclose(e.values, ox.explain(loaded("mlp"), data, "gradient", target="all").values, rtol=1e-10)


@pytest.mark.parametrize("method", ["gradient", "lrp", "deeplift"])
def test_one_target_is_what_it_is_beside_others(method: str) -> None:
    model, data = loaded("mlp", dtype="float64"), CASES["mlp"].data(5)
    one, two = (ox.explain(model, data, method, target=t) for t in ([1], [0, 1]))
    for mine, both in ((one.predictions, two.predictions), (one.goals, two.goals), (one.sums, two.sums)):
        for output, values in mine.items():
            assert values.shape == (5, 1)
            assert values.flags.writeable
            np.testing.assert_allclose(values[:, 0], both[output][:, 1], rtol=1e-10)
    (output,) = one.predictions
    tables = [one.predictions[output], one.goals[output], one.sums[output], one.values]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(tables) for b in tables[:i])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.bool], ids=str)
def test_what_remains_of_a_freed_value_is_its_shape(dtype: torch.dtype) -> None:
    x = torch.ones(3, 5, dtype=dtype)
    left = stand_in(x)
    assert (left.shape, left.dtype, left.device) == (x.shape, x.dtype, x.device)
    assert left.untyped_storage().nbytes() == x.element_size()
    assert not bool(left.any())
