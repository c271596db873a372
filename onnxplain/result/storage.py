"""Explanations in files: a JSON header and plain numeric arrays, in .npz, .nc (netCDF4) or .zarr. Nothing is pickled.

Names, labels and texts live in the header, so they may hold any character; arrays are called `array_0`, `array_1`, …
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, MissingDependencyError
from .attribution import Attribution
from .files import appearing
from .labels import pack_label, unpack_label
from .optional import optional, require

if TYPE_CHECKING:
    from ..explanation import Explanation

FORMAT, VERSION = "onnxplain.explanation", 1
TABLES = ("predictions", "goals", "sums", "target_units")
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Backend:
    write: Callable[[Path, Arrays, dict[str, str]], None]
    read: Callable[[Path], Arrays]


def save(e: Explanation, path: str | Path) -> None:
    file, backend = _backend(path)
    arrays: Arrays = {}
    titles: dict[str, str] = {}
    header = _header(e, arrays, titles)
    try:
        text = json.dumps(header, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"cannot save this explanation: {error}") from error
    # surrogatepass: names that came from undecodable bytes survive too.
    arrays["header"] = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    with appearing(file) as fresh:
        backend.write(fresh, arrays, titles)


def load(path: str | Path) -> dict[str, Any]:
    """The keyword arguments of the saved Explanation, and its audit rows (or None) as `audit_rows`."""
    file, backend = _backend(path)
    if not file.exists():
        raise InputError(f"no file {str(file)!r}")
    with _blaming(file):
        arrays = backend.read(file)
        header = json.loads(arrays.pop("header").astype(np.uint8).tobytes().decode("utf-8", "surrogatepass"))
        found, number = header["format"], int(header["version"])
    if found != FORMAT:
        raise InputError(f"{file} holds {found!r}, not an explanation")
    if number > VERSION:
        raise InputError(
            f"{file} was saved in version {number} of the format, this onnxplain reads up to {VERSION}: upgrade it"
        )
    with _blaming(file):
        return _fields(header, arrays)


@contextmanager
def _blaming(file: Path) -> Iterator[None]:
    """A damaged file fails in the reader's own ways; all of them become an `InputError` that names the file."""
    try:
        yield
    except MissingDependencyError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".strip()
        raise InputError(f"{file} is not a saved explanation, or is damaged ({reason})") from error


def _header(e: Explanation, arrays: Arrays, titles: dict[str, str]) -> dict[str, Any]:
    """Everything but the numbers; the numbers go into `arrays`, what each of them is, for a reader, into `titles`."""

    def put(values: Any, title: str) -> dict[str, Any]:
        name, values = f"array_{len(arrays)}", np.asarray(values)
        entry = {"array": name, "dtype": values.dtype.str, "shape": list(values.shape)}
        if values.dtype.kind in "OUS":
            return {"texts": [pack_label(v) for v in values.ravel().tolist()], **entry}
        # netCDF knows no float16, no booleans and no dates.
        wide = {"f2": np.float32, "b1": np.uint8}.get(values.dtype.str[1:])
        titles[name] = title.encode("utf-8", "replace").decode("utf-8")
        arrays[name] = values.view(np.int64) if values.dtype.kind in "mM" else values.astype(wide or values.dtype)
        return entry

    def attribution(a: Attribution) -> dict[str, Any]:
        counted = {d: tuple(range(n)) for d, n in zip(a.dims, a.shape, strict=True)}
        labels = {d: [pack_label(v) for v in vs] for d, vs in a.labels.items() if vs != counted[d]}
        title = f"{a.input} -> {a.output} ({', '.join(a.dims)})"
        data = None if a.data is None else put(a.data, f"data of {a.input} ({', '.join(a.dims[:-1])})")
        about = {"input": a.input, "output": a.output, "connected": a.connected, "dims": a.dims, "labels": labels}
        return {**about, "values": put(a.values, f"attribution {title}"), "data": data}

    return {
        "format": FORMAT,
        "version": VERSION,
        "model": e.model,
        "method": e.method,
        "complete": e.complete,
        "notes": e.notes,
        "rules": dict(e.rules),
        "audit": None if e.computed_audit is None else [pack_row(r) for r in e.computed_audit],
        "target_labels": [[output, list(labels)] for output, labels in e.target_labels.items()],
        **{
            name: [[output, put(v, f"{name} of {output} (sample, target)")] for output, v in getattr(e, name).items()]
            for name in TABLES
        },
        "attributions": [[*pair, attribution(a)] for pair, a in e.attributions.items()],
        "layer_attributions": [[*pair, attribution(a)] for pair, a in e.layer_attributions.items()],
    }


