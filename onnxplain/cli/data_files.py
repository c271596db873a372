"""Data files → {input name: array, or table}. A file's kind is its suffix; see `READERS`."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, MissingDependencyError
from .images import USAGE, Preprocess, read_image

if TYPE_CHECKING:
    from ..specs import Spec


Inputs = Mapping[str, "Spec"]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows under column names, as much of a DataFrame as `explain` asks for: columns, frame[names], to_numpy().

    `cells`: (rows, columns), of text until `numbers()`. No column names where the file has no header.
    """

    path: Path
    columns: tuple[str, ...]
    cells: np.ndarray

    def __getitem__(self, columns: Sequence[str]) -> Table:
        missing = [c for c in columns if c not in self.columns]
        if missing:
            raise InputError(f"{self.path} has no columns {missing}; it has {list(self.columns)}")
        return Table(self.path, tuple(columns), self.cells[:, [self.columns.index(c) for c in columns]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.cells if dtype is None else self.cells.astype(dtype)

    def to_numpy(self) -> np.ndarray:
        return self.cells

    def numbers(self, spec: Spec) -> Table:
        """The same in the kind of numbers that the input holds; an empty cell is NaN. Text stays as it is, where the input
        holds text."""
        if spec.dtype == "string":
            return self
        try:
            cells = np.where(self.cells == "", "nan", self.cells).astype(np.float64)
        except (ValueError, TypeError):
            row, j = next(at for at in np.ndindex(*self.cells.shape) if not _is_number(self.cells[at]))
            column = repr(self.columns[j]) if self.columns else str(j)
            raise InputError(
                f"{self.path}: row {row}, column {column} holds {self.cells[row, j]!r}; models take numbers: "
                "choose columns with --columns"
            ) from None
        return Table(self.path, self.columns, _typed(cells, spec))


@dataclass(frozen=True)
class Reader:
    """What files are read with: how pictures are prepared, which columns of a table are taken."""

    inputs: Inputs
    preprocess: Preprocess | None = None
    columns: tuple[str, ...] = ()

    def read(self, path: Path) -> dict[str, Any]:
        """Everything that one path holds, by input name."""
        if path.is_dir():
            return self._folder(path)
        content = self._file(path)
        if isinstance(content, dict):
            return self._by_key(path, content)
        if isinstance(content, Table):
            return self._table(content)
        return {self._only_input(path): content}

    def _file(self, path: Path) -> Any:
        if not path.exists():
            raise InputError(f"there is no file {path}")
        suffix = path.suffix.lower()
        if suffix in IMAGES:
            if self.preprocess is None:
                raise InputError(f"{path}: a picture needs --preprocess, which says how pixels become numbers: {USAGE}")
            spec = self.inputs[self._only_input(path)]
            return _typed(read_image(path, spec.shape, self.preprocess), spec)
        if suffix not in READERS:
            raise InputError(f"{path}: {suffix or 'no suffix'} is no data format here; known: {', '.join(KNOWN)}")
        try:
            return READERS[suffix](path)
        except (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile) as e:
            raise InputError(f"{path} is not a readable {suffix} file: {e}") from e

    def _only_input(self, path: Path) -> str:
        if len(self.inputs) != 1:
            raise InputError(
                f"{path} holds one array, the model has inputs {list(self.inputs)}; "
                "give each its file with --input NAME=FILE, or one .npz with these keys"
            )
        return next(iter(self.inputs))

    def _by_key(self, path: Path, content: dict[str, Any]) -> dict[str, Any]:
        if len(content) == len(self.inputs) == 1:
            return dict(zip(self.inputs, content.values(), strict=True))
        missing = [n for n in self.inputs if n not in content]
        if missing:
            raise InputError(f"{path} has keys {list(content)}, but no {missing}; the inputs are {list(self.inputs)}")
        return {n: content[n] for n in self.inputs}

    def _table(self, table: Table) -> dict[str, Any]:
        """One input takes all columns (those that its labels name, where it has labels); several inputs one each."""
        if self.columns:
            table = table[self.columns]
        if len(self.inputs) == 1:
            ((name, spec),) = self.inputs.items()
            wanted = spec.labels.get("feature", ())
            named = table[wanted] if wanted and set(wanted) <= set(table.columns) else table
            return {name: named.numbers(spec) if named.columns else named.numbers(spec).cells}
        missing = [n for n in self.inputs if n not in table.columns]
        if missing:
            raise InputError(
                f"{table.path} has columns {list(table.columns)}, but no {missing}; several inputs take one column "
                "each, or their own files with --input NAME=FILE"
            )
        return {n: table[[n]].numbers(s).cells for n, s in self.inputs.items()}

    def _folder(self, path: Path) -> dict[str, Any]:
        """Entries named like the inputs go to them; otherwise all files are of one kind and hold further samples."""
        entries = sorted(p for p in path.iterdir() if not p.name.startswith("."))
        if not entries:
            raise InputError(f"folder {path} is empty")
        by_name = {p.name if p.is_dir() else p.stem: p for p in entries}
        if all(n in by_name for n in self.inputs):
            parts = (Reader({n: s}, self.preprocess, self.columns).read(by_name[n]) for n, s in self.inputs.items())
            return {k: v for part in parts for k, v in part.items()}
        files = [p for p in entries if p.suffix.lower() in KNOWN]
        kinds = sorted({"picture" if p.suffix.lower() in IMAGES else p.suffix.lower() for p in files})
        if len(kinds) != 1:
            raise InputError(
                f"folder {path} holds {'files of kinds ' + ', '.join(kinds) if kinds else 'no data files'}; one kind "
                f"({', '.join(KNOWN)}) or one entry per input ({', '.join(self.inputs)}) is needed"
            )
        read = [self.read(p) for p in files]
        return {n: _stack([r[n] for r in read], files) for n in self.inputs}


def read_data(
    path: Path | None,
    named: Mapping[str, Path],
    inputs: Inputs,
    preprocess: Preprocess | None = None,
    columns: Sequence[str] = (),
) -> dict[str, Any]:
    """The data of every input: from `path`, and for those in `named` from their own files."""
    unknown = [n for n in named if n not in inputs]
    if unknown:
        raise InputError(f"--input names {unknown}; the model's inputs are {list(inputs)}")
    data: dict[str, Any] = {}
    for name, file in named.items():
        data |= Reader({name: inputs[name]}, preprocess, tuple(columns)).read(file)
    rest = {n: s for n, s in inputs.items() if n not in named}
    if path is not None and rest:
        data |= Reader(rest, preprocess, tuple(columns)).read(path)
    missing = [n for n in inputs if n not in data]
    if missing:
        raise InputError(f"no data for inputs {missing}; give a DATA file or --input {missing[0]}=FILE")
    return {n: data[n] for n in inputs}


def read_plain(path: Path) -> Any:
    """What a file holds before any model says what it should: an array, arrays by name, or a table of numbers."""
    content = Reader({})._file(path)
    if not isinstance(content, Table):
        return content
    try:
        return Table(path, content.columns, np.where(content.cells == "", "nan", content.cells).astype(np.float64))
    except (ValueError, TypeError):
        return Table(path, content.columns, content.cells)


def _typed(array: np.ndarray, spec: Spec) -> np.ndarray:
    """Numbers that came from text or pixels, as integers where the input takes integers and all of them are whole."""
    if spec.floating or not bool((array == np.round(array)).all()):
        return array
    return array.astype(spec.dtype)


def _npy(path: Path) -> np.ndarray:
    array: np.ndarray = np.load(path, allow_pickle=False)
    return array


def _npz(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as stored:
        return {k: stored[k] for k in stored.files}


def _csv(path: Path) -> Table:
    """Comma, semicolon or tab; the first line is a header unless all of it is numbers."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = file.readline()
        file.seek(0)
        rows = [[c.strip() for c in r] for r in csv.reader(file, delimiter=max(",;\t", key=first.count)) if r]
    if not rows:
        raise InputError(f"{path} is empty")
    for i, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise InputError(f"{path}: line {i + 1} has {len(row)} cells, the first {len(rows[0])}")
    header = () if all(map(_is_number, rows[0])) else tuple(rows[0])
    body = rows[1:] if header else rows
    if not body:
        raise InputError(f"{path} has a header and no rows")
    return Table(path, header, np.array(body, dtype=object))


def _is_number(cell: Any) -> bool:
    try:
        float(cell or "nan")
    except (ValueError, TypeError):
        return False
    return True


def _parquet(path: Path) -> Table:
    try:
        import pandas as pd
        import pyarrow  # noqa: F401
    except ImportError as e:
        raise MissingDependencyError('.parquet needs pandas and pyarrow: pip install "onnxplain[tables]"') from e
    frame = pd.read_parquet(path)
    return Table(path, tuple(str(c) for c in frame.columns), frame.to_numpy(dtype=object))


def _stack(arrays: list[Any], files: list[Path]) -> np.ndarray:
    """Samples of several files, one after the other."""
    arrays = [np.asarray(a) for a in arrays]
    for array, file in zip(arrays, files, strict=True):
        if array.shape[1:] != arrays[0].shape[1:]:
            raise InputError(
                f"{file} holds samples of shape {array.shape[1:]}, {files[0]} of {arrays[0].shape[1:]}; "
                "pictures can be given one size with --preprocess …,size=HEIGHTxWIDTH"
            )
    return np.concatenate(arrays)


READERS: dict[str, Callable[[Path], Any]] = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".parquet": _parquet}
IMAGES = frozenset({".png", ".jpg", ".jpeg"})
KNOWN = (*READERS, *sorted(IMAGES))
