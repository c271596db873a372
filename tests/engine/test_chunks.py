"""Chunks, batch mates, threads and earlier calls change nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import onnxplain as ox

from .models import CASES, loaded
from .oracle import close
from .passes import rows_of_passes
from .table import METHODS, PAIRS, RANDOM, arrays

N = 5
pytestmark = pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")


def explain(method: str, name: str, data: Any = None, **options: Any) -> dict[Any, np.ndarray]:
    data = CASES[name].data(N) if data is None else data
    given = {"target": "all", "seed": 11, **options}
    return arrays(ox.explain(loaded(name), data, METHODS[method](name), **given))


def same(actual: dict[Any, np.ndarray], expected: dict[Any, np.ndarray], rtol: float = 1e-12) -> None:
    assert actual.keys() == expected.keys()
    floor = 0.1 * max(float(np.abs(np.nan_to_num(v)).max()) for v in expected.values())
    for key, b in expected.items():
        a = actual[key]
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        close(np.nan_to_num(a), np.nan_to_num(b), rtol, floor)


def row(case: Any, data: dict[str, np.ndarray], i: int) -> dict[str, np.ndarray]:
    out = {}
    for n, x in data.items():
        axis = case.options.get("batch_axis", {}).get(n, 0)
        out[n] = x if n in case.shared else np.take(x, [i], axis)
    return out


@pytest.mark.parametrize(("method", "name"), PAIRS)
def test_chunks_of_any_size_and_memory_give_the_same_numbers(method: str, name: str) -> None:
    whole = explain(method, name)
    for options in (
        {"chunk_size": 1},
        {"chunk_size": 2},
        {"chunk_size": (3, 1)},
        {"chunk_size": (2, 2)},
        {"max_memory": "60kB"},
    ):
        same(explain(method, name, **options), whole)


@pytest.mark.parametrize(("method", "name"), PAIRS)
def test_all_targets_at_once_equal_one_at_a_time(method: str, name: str) -> None:
    together = ox.explain(loaded(name), CASES[name].data(N), METHODS[method](name), target="all", seed=11)
    for pair, a in together.attributions.items():
        for k in (0, a.values.shape[-1] - 1):
            alone = ox.explain(loaded(name), CASES[name].data(N), METHODS[method](name), target={pair[1]: k}, seed=11)
            close(a.values[..., k : k + 1], alone.attributions[pair].values, 1e-12, 0.1)
            np.testing.assert_allclose(
                together.goals[pair[1]][:, k], alone.goals[pair[1]][:, 0], rtol=1e-12, atol=1e-14
            )


@pytest.mark.parametrize(("method", "name"), [p for p in PAIRS if p[0] not in RANDOM and not p[0].startswith("smooth")])
def test_a_sample_does_not_depend_on_its_batch_mates(method: str, name: str) -> None:
    case, data = CASES[name], CASES[name].data(N)
    whole = explain(method, name, data)
    for i in (0, 3):
        alone = explain(method, name, row(case, data, i))
        same(alone, {k: v[i : i + 1] if len(v) == N else v for k, v in whole.items()})


@pytest.mark.parametrize("method", RANDOM)
def test_the_first_sample_draws_the_same_numbers_whatever_comes_after_it(method: str) -> None:
    data = CASES["branches"].data(N)
    whole = explain(method, "branches", data)
    alone = explain(method, "branches", row(CASES["branches"], data, 0))
    same(alone, {k: v[:1] for k, v in whole.items()})


@pytest.mark.parametrize(
    "method", ["gradient", "lrp", "lrp_shared_pooling", "deeplift", "deepshap", "connection_weights"]
)
def test_ties_in_max_pooling_are_decided_within_each_sample(method: str) -> None:
    data = CASES["max_pool_ties"].data(3)["x"]
    data[0], data[1, :, :2] = 0.5, 1.0
    whole = explain(method, "max_pool_ties", {"x": data})
    for i in range(3):
        same(explain(method, "max_pool_ties", {"x": data[i : i + 1]}), {k: v[i : i + 1] for k, v in whole.items()})


@pytest.mark.parametrize("method", RANDOM)
def test_a_seed_reproduces_and_another_seed_does_not(method: str) -> None:
    first, again, other = (explain(method, "cnn", seed=s) for s in (3, 3, 4))
    key = ("x", "y")
    np.testing.assert_array_equal(first[key], again[key])
    assert np.abs(first[key] - other[key]).max() > 1e-6 * np.abs(first[key]).max()


@pytest.mark.parametrize("method", RANDOM)
def test_without_a_seed_each_call_draws_anew(method: str) -> None:
    first, *others = (explain(method, "cnn", seed=None)["x", "y"] for _ in range(4))  # three references of nine may be the same
    assert max(np.abs(first - other).max() for other in others) > 0


def test_random_methods_leave_global_generators_alone() -> None:
    import torch

    np.random.seed(0)
    torch.manual_seed(0)
    before = np.random.get_state()[1].copy(), torch.get_rng_state().clone()
    for method in RANDOM:
        explain(method, "mlp")
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_threads_do_not_disturb_each_other() -> None:
    names = ["cnn", "attention", "embedding"]
    jobs = [(m, n) for n in names for m in ("lrp", "deepshap", "smoothgrad", "integrated_gradients")] * 2
    expected = {j: explain(*j) for j in set(jobs)}
    with ThreadPoolExecutor(4) as pool:
        for job, result in zip(jobs, pool.map(lambda j: explain(*j), jobs), strict=True):
            same(result, expected[job], 0)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_remembered_between_calls(method: str) -> None:
    first = explain(method, "cnn")
    explain(method, "cnn", CASES["cnn"].data(2, seed=9, scale=30.0), target=1)
    explain("lrp", "cnn", layers=["pooled"])
    same(explain(method, "cnn"), first, 0)


@pytest.mark.parametrize("method", ["gradient", "lrp", "deeplift", "deepshap", "smoothgrad"])
def test_the_users_data_are_never_written_to(method: str) -> None:
    data = CASES["branches"].data(3)
    before = {n: x.copy() for n, x in data.items()}
    for x in data.values():
        x.flags.writeable = False
    e = ox.explain(loaded("branches"), data, METHODS[method]("branches"))
    for a in e.attributions.values():
        a.values[...] = 0  # results belong to the user and share nothing with the data
    for n, x in data.items():
        np.testing.assert_array_equal(x, before[n])


@pytest.mark.parametrize(
    ("method", "name"), [p for p in PAIRS if p[1] in ("cnn", "attention", "branches", "embedding")]
)
def test_single_precision_is_near_double_precision(method: str, name: str) -> None:
    data = {n: x.astype(np.float32) if x.dtype.kind == "f" else x for n, x in CASES[name].data(N).items()}
    single = ox.explain(loaded(name, "float32"), data, METHODS[method](name), target="all", seed=11)
    double = ox.explain(loaded(name), data, METHODS[method](name), target="all", seed=11)
    for pair, a in single.attributions.items():
        assert a.values.dtype == np.float32
        close(a.values, double.attributions[pair].values, 2e-3 if "alpha" in method else 2e-4, 0.01)


def test_every_form_of_data_gives_the_same_numbers() -> None:
    import pandas as pd
    import torch

    x = CASES["mlp"].data(N)["x"]
    expected = ox.explain(loaded("mlp"), x, "lrp").values
    frame = pd.DataFrame(x, columns=list("abcdef"))
    for data in (
        x.tolist(),
        {"x": x},
        (x,),
        torch.from_numpy(x),
        frame,
        np.asfortranarray(x),
        torch.from_numpy(x).requires_grad_(),
    ):
        close(ox.explain(loaded("mlp"), data, "lrp").values, expected, 1e-14)
    assert ox.explain(loaded("mlp"), frame, "lrp")["x"].labels["feature"] == tuple("abcdef")
    whole = (x * 4).round()
    close(
        ox.explain(loaded("mlp"), whole.astype(int).tolist(), "lrp").values,
        ox.explain(loaded("mlp"), whole, "lrp").values,
    )


def test_columns_of_a_table_are_put_into_the_order_of_the_labels() -> None:
    import pandas as pd

    x = CASES["mlp"].data(N)["x"]
    model = ox.load(CASES["mlp"].proto(), input_labels=list("abcdef"), dtype="float64", verify="never")
    shuffled = pd.DataFrame(x, columns=list("abcdef"))[list("fbdace")]
    close(ox.explain(model, shuffled, "gradient").values, ox.explain(loaded("mlp"), x, "gradient").values)
    with pytest.raises(ox.InputError, match="columns.*not the features"):
        ox.explain(model, pd.DataFrame(x, columns=list("uvwxyz")), "gradient")


@pytest.mark.parametrize(("asked", "rows"), [(2, [2, 2, 1]), ((3, 1), [3, 2])])
def test_chunks_have_the_size_asked_for_from_the_first_on(asked: Any, rows: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = rows_of_passes(monkeypatch)
    explain("deeplift", "cnn", chunk_size=asked)
    assert seen == rows