def pack_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: pack_label(value) for key, value in row.items()}


def _fields(header: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
    def get(entry: dict[str, Any]) -> np.ndarray:
        dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
        if "texts" in entry:
            flat = np.empty(len(entry["texts"]), dtype=dtype)
            flat[:] = [unpack_label(v) for v in entry["texts"]]
            return flat.reshape(shape)
        stored = arrays[entry["array"]].reshape(shape)
        return stored.view(dtype) if dtype.kind in "mM" else stored.astype(dtype, copy=False)

    def attribution(a: dict[str, Any]) -> Attribution:
        labels = {d: tuple(unpack_label(v) for v in vs) for d, vs in a["labels"].items()}
        data = None if a["data"] is None else get(a["data"])
        return Attribution(get(a["values"]), tuple(a["dims"]), labels, a["input"], a["output"], a["connected"], data)

    audit = header["audit"]
    return {
        **{key: header[key] for key in ("model", "method", "complete", "rules")},
        "notes": tuple(header["notes"]),
        "target_labels": {output: tuple(labels) for output, labels in header["target_labels"]},
        **{name: {output: get(entry) for output, entry in header[name]} for name in TABLES},
        "attributions": {(i, out): attribution(a) for i, out, a in header["attributions"]},
        "layer_attributions": {(i, out): attribution(a) for i, out, a in header["layer_attributions"]},
        "audit_rows": None if audit is None else [{k: unpack_label(v) for k, v in row.items()} for row in audit],
    }


def _write_npz(path: Path, arrays: Arrays, titles: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(values), allow_pickle=False)


def _read_npz(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _dataset(arrays: Arrays, titles: dict[str, str]) -> Any:
    xarray = require("xarray", "tables", "saving to .nc or .zarr")
    axes = {n: [f"{n}_axis_{i}" for i in range(v.ndim)] for n, v in arrays.items()}
    return xarray.Dataset({n: (axes[n], v, {"long_name": titles.get(n, n)}) for n, v in arrays.items()})


def _write_nc(path: Path, arrays: Arrays, titles: dict[str, str]) -> None:
    _dataset(arrays, titles).to_netcdf(path, format="NETCDF4", engine=_nc_engine())


def _nc_engine() -> str:
    for engine, modules in (("netcdf4", ("netCDF4",)), ("h5netcdf", ("h5netcdf", "h5py"))):
        if all(optional(m) is not None for m in modules):
            return engine
    raise MissingDependencyError('a .nc file needs h5netcdf or netCDF4: pip install "onnxplain[tables]"')


def _read_nc(path: Path) -> Arrays:
    xarray = require("xarray", "tables", "reading .nc")
    with xarray.open_dataset(path, engine=_nc_engine(), decode_cf=False) as stored:
        return {str(name): v.values for name, v in stored.variables.items()}


def _write_zarr(path: Path, arrays: Arrays, titles: dict[str, str]) -> None:
    require("zarr", "tables", "a .zarr folder")
    _dataset(arrays, titles).to_zarr(path, mode="w-", consolidated=False)


def _read_zarr(path: Path) -> Arrays:
    require("zarr", "tables", "a .zarr folder")
    xarray = require("xarray", "tables", "reading .zarr")
    with xarray.open_zarr(path, decode_cf=False, chunks=None, consolidated=False) as stored:
        return {str(name): v.values for name, v in stored.variables.items()}


BACKENDS = {
    ".npz": Backend(_write_npz, _read_npz),
    ".nc": Backend(_write_nc, _read_nc),
    ".zarr": Backend(_write_zarr, _read_zarr),
}


def _backend(path: str | Path) -> tuple[Path, Backend]:
    file = Path(path)
    if file.suffix.lower() not in BACKENDS:
        raise InputError(f"{str(path)!r}: explanations are stored as {', '.join(BACKENDS)}")
    return file, BACKENDS[file.suffix.lower()]
