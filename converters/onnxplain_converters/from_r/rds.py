"""An R object from an .rds file: its class, its attributes, its numbers and texts; what is code in R is not run.

The package rdata reads R's serialisation. Its own conversion to pandas stops at functions and promises, which nearly every
R model holds, so the parsed tree is wrapped as it is and looked into only where it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import ConversionError, MissingPackage

#: R's typeof, for rdata's names of its types
TYPES = {
    "NILVALUE": "NULL", "NIL": "NULL", "SYM": "symbol", "LIST": "pairlist", "CLO": "function", "ENV": "environment",
    "SPECIAL": "function", "BUILTIN": "function", "LANG": "call", "LGL": "logical", "INT": "integer", "REAL": "double",
    "CPLX": "complex", "STR": "character", "VEC": "list", "EXPR": "expression", "EXTPTR": "externalptr", "RAW": "raw",
}  # fmt: skip
NUMBERS = ("logical", "integer", "double")


@dataclass(frozen=True, eq=False, repr=False)
class RValue:
    """One R object; `raw` is rdata's."""

    raw: Any

    @property
    def type(self) -> str:
        """What R's typeof says."""
        return TYPES.get(self.raw.info.type.name, self.raw.info.type.name.lower())

    @property
    def is_null(self) -> bool:
        return self.type == "NULL"

    @property
    def attributes(self) -> dict[str, RValue]:
        return dict(_pairs(self.raw.attributes))

    @property
    def classes(self) -> tuple[str, ...]:
        """R's class(): what the object says, or what it is made of."""
        said = self.attributes.get("class")
        if said is not None:
            return said.texts
        dims = self.attributes.get("dim")
        return ("matrix",) if dims is not None and len(dims.raw.value) == 2 else (self.type,)

    @property
    def names(self) -> tuple[str, ...]:
        found = self.attributes.get("names")
        return () if found is None else found.texts

    @property
    def texts(self) -> tuple[str, ...]:
        """The elements of a character vector; an NA is "NA"."""
        if self.type != "character":
            return ()
        encoded = ("NA" if c.value is None else c.value for c in self.raw.value)
        return tuple(c if isinstance(c, str) else c.decode("utf-8", "replace") for c in encoded)

    @property
    def numbers(self) -> np.ndarray:
        """Logical, whole and real numbers as float64 in the shape of `dim` (R's arrays run along their first axis); NA is NaN."""
        if self.type not in NUMBERS:
            raise ConversionError(f"numbers were expected, there is an R object of type {self.type}")
        flat = np.ma.filled(np.ma.asarray(self.raw.value).astype(np.float64), np.nan)
        dims = self.attributes.get("dim")
        return flat if dims is None else flat.reshape([int(d) for d in dims.raw.value], order="F")

    @property
    def row_names(self) -> tuple[str, ...]:
        """The names along the first axis of a matrix."""
        found = self.attributes.get("dimnames")
        return found.elements[0].texts if found is not None else ()

    @property
    def elements(self) -> list[RValue]:
        """What a list holds."""
        return [RValue(v) for v in self.raw.value] if self.type in ("list", "expression") else []

    def get(self, name: str) -> RValue | None:
        """A list's element by name; None where it is not there, or NULL."""
        found = next((e for n, e in zip(self.names, self.elements, strict=False) if n == name), None)
        return None if found is None or found.is_null else found


def read(path: str | Path) -> RValue:
    """The object in an .rds file of any of R's compressions and versions 2 and 3."""
    try:
        from rdata.parser import parse_data
    except ImportError as error:
        raise MissingPackage(f'{path} is an R file: pip install "onnxplain[r]" to read it') from error
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConversionError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return RValue(parse_data(content, extension=".rds").object)
    except Exception as error:  # gzip, bz2, lzma, xdr and the parser each raise their own kinds
        what = str(error).strip().splitlines()
        raise ConversionError(
            f"{path} is no .rds file that can be read ({what[0] if what else type(error).__name__}): write it with R's saveRDS"
        ) from error


def _pairs(node: Any) -> Iterator[tuple[str, RValue]]:
    """A pairlist's tags and values."""
    while node is not None and node.info.type.name == "LIST":
        tag = node.tag.referenced_object if node.tag.info.type.name == "REF" else node.tag
        yield tag.value.value.decode("utf-8", "replace"), RValue(node.value[0])
        node = node.value[1]
