"""Explanations in files: everything comes back, nothing is half-written, nothing damaged or foreign is believed."""

from __future__ import annotations

import datetime
import json
import os
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from onnxplain.errors import InputError, MissingDependencyError
from onnxplain.explanation import Attribution, Explanation
from onnxplain.result import storage
from onnxplain.result.optional import optional

from .explanations import AUDIT, explanation, many, numbers, one

ENDINGS = [
    ".npz",
    ".nc",
    pytest.param(".zarr", marks=pytest.mark.skipif(optional("zarr") is None, reason="zarr is not installed")),
]


DATA = (
    np.array([[True, False], [False, True]]),
    np.array([[1, -(2**62)], [3, 4]]),
    np.array([["a", "/"], ["", "é"]]),
    np.array([["2020-01-01", "NaT"]] * 2, dtype="datetime64[D]"),
    np.array([["a", None], [1, 2.5]], dtype=object),
)


def same_array(a: np.ndarray, b: np.ndarray) -> None:
    assert a.dtype == b.dtype and a.shape == b.shape
    np.testing.assert_array_equal(a, b)


def same(a: Explanation, b: Explanation) -> None:
    for name in ("method", "complete", "model", "notes", "rules", "target_labels"):
        assert getattr(a, name) == getattr(b, name), name
    for name in ("predictions", "goals", "sums", "target_units"):
        assert list(getattr(a, name)) == list(getattr(b, name))
        for out, values in getattr(a, name).items():
            same_array(np.asarray(values), getattr(b, name)[out])
    for name in ("attributions", "layer_attributions"):
        assert list(getattr(a, name)) == list(getattr(b, name))
        for key, x in getattr(a, name).items():
            y = getattr(b, name)[key]
            assert (x.dims, x.labels, x.input, x.output, x.connected) == (
                y.dims,
                y.labels,
                y.input,
                y.output,
                y.connected,
            )
            same_array(x.values, y.values)
            assert (x.data is None) == (y.data is None)
            if x.data is not None:
                same_array(x.data, y.data)


