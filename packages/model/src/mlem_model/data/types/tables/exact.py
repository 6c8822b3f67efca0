"""Frames whose columns have exactly the dtypes on record: no value needs a look, and those of one dtype are a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlem_model.data.types.plain import scalars
from mlem_model.data.types.tables.blocks.assembly import arrays_of
from mlem_model.data.types.tables.categories import Categories, ExactCategories
from mlem_model.data.types.tables.dtypes import family_of, name_of_dtype
from mlem_model.data.types.tables.labels import Labels
from mlem_model.errors import DataError

_BLOCKS = frozenset({"int", "float", "bool"})


class ExactDtypes:
    """What the dtypes of a frame's columns are.

    Args:
        names: The names of the columns on the wire, in their order.
        dtypes: The dtype of each.
        categories: Those of columns of categories, by name.
    """

    def __init__(self, names: Sequence[str], dtypes: Sequence[str], categories: Mapping[str, Categories]) -> None:
        self._expected = [
            ExactCategories(categories.get(name)) if dtype == "category" else dtype
            for name, dtype in zip(names, dtypes, strict=True)
        ]
        self._places: dict[str, list[int]] = {}
        for at, dtype in enumerate(dtypes):
            self._places.setdefault(dtype, []).append(at)
        self._families = {dtype: family_of(dtype) for dtype in self._places}
        self.encodes = bool(names) and {*self._families.values()} <= {*_BLOCKS, "str", "category"}
        """Whether `encode` knows what all columns are as JSON."""

    def are_of(self, frame: Any) -> bool:
        """Say whether a frame with its columns in order has these dtypes."""
        named: dict[int, str] = {}  # numpy takes long to name a dtype, and has one object for most
        for dtype, expected in zip(frame.dtypes.to_numpy(), self._expected, strict=True):
            if isinstance(expected, str):
                name = named.get(id(dtype)) or named.setdefault(id(dtype), name_of_dtype(dtype))
                if name != expected:
                    return False
            elif not expected.are(dtype):
                return False
        return True

    def encode(self, frame: Any, path: str) -> list[list[Any]]:
        """Return the columns of a frame that has these dtypes, as JSON."""
        parts: list[list[Any]] = [[]] * len(self._expected)
        arrays = arrays_of(frame) if not _BLOCKS.issuperset(self._families.values()) else []
        for dtype, places in self._places.items():
            if self._families[dtype] in _BLOCKS:
                for at, part in zip(places, scalars.encode_array(block_of(frame, places).T, path), strict=True):
                    parts[at] = part
                continue
            for at in places:
                expected, array = self._expected[at], arrays[at]
                if isinstance(expected, ExactCategories):
                    parts[at] = expected.encode(array)
                else:
                    missing = array.isna()
                    parts[at] = array.tolist()
                    for row in missing.nonzero()[0].tolist():
                        parts[at][row] = None
        return parts


def only_dtype(frame: Any) -> str | None:
    """Name the dtype of all columns of a frame; None where they have several, or there are none."""
    found = set(frame.dtypes.to_numpy())
    return name_of_dtype(found.pop()) if len(found) == 1 else None


def block_of(frame: Any, places: Sequence[int]) -> Any:
    """Return some columns of a frame, which have one dtype, as an array of two dimensions."""
    if len(places) == 1:  # looking up a list of places takes five times as long
        return frame.iloc[:, places[0]].to_numpy().reshape(-1, 1)
    return frame.iloc[:, places].to_numpy()


def frame_of_block(array: Any, dtype: str, labels: Labels, path: str) -> Any:
    """Make a frame of one array without a copy.

    Args:
        array: An array of any shape and dtype.
        dtype: The dtype of all columns.
        labels: Their labels.
        path: Where the array is, for messages.

    Raises:
        DataError: It has not as many columns, or its dtype does not convert without loss.
    """
    import numpy as np
    import pandas as pd

    target, width = np.dtype(dtype), len(labels.index)
    if array.ndim != 2 or array.shape[1] != width:
        raise DataError(path, f"rows of {width} columns", f"an array of the shape {array.shape}")
    if array.dtype != target:
        kinds = {"f": "iuf", "i": "iu", "u": "iu"}.get(target.kind, target.kind)
        if array.dtype.kind not in kinds or not np.can_cast(array.dtype, target):
            raise DataError(path, f"an array of {target}", f"an array of {array.dtype}")
        array = array.astype(target)
    return pd.DataFrame(array, columns=labels.index.view(), copy=False)
