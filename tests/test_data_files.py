"""Data files: every format gives the same arrays, and what cannot be read says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnxplain.cli.data_files import read_data
from onnxplain.cli.images import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from onnxplain.errors import InputError
from onnxplain.specs import Spec

ROWS = np.array([[1.5, -2.0, 3.0], [0.0, 4.25, -1.0]])


def specs(**shapes: Any) -> dict[str, Spec]:
    return {n: Spec(n, (None, *s), "float32") for n, s in shapes.items()}


def write_csv(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join(([header] if header else []) + rows) + "\n", encoding="utf-8")
    return path


def write_picture(path: Path, pixels: np.ndarray) -> Path:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def test_one_array_goes_to_the_only_input(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ROWS)
    np.testing.assert_array_equal(read_data(tmp_path / "x.npy", {}, specs(x=(3,)))["x"], ROWS)


def test_keys_of_an_npz_are_input_names_and_further_keys_are_left_alone(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", b=ROWS, a=ROWS[:, :1], truth=np.arange(2))
    data = read_data(tmp_path / "d.npz", {}, specs(a=(1,), b=(3,)))
    assert list(data) == ["a", "b"]
    np.testing.assert_array_equal(data["b"], ROWS)


@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("header", [True, False], ids=["header", "no header"])
def test_a_csv_gives_its_rows(tmp_path: Path, separator: str, header: bool) -> None:
    lines = [separator.join(str(v) for v in row) for row in ROWS]
    path = write_csv(tmp_path / "t.csv", separator.join(["p", "q", "r"]) if header else "", lines)
    np.testing.assert_array_equal(read_data(path, {}, specs(x=(3,)))["x"], ROWS)


def test_labelled_columns_are_taken_by_name_whatever_else_the_table_holds(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", "species,r,p,q", ["gull,3.0,1.5,-2.0", "tern,-1.0,0.0,4.25"])
    spec = Spec("x", (None, 3), "float32", labels={"feature": ("p", "q", "r")})
    np.testing.assert_array_equal(read_data(path, {}, {"x": spec})["x"], ROWS)


def test_columns_can_be_chosen(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", "species,r,p,q", ["gull,3.0,1.5,-2.0", "tern,-1.0,0.0,4.25"])
    got = read_data(path, {}, specs(x=(2,)), columns=["q", "p"])["x"]
    np.testing.assert_array_equal(got, ROWS[:, [1, 0]])


def test_a_parquet_file_reads_like_the_csv(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pd.DataFrame(ROWS, columns=["p", "q", "r"]).to_parquet(tmp_path / "t.parquet")
    np.testing.assert_array_equal(read_data(tmp_path / "t.parquet", {}, specs(x=(3,)))["x"], ROWS)


def test_several_inputs_take_one_column_each(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", "age,weight", ["20,61.5", "31,70.25"])
    inputs = {"weight": Spec("weight", (None, 1), "float32"), "age": Spec("age", (None, 1), "int64")}
    data = read_data(path, {}, inputs)
    np.testing.assert_array_equal(data["weight"], [[61.5], [70.25]])
    assert data["age"].dtype == np.int64 and data["age"].tolist() == [[20], [31]]


def test_each_input_may_have_its_own_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS)
    table = write_csv(tmp_path / "b.csv", "u", ["1", "2"])
    data = read_data(None, {"b": table, "a": tmp_path / "a.npy"}, specs(a=(3,), b=(1,)))
    np.testing.assert_array_equal(data["a"], ROWS)
    np.testing.assert_array_equal(data["b"], [[1], [2]])


def test_a_folder_of_files_named_like_the_inputs_feeds_each(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS)
    write_csv(tmp_path / "b.csv", "u", ["1", "2"])
    data = read_data(tmp_path, {}, specs(a=(3,), b=(1,)))
    np.testing.assert_array_equal(data["a"], ROWS)
    np.testing.assert_array_equal(data["b"], [[1], [2]])


def test_a_folder_of_one_kind_holds_further_samples_in_the_order_of_the_names(tmp_path: Path) -> None:
    np.save(tmp_path / "2.npy", ROWS[1:])
    np.save(tmp_path / "1.npy", ROWS[:1])
    (tmp_path / "notes.txt").write_text("not data")
    np.testing.assert_array_equal(read_data(tmp_path, {}, specs(x=(3,)))["x"], ROWS)


def test_pixels_are_scaled_then_centred(tmp_path: Path) -> None:
    pixels = np.arange(2 * 3 * 3).reshape(2, 3, 3) * 10
    path = write_picture(tmp_path / "p.png", pixels)
    got = read_data(path, {}, specs(x=(3, 2, 3)), Preprocess.parse("imagenet"))["x"]
    expected = ((pixels / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)).transpose(2, 0, 1)[None]
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    custom = read_data(path, {}, specs(x=(3, 2, 3)), Preprocess.parse("signed,mean=0.5:0:0,std=2,bgr,invert"))["x"]
    flipped = (255 - pixels[..., ::-1]) * 2 / 255 - 1
    np.testing.assert_allclose(custom, ((flipped - np.array([0.5, 0, 0])) / 2).transpose(2, 0, 1)[None], rtol=1e-12)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((3, 4, 6), (1, 3, 4, 6)), ((4, 6, 3), (1, 4, 6, 3)), ((1, 4, 6), (1, 1, 4, 6)), ((4, 6), (1, 4, 6))],
    ids=["channels first", "channels last", "grey", "no channel axis"],
)
def test_a_picture_takes_the_shape_that_the_input_has(
    tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    path = write_picture(tmp_path / "p.png", np.full((8, 8, 3), 51))
    got = read_data(path, {}, specs(x=shape), Preprocess.parse("0-1"))["x"]
    assert got.shape == expected
    np.testing.assert_allclose(got, 0.2, rtol=1e-12)


def test_crop_keeps_the_middle_and_stretching_does_not(tmp_path: Path) -> None:
    pixels = np.zeros((4, 12, 3))
    pixels[:, 4:8] = 255
    path = write_picture(tmp_path / "p.png", pixels)
    free = {"x": Spec("x", (None, 3, None, None), "float32")}
    assert float(read_data(path, {}, free, Preprocess.parse("0-1,size=4,crop"))["x"].mean()) == 1
    assert read_data(path, {}, free, Preprocess.parse("0-1,size=4"))["x"].mean() < 0.7


def test_a_folder_of_pictures_is_a_batch(tmp_path: Path) -> None:
    for i in range(3):
        write_picture(tmp_path / f"{i}.png", np.full((4, 4, 3), i))
    got = read_data(tmp_path, {}, specs(x=(3, 4, 4)), Preprocess.parse("0-255"))["x"]
    np.testing.assert_array_equal(got[:, 0, 0, 0], [0, 1, 2])


def test_pixels_stay_integers_where_the_input_takes_integers(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "p.png", np.full((4, 4, 3), 7))
    spec = Spec("x", (1, 4, 4, 3), "uint8")
    got = read_data(path, {}, {"x": spec}, Preprocess.parse("0-255"))["x"]
    assert got.dtype == np.uint8 and got.shape == (1, 4, 4, 3) and int(got.max()) == 7


def _nothing(folder: Path) -> Path:
    return folder / "none.npy"


def _not_an_array(folder: Path) -> Path:
    (folder / "bad.npy").write_bytes(b"\x93NUMPY broken")
    return folder / "bad.npy"


def _pickle(folder: Path) -> Path:
    np.save(folder / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return folder / "objects.npy"


def _not_a_zip(folder: Path) -> Path:
    (folder / "bad.npz").write_bytes(b"PK\x03\x04 and no more")
    return folder / "bad.npz"


def _text(folder: Path) -> Path:
    return write_csv(folder / "t.csv", "p,q,r", ["1,2,3", "1,two,3"])


def _ragged(folder: Path) -> Path:
    return write_csv(folder / "t.csv", "p,q,r", ["1,2,3", "1,2"])


def _header_only(folder: Path) -> Path:
    return write_csv(folder / "t.csv", "p,q,r", [])


def _unknown_kind(folder: Path) -> Path:
    (folder / "x.mat").write_bytes(b"")
    return folder / "x.mat"


def _unprepared_picture(folder: Path) -> Path:
    return write_picture(folder / "p.png", np.zeros((2, 2, 3)))


def _empty_folder(folder: Path) -> Path:
    return folder


def _mixed_folder(folder: Path) -> Path:
    np.save(folder / "1.npy", ROWS)
    write_csv(folder / "2.csv", "p,q,r", ["1,2,3"])
    return folder


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_nothing, "there is no file"),
        (_not_an_array, "not a readable .npy"),
        (_pickle, "not a readable .npy"),
        (_not_a_zip, "not a readable .npz"),
        (_text, r"row 1, column 'q' holds 'two'"),
        (_ragged, "line 3 has 2 cells, the first 3"),
        (_header_only, "no rows"),
        (_unknown_kind, ".mat is no data format"),
        (_unprepared_picture, "needs --preprocess"),
        (_empty_folder, "is empty"),
        (_mixed_folder, "kinds .csv, .npy"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_data(make(tmp_path), {}, specs(x=(3,)))


@pytest.mark.parametrize("word", ["sepia", "mean=a", "size=0", "std=0", "imagenet,std=1:2"])
def test_a_preprocessing_that_means_nothing_is_refused(tmp_path: Path, word: str) -> None:
    path = write_picture(tmp_path / "p.png", np.zeros((2, 2, 3)))
    with pytest.raises(InputError, match="--preprocess"):
        read_data(path, {}, specs(x=(3, 2, 2)), Preprocess.parse(word))


def test_missing_and_unknown_inputs_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=ROWS)
    with pytest.raises(InputError, match=r"no \['b'\]"):
        read_data(tmp_path / "d.npz", {}, specs(a=(3,), b=(3,)))
    with pytest.raises(InputError, match=r"--input names \['c'\]"):
        read_data(None, {"c": tmp_path / "d.npz"}, specs(a=(3,), b=(3,)))
    with pytest.raises(InputError, match=r"no data for inputs \['a', 'b'\]"):
        read_data(None, {}, specs(a=(3,), b=(3,)))
