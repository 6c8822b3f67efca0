"""`SparseType`: a sparse matrix of SciPy, with two dimensions; on the wire a list of rows, each ``{column: value}``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

from pydantic import field_validator

from mlem_model.data.types.base import DataType, Json, child, mismatch, module_of
from mlem_model.data.types.plain import scalars
from mlem_model.errors import DataError

Layout = Literal["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]


class SparseType(DataType):
    """A sparse matrix or array of SciPy.

    Attributes:
        columns: How many columns it has; None where any number will do.
        dtype: The dtype of its values.
        layout: How SciPy keeps it: ``csr``.
        matrix: Whether it is of SciPy's older classes, ``csr_matrix``; else ``csr_array``.
    """

    type: ClassVar[str] = "sparse"
    columns: int | None
    dtype: str
    layout: Layout = "csr"
    matrix: bool = True

    @field_validator("dtype")
    @classmethod
    def _check_dtype(cls, dtype: str) -> str:
        if scalars.kind_of(dtype) not in ("int", "float", "bool"):
            raise ValueError(f"expected a dtype of integers, floats or booleans, got {dtype!r}")
        return dtype

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        layout = getattr(value, "format", None)
        if module_of(value) != "scipy" or not isinstance(layout, str) or not hasattr(value, "nnz"):
            return None
        if len(value.shape) != 2 or scalars.kind_of(value.dtype.name) not in ("int", "float", "bool"):
            raise DataError(
                "data", "a sparse matrix of numbers or booleans", f"one of {value.dtype} of shape {value.shape}"
            )
        return cls.model_validate(
            {
                "columns": value.shape[1],
                "dtype": value.dtype.name,
                "layout": layout,
                "matrix": type(value).__name__.endswith("_matrix"),
            }
        )

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        row = {
            "type": "object",
            "propertyNames": {"pattern": "^[0-9]+$"},
            "additionalProperties": scalars.schema(self.dtype),
        }
        return {"type": "array", "items": row}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; dense arrays and nested lists convert."""
        import numpy as np

        rows = self.as_rows(value, path)
        values = scalars.encode_array(rows.data, path)
        bounds = np.asarray(rows.indptr).tolist()
        names = list(map(str, np.asarray(rows.indices).tolist()))
        return [dict(zip(names[start:stop], values[start:stop], strict=True)) for start, stop in pairwise(bounds)]

    def accept(self, value: Any, path: str = "data") -> Any:
        """See `DataType.accept`; a matrix is not copied into lists."""
        if module_of(value) != "scipy":
            return super().accept(value, path)
        rows = self.as_rows(value, path)
        return self.of_rows(rows.data, rows.indices, rows.indptr, width=rows.shape[1])

    def as_rows(self, value: Any, path: str = "data") -> Any:
        """Return a matrix as SciPy keeps one row by row, with values of this dtype; dense ones convert.

        Raises:
            DataError: It is no matrix, or one of another width or kind of numbers.
        """
        if module_of(value) != "scipy":
            if isinstance(value, list):
                return self.as_rows(self.decode(value, path), path)
            if module_of(value) != "numpy" or getattr(value, "ndim", 0) != 2:
                raise mismatch(path, "a sparse matrix", value)
            value = self._empty(value.shape).__class__(value)
        rows = value.tocsr()
        if len(rows.shape) != 2 or (self.columns is not None and rows.shape[1] != self.columns):
            raise DataError(path, f"a sparse matrix of {self.columns} columns", f"one of shape {value.shape}")
        if rows.dtype.name == self.dtype:
            return rows
        try:
            return rows.astype(self.dtype, casting="same_kind")
        except TypeError as error:
            raise DataError(path, f"values of {self.dtype}", f"values of {rows.dtype}") from error

    def of_rows(self, values: Any, columns: Any, bounds: Any, path: str = "data", *, width: int | None = None) -> Any:
        """Return the matrix of all values, row by row.

        Args:
            values: Its values.
            columns: The number of the column of each.
            bounds: Where each row begins in them, and where the last one ends.
            path: Where it is, for messages.
            width: How many columns it has where the type does not say so; as many as there are values in when None.

        Raises:
            DataError: The columns are others, or the values of another kind.
        """
        import numpy as np

        if columns.dtype.kind not in "iu" or values.dtype.kind not in "biuf":
            raise DataError(path, "numbers of columns, and numbers", f"{columns.dtype} and {values.dtype}")
        most = int(columns.max()) if len(columns) else -1
        width = self.columns or width or most + 1
        if len(columns) and (most >= width or int(columns.min()) < 0):
            raise DataError(path, f"columns from 0 to {width - 1}", "others")
        made = type(self._empty((0, 0)).tocsr())(
            (values, columns.astype("int32", copy=False), np.asarray(bounds)), shape=(len(bounds) - 1, width)
        )
        made.sum_duplicates()
        return self.as_rows(made, path).asformat(self.layout)

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`; a row may be a list of all its values."""
        import numpy as np

        if not isinstance(payload, list):
            raise mismatch(path, "a list of rows", payload)
        indices: list[int] = []
        values: list[Any] = []
        bounds = [0]
        width = self.columns
        if width is None:
            width = max(
                (len(row) if isinstance(row, list) else max(map(_digits, row), default=-1) + 1 for row in payload),
                default=0,
            )
        for at, row in enumerate(payload):
            names, found = self._row(row, width, child(path, at))
            indices += names
            values += found
            bounds.append(len(indices))
        data = scalars.decode_flat(values, self.dtype, lambda at: path)
        made = type(self._empty((0, 0)).tocsr())(
            (data, np.array(indices, dtype="int32"), bounds), shape=(len(payload), width)
        )
        return made.asformat(self.layout)

    def rows(self, value: Any) -> int | None:
        """See `DataType.rows`."""
        return int(value.shape[0])

    def join(self, values: Sequence[Any]) -> Any:
        """See `DataType.join`."""
        from scipy import sparse

        return sparse.vstack(values, format=self.layout)

    def part(self, value: Any, start: int, stop: int) -> Any:
        """See `DataType.part`."""
        return value.tocsr()[start:stop].asformat(self.layout)

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return {"scipy", "numpy"}

    def _empty(self, shape: tuple[int, int]) -> Any:
        from scipy import sparse

        return getattr(sparse, f"{self.layout}_{'matrix' if self.matrix else 'array'}")(shape, dtype=self.dtype)

    def _row(self, row: Any, width: int, path: str) -> tuple[list[int], list[Any]]:
        if isinstance(row, list):
            if len(row) != width:
                raise DataError(path, f"{width} values", f"{len(row)} values")
            kept = [(at, item) for at, item in enumerate(row) if item != 0 or item is False]
            return [at for at, _ in kept], [item for _, item in kept]
        if not isinstance(row, dict):
            raise mismatch(path, "a row, {column: value}", row)
        names = [_digits(name) for name in row]
        wrong = next((name for name, at in zip(row, names, strict=True) if not 0 <= at < width), None)
        if wrong is not None:
            raise DataError(child(path, wrong[:40]), f"a column from 0 to {width - 1}", "another name")
        return names, list(row.values())


def _digits(name: str) -> int:
    return int(name) if name.isascii() and name.isdigit() and len(name) < 10 else -1
