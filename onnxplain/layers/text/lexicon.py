"""Text as whole numbers: the code of a text is the first 63 bits of its BLAKE2b hash, so that it needs no table to be made.

2⁶³ codes: among a million texts two are the same with a chance of 10⁻⁷.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import numpy as np

from ...errors import ModelError


def code(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1


def as_text(value: Any) -> str:
    """A text; bytes are read as UTF-8."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def codes(texts: Any) -> np.ndarray:
    """int64 codes of an array of texts, in its shape."""
    array = np.asarray(texts)
    distinct, places = np.unique([as_text(t) for t in array.reshape(-1).tolist()], return_inverse=True)
    return np.array([code(str(t)) for t in distinct], np.int64)[places].reshape(array.shape)


class Lexicon(dict[int, str]):
    """code → text, for operators that read or make text: of a model's file, of the data it is given, and of what such
    operators make of them. What it holds is what `code` undoes, so that no result depends on what it has seen before.

    `read`: whether a model has such operators; the texts of its data are kept for them alone.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        super().__init__()
        self.read = False
        for t in texts:
            self.add(t)

    def add(self, text: str) -> int:
        c = code(text)
        other = self.setdefault(c, text)
        if other != text:
            raise ModelError(f"the texts {other!r} and {text!r} have the same 63-bit code: rename one of them")
        return c

    def codes(self, texts: Any) -> np.ndarray:
        """As the function, and known from now on."""
        array = np.asarray(texts, dtype=object)
        made = {t: self.add(as_text(t)) for t in set(array.reshape(-1).tolist())}
        return np.array([made[t] for t in array.reshape(-1).tolist()], np.int64).reshape(array.shape)

    def texts(self, array: np.ndarray) -> np.ndarray:
        """The texts of codes; "" for 0, which stands for no text at all."""
        flat = array.reshape(-1).tolist()
        if unknown := {c for c in flat if c and c not in self}:
            raise ValueError(f"{len(unknown)} codes are of no text that this model has been given, the first is {min(unknown)}")
        out = np.empty(len(flat), dtype=object)
        out[:] = [self[c] if c else "" for c in flat]
        return out.reshape(array.shape)

    def __deepcopy__(self, memo: Any) -> Lexicon:
        return self  # one table for a model and all copies of it
