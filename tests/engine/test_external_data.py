"""Weights in files beside the model are read from inside its folder, and from nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, external_data_helper

import onnxplain as ox

from .models import CASES, mlp
from .variants import copied, weights_as_constant_nodes

X = CASES["mlp"].data()["x"]


def saved(folder: Path, proto: ModelProto | None = None, location: str = "weights.bin") -> Path:
    path = folder / "model.onnx"
    out = copied(proto or mlp())
    external_data_helper.convert_model_to_external_data(
        out, all_tensors_to_one_file=True, location=location, size_threshold=0, convert_attribute=True
    )
    onnx.save_model(out, path)
    return path


def pointed(path: Path, **entries: str) -> Path:
    """The model with entries of its first weight's external data changed."""
    proto = onnx.load_model(path, load_external_data=False)
    t = proto.graph.initializer[0]
    kept = {e.key: e.value for e in t.external_data} | entries
    del t.external_data[:]
    for k, v in kept.items():
        t.external_data.add(key=k, value=v)
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.mark.parametrize(
    "make", [mlp, lambda: weights_as_constant_nodes(mlp())], ids=["initializers", "constant nodes"]
)
@pytest.mark.parametrize("location", ["weights.bin", "deeper/weights.bin", "with blank and ü"])
def test_weights_beside_the_model_are_read(tmp_path: Path, make: object, location: str) -> None:
    (tmp_path / "deeper").mkdir()
    path = saved(tmp_path, make(), location)  # type: ignore[operator]
    np.testing.assert_array_equal(ox.load(path, verify="never").predict(X)["y"], ox.load(mlp()).predict(X)["y"])


def test_a_model_with_external_weights_is_verified(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    ox.load(saved(tmp_path), verify="always")
    assert not [w for w in recwarn if "not verified" in str(w.message)]


def test_the_folder_itself_may_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    saved(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    assert ox.load(tmp_path / "link" / "model.onnx").predict(X)["y"].shape == (3, 3)


def test_a_path_relative_to_the_current_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert ox.load("model.onnx").predict(X)["y"].shape == (3, 3)


@pytest.mark.parametrize("kind", ["absolute", "parent", "parent through a folder", "link", "link to a folder"])
def test_weights_outside_the_folder_are_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "inside"
    (folder / "sub").mkdir(parents=True)
    path = saved(folder)
    secret = tmp_path / "secret.bin"
    secret.write_bytes((folder / "weights.bin").read_bytes())
    if kind == "link":
        (folder / "weights.bin").unlink()
        (folder / "weights.bin").symlink_to(secret)
        location = "weights.bin"
    elif kind == "link to a folder":
        (folder / "out").symlink_to(tmp_path, target_is_directory=True)
        location = "out/secret.bin"
    else:
        location = {
            "absolute": str(secret),
            "parent": "../secret.bin",
            "parent through a folder": "sub/../../secret.bin",
        }[kind]
    with pytest.raises(ox.ModelError, match="outside the model's own folder"):
        ox.load(pointed(path, location=location))


def test_a_missing_file_of_weights_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ox.ModelError, match=r"'c0'.*'weights.bin'"):
        ox.load(path)


def test_a_truncated_file_of_weights_is_named_with_its_sizes(tmp_path: Path) -> None:
    path = saved(tmp_path)
    content = (tmp_path / "weights.bin").read_bytes()
    (tmp_path / "weights.bin").write_bytes(content[: len(content) // 2])
    with pytest.raises(ox.ModelError, match=rf"which has {len(content) // 2}: truncated"):
        ox.load(path)


@pytest.mark.parametrize(
    "entries",
    [
        {"length": "4"},
        {"length": "100000"},
        {"length": "-8"},
        {"offset": "-4"},
        {"offset": "99999999999999999999"},
        {"offset": "1e3"},
        {"length": "many"},
        {"location": ""},
        {"location": "."},
        {"location": "null\0byte"},
        {"location": "x" * 5000},
    ],
    ids=str,
)
def test_nonsense_about_where_weights_lie_is_a_model_error(tmp_path: Path, entries: dict[str, str]) -> None:
    with pytest.raises(ox.ModelError, match="c0"):
        ox.load(pointed(saved(tmp_path), **entries))


def test_external_weights_need_a_path(tmp_path: Path) -> None:
    path = saved(tmp_path)
    for source in (path.read_bytes(), onnx.load_model(path, load_external_data=False)):
        with pytest.raises(ox.ModelError, match="from its path"):
            ox.load(source)


def test_a_weight_whose_size_and_shape_disagree_is_a_model_error(tmp_path: Path) -> None:
    proto = mlp()
    proto.graph.initializer[0].dims[0] = 10**9
    with pytest.raises(ox.ModelError, match="c0"):
        ox.load(proto)
    path = saved(tmp_path)
    stored = onnx.load_model(path, load_external_data=False)
    stored.graph.initializer[0].dims[0] = 10**9
    path.write_bytes(stored.SerializeToString())
    with pytest.raises(ox.ModelError, match="c0"):
        ox.load(path)