@pytest.mark.parametrize("ending", ENDINGS)
def test_everything_comes_back(tmp_path, ending):
    e = many()
    e.save(tmp_path / f"x{ending}")
    back = Explanation.load(tmp_path / f"x{ending}")
    same(e, back)
    back.check()
    assert os.listdir(tmp_path) == [f"x{ending}"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_names_may_hold_any_character(tmp_path, ending):
    names = ["a/b/c:0", "..", "", "é 名 \n\t\"'\\", "x" * 300, "bad\udcff", "array_0", "header"]
    parts = [
        Attribution(numbers(2, 2, 1), ("sample", "an/axis", "target"), {"an/axis": ("/", "")}, n, "out:0")
        for n in names
    ]
    e = explanation(parts, {"out:0": ("<b>&\x00",)}, notes=("\u2028",), model="m/n.onnx")
    e.save(tmp_path / f"x{ending}")
    same(e, Explanation.load(tmp_path / f"x{ending}"))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_type_of_the_numbers_comes_back(tmp_path, ending, dtype):
    values = np.array([[[1.5], [-np.inf]], [[np.nan], [0.1]]], dtype=dtype)
    for data in DATA:
        a = Attribution(values, ("sample", "feature", "target"), {}, "x", "y", data=data)
        e = explanation([a], {"y": ("cat",)})
        e.save(tmp_path / f"x{ending}")
        same(e, Explanation.load(tmp_path / f"x{ending}"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_labels_of_many_kinds_come_back(tmp_path, ending):
    labels = (
        "a",
        1,
        2.5,
        None,
        True,
        ("x", 3),
        datetime.date(2020, 1, 2),
        datetime.datetime(2020, 1, 2, 3, 4),
        np.int64(7),
    )
    dates = tuple(np.array(["2020-01-01", "2021-05-06T07"], dtype="datetime64[h]"))
    a = Attribution(numbers(2, 9, 1), ("sample", "feature", "target"), {"feature": labels, "sample": dates}, "x", "y")
    explanation([a], {"y": ("cat",)}).save(tmp_path / f"x{ending}")
    assert Explanation.load(tmp_path / f"x{ending}")["x"].labels == a.labels


def test_a_label_that_cannot_come_back_is_an_error_and_writes_nothing(tmp_path):
    a = Attribution(numbers(1, 1, 1), ("sample", "feature", "target"), {"feature": (object(),)}, "x", "y")
    with pytest.raises(InputError, match="cannot save the label <object"):
        explanation([a], {"y": ("cat",)}).save(tmp_path / "x.npz")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_samples_no_places_and_no_axes_come_back(tmp_path, ending):
    parts = [Attribution(np.zeros((0, 3, 1)), ("sample", "feature", "target"), {}, "x", "y")]
    parts += [Attribution(np.zeros((0, 1)), ("sample", "target"), {}, "w", "y", data=np.zeros(0))]
    e = explanation(parts, {"y": ("cat",)})
    e.save(tmp_path / f"x{ending}")
    same(e, Explanation.load(tmp_path / f"x{ending}"))


def test_the_audit_is_kept_if_it_was_computed(tmp_path):
    def compute():
        return [{**row, "share_lost": np.float32(row["share_lost"])} for row in AUDIT]

    e = many(audit_source=compute)
    e.save(tmp_path / "without.npz")
    e.audit()
    e.save(tmp_path / "with.npz")
    assert Explanation.load(tmp_path / "without.npz").audit_source is None
    with pytest.raises(InputError, match="call audit\\(\\), then save"):
        Explanation.load(tmp_path / "without.npz").audit()
    back = Explanation.load(tmp_path / "with.npz")
    assert back.audit().equals(e.audit().astype({"share_lost": "float64"}))
    back.save(tmp_path / "again.nc")
    assert Explanation.load(tmp_path / "again.nc").audit_rows == back.audit_rows


def test_a_loaded_explanation_can_be_pickled(tmp_path):
    e = many()
    e.audit()
    e.save(tmp_path / "x.npz")
    same(e, pickle.loads(pickle.dumps(Explanation.load(tmp_path / "x.npz"))))


@pytest.mark.parametrize("ending", ENDINGS)
def test_saving_replaces_what_was_saved_before(tmp_path, ending):
    path = tmp_path / f"x{ending}"
    many().save(path)
    one().save(str(path))
    same(one(), Explanation.load(str(path)))
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", [".npz", ".nc"])
def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, ending):
    path = tmp_path / f"x{ending}"
    one().save(path)

    def fail(target: Path, arrays, titles) -> None:
        target.write_bytes(b"half")
        raise RuntimeError("disk on fire")

    monkeypatch.setitem(storage.BACKENDS, ending, storage.Backend(fail, storage.BACKENDS[ending].read))
    with pytest.raises(RuntimeError, match="disk on fire"):
        many().save(path)
    monkeypatch.undo()
    same(one(), Explanation.load(path))
    assert os.listdir(tmp_path) == [path.name]


def test_a_folder_with_other_things_is_not_replaced(tmp_path):
    folder = tmp_path / "mine.zarr"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="other things in it"):
        one().save(folder)
    assert (folder / "letter.txt").read_text() == "dear"


def test_a_folder_that_does_not_exist_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot write"):
        one().save(tmp_path / "no" / "x.npz")
    with pytest.raises(InputError, match="no file"):
        Explanation.load(tmp_path / "x.npz")


@pytest.mark.parametrize("name", ["x.pkl", "x", "x.npy"])
def test_another_ending_is_an_error_that_lists_the_formats(tmp_path, name):
    with pytest.raises(InputError, match=r"\.npz, \.nc, \.zarr"):
        one().save(tmp_path / name)
    with pytest.raises(InputError, match=r"\.npz, \.nc, \.zarr"):
        Explanation.load(tmp_path / name)


@pytest.mark.parametrize("ending", [".npz", ".nc"])
def test_a_file_cut_anywhere_is_an_input_error(tmp_path, ending):
    path = tmp_path / f"x{ending}"
    one().save(path)
    whole = path.read_bytes()
    for share in (0.0, 0.01, 0.3, 0.6, 0.9, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputError, match="damaged"):
            Explanation.load(path)


@pytest.mark.parametrize("ending", [".npz", ".nc"])
def test_a_file_that_holds_something_else_is_an_input_error(tmp_path, ending):
    path = tmp_path / f"x{ending}"
    path.write_bytes(b"not at all")
    with pytest.raises(InputError, match="damaged"):
        Explanation.load(path)
    with open(tmp_path / "arrays.npz", "wb") as file:
        np.savez(file, a=np.zeros(3))
    with pytest.raises(InputError, match="not a saved explanation"):
        Explanation.load(tmp_path / "arrays.npz")


def changed(path: Path, change) -> None:
    """Rewrites the header of a saved .npz."""
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    change(header)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    with open(path, "wb") as file:
        np.savez(file, **arrays)


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.update(format="something"),
        lambda h: h.update(version=99),
        lambda h: h.pop("method"),
        lambda h: h["attributions"][0][2].update(dims=["sample", "target"]),
        lambda h: h["attributions"][0][2]["values"].update(shape=[5, 5, 5]),
        lambda h: h["attributions"][0][2]["values"].update(array="array_99"),
        lambda h: h["attributions"][0][2]["labels"].update(feature=[{"python": "os.system"}] * 4),
        lambda h: h.update(attributions=7),
    ],
)
def test_a_header_that_does_not_fit_is_an_input_error(tmp_path, change):
    path = tmp_path / "x.npz"
    one().save(path)
    same(one(), Explanation.load(path))
    changed(path, change)
    with pytest.raises(InputError, match="x.npz"):
        Explanation.load(path)


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    path = tmp_path / "x.npz"
    one().save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["array_0"] = np.array([Trap()], dtype=object)
    with open(path, "wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(InputError, match="damaged"):
        Explanation.load(path)
    assert not (tmp_path / "sprung").exists()


def test_a_saved_archive_holds_plain_arrays_only(tmp_path):
    many().save(tmp_path / "x.npz")
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        assert archive.testzip() is None
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiu" for name in arrays.files)


@pytest.mark.skipif(optional("h5netcdf") is None or optional("h5py") is None, reason="h5netcdf is not installed")
@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_either_netcdf_library_reads_what_the_other_wrote(tmp_path, monkeypatch, engine):
    one().save(tmp_path / "x.nc")
    monkeypatch.setattr(storage, "_nc_engine", lambda: engine)
    same(one(), Explanation.load(tmp_path / "x.nc"))
    many().save(tmp_path / "y.nc")
    monkeypatch.undo()
    same(many(), Explanation.load(tmp_path / "y.nc"))


def test_netcdf_without_a_library_names_the_extra(tmp_path, monkeypatch):
    one().save(tmp_path / "x.nc")
    for module in ("h5netcdf", "netCDF4"):
        monkeypatch.setitem(sys.modules, module, None)
    for act in (lambda: one().save(tmp_path / "y.nc"), lambda: Explanation.load(tmp_path / "x.nc")):
        with pytest.raises(MissingDependencyError, match=r'pip install "onnxplain\[tables\]"'):
            act()
    assert os.listdir(tmp_path) == ["x.nc"]


def test_a_foreign_reader_finds_titles_in_the_netcdf_file(tmp_path):
    import xarray

    e = one()
    e.save(tmp_path / "x.nc")
    with xarray.open_dataset(tmp_path / "x.nc") as data:
        titles = {v.attrs["long_name"]: v.values for v in data.variables.values()}
    np.testing.assert_array_equal(titles["attribution table -> y (sample, feature, target)"], e.values)
