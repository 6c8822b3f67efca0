"""Columns of one kind in a stream of Arrow, and how all of them are read at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlem_model.data.formats.arrow.batch import Batch
from mlem_model.data.types.tables.blocks.assembly import Part


@dataclass(frozen=True, slots=True)
class Columns(ABC):
    """Columns of one kind.

    Attributes:
        places: Their places.
        first: The place of the first part of each in `Batch.starts`, which says what is missing.
    """

    places: Any
    first: Any

    @abstractmethod
    def read(self, batch: Batch) -> list[Part] | None:
        """Return what a frame is made of; None where a value is not of the usual form."""

    def _cut(self, values: Any, rows: int) -> list[Part]:
        cut = [values[start : start + rows] for start in range(0, len(values), rows)]
        return [(part, [at]) for part, at in zip(cut, self.places.tolist(), strict=True)]


@dataclass(frozen=True, slots=True)
class Numbers(Columns):
    """Columns of numbers or of times.

    Attributes:
        dtype: Their numpy dtype.
        missing: What a missing value is; None where none can be.
    """

    dtype: Any
    missing: Any

    def read(self, batch: Batch) -> list[Part] | None:
        """See `Columns.read`."""
        block, missing = batch.block(self.first + 1, self.dtype, batch.rows), batch.missing(self.places, self.first)
        if block is None or missing is None or (missing and self.missing is None):
            return None
        if missing:
            block = block.copy()
        for number, rows in missing.items():
            block[number, rows] = self.missing
        return [(block, self.places)]


@dataclass(frozen=True, slots=True)
class Booleans(Columns):
    """Columns of booleans."""

    def read(self, batch: Batch) -> list[Part] | None:
        """See `Columns.read`."""
        block = batch.bits(self.first + 1)
        return None if block is None or batch.missing(self.places, self.first) != {} else [(block, self.places)]


@dataclass(frozen=True, slots=True)
class Coded(Columns):
    """Columns of the same categories.

    Attributes:
        codes: The numpy dtype of the places of the categories.
        dtype: The dtype of pandas.
    """

    codes: Any
    dtype: Any

    def read(self, batch: Batch) -> list[Part] | None:
        """See `Columns.read`."""
        import pandas as pd

        block, missing = batch.block(self.first + 1, self.codes, batch.rows), batch.missing(self.places, self.first)
        if block is None or missing is None:
            return None
        block = block.copy()
        for number, rows in missing.items():
            block[number, rows] = 0  # whatever was there
        if block.min() < 0 or block.max() >= len(self.dtype.categories):
            return None
        for number, rows in missing.items():
            block[number, rows] = -1
        return self._cut(pd.Categorical.from_codes(block.reshape(-1), dtype=self.dtype), batch.rows)


@dataclass(frozen=True, slots=True)
class Texts(Columns):
    """Columns of texts.

    Attributes:
        kind: Their type in Arrow.
        offsets: The numpy dtype of the places at which texts begin.
        dtype: The dtype of pandas.
    """

    kind: Any
    offsets: Any
    dtype: Any

    def read(self, batch: Batch) -> list[Part] | None:
        """See `Columns.read`."""
        import pyarrow as pa

        offsets = batch.block(self.first + 1, self.offsets, batch.rows + 1)
        missing = batch.missing(self.places, self.first)
        if offsets is None or missing is None or (offsets[:, 0] < 0).any():
            return None
        if (offsets[:, 1:] < offsets[:, :-1]).any() or (offsets[:, -1] > batch.sizes[self.first + 2]).any():
            return None
        whole, places = pa.py_buffer(batch.body), self.first[:, None] + range(3)
        starts, sizes = batch.starts[places].tolist(), batch.sizes[places].tolist()
        arrays = []
        for number in range(len(starts)):
            known, *others = map(whole.slice, starts[number], sizes[number])
            arrays.append(pa.Array.from_buffers(self.kind, batch.rows, [known if number in missing else None, *others]))
        joined = pa.concat_arrays(arrays)
        joined.validate(full=True)  # that they are UTF-8
        return self._cut(self.dtype.__from_arrow__(joined), batch.rows)


def read_all(columns: Sequence[Columns], batch: Batch) -> list[Part] | None:
    """Return what a frame of columns of several kinds is made of; see `Columns.read`."""
    found: list[Part] = []
    for some in columns:
        parts = some.read(batch)
        if parts is None:
            return None
        found += parts
    return found
