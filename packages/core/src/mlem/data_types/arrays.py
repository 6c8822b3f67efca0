"""Arrays and scalars of numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, ClassVar, Self

from pydantic import field_validator

from mlem.data_types import scalars
from mlem.data_types.base import DataType, Json, child, mismatch, module_of
from mlem.errors import DataError

_SUPPORTED = "an array of integers, floats, booleans, strings or times"


def _name(dtype: Any) -> str:
    return "str" if dtype.kind == "U" else str(dtype.name)  # a name without the byte order; the length of strings is left free


def _known(dtype: str) -> str:
    if scalars.kind_of(dtype) is None:
        raise ValueError(f"expected a dtype of integers, floats, booleans, strings or times, got {dtype!r}")
    return dtype


def _same_kind(source: str | None, target: str | None) -> bool:
    return source == target or (source, target) in {("int", "float"), ("object", target), (source, "object")}


class NumberType(DataType):
    """A scalar of numpy.

    Attributes:
        dtype: Its dtype: ``float64``, ``int32``, ``bool``, ``datetime64[s]``.
    """

    type: ClassVar[str] = "number"
    dtype: str

    _check_dtype = field_validator("dtype")(_known)

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if (
            module_of(value) != "numpy"
            or getattr(value, "shape", None) != ()
            or (hasattr(value, "__array_finalize__") and _is_array(value))
        ):
            return None
        if value.dtype.kind == "U":
            return None
        if scalars.kind_of(_name(value.dtype)) is None:
            raise DataError("data", "a number that is no complex one, or a time", f"numpy.{value.dtype}")
        return cls(dtype=_name(value.dtype))

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return dict(scalars.schema(self.dtype))

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; Python's numbers convert."""
        import numpy as np

        array = np.asarray(value)
        if array.shape != () or not _same_kind(scalars.kind_of(_name(array.dtype)), scalars.kind_of(self.dtype)) or array.dtype.kind == "O":
            raise mismatch(path, self.dtype, value)
        return scalars.encode_array(array.astype(self.dtype), path)

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        return scalars.decode_flat([payload], self.dtype, lambda _: path)[0]

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return {"numpy"}


def _is_array(value: Any) -> bool:
    import numpy as np

    return isinstance(value, np.ndarray)


class NdarrayType(DataType):
    """An array of numpy.

    Attributes:
        shape: The length of each dimension, None where any will do: the first, which counts the rows.
        dtype: Its dtype: ``float64``, ``str``.
    """

    type: ClassVar[str] = "ndarray"
    shape: tuple[int | None, ...]
    dtype: str

    _check_dtype = field_validator("dtype")(_known)

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if module_of(value) != "numpy" or not _is_array(value):
            return None
        if scalars.kind_of(_name(value.dtype)) is None:
            raise DataError("data", _SUPPORTED, f"an array of {value.dtype}")
        return cls(shape=(None, *value.shape[1:])[: value.ndim], dtype=_name(value.dtype))

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        schema = scalars.schema(self.dtype)
        for length in reversed(self.shape):
            sizes = {} if length is None else {"minItems": length, "maxItems": length}
            schema = {"type": "array", "items": schema, **sizes}
        return dict(schema)

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; nested lists and frames of the right shape convert."""
        if isinstance(value, list | tuple):
            value = self.decode(_listed(value), path)
        elif module_of(value) == "pandas" and hasattr(value, "to_numpy"):
            value = value.to_numpy()
        elif module_of(value) != "numpy":
            raise mismatch(path, self._words(), value)
        if not self._fits(value.shape):
            raise DataError(path, self._words(), f"an array of shape {_shape(value.shape)}")
        if not _same_kind(scalars.kind_of(_name(value.dtype)), scalars.kind_of(self.dtype)):
            raise DataError(path, self._words(), f"an array of {value.dtype}")
        return scalars.encode_array(value, path)

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`.

        Returns:
            An array of this dtype and shape.
        """
        import numpy as np

        rows: list[Any] = [payload]
        lengths: list[int] = []
        for depth, expected in enumerate(self.shape):
            if not set(map(type, rows)) <= {list}:
                self._find(payload, path, 0)
            found = set(map(len, rows))
            if len(found) > 1 or (expected is not None and found - {expected}):
                self._find(payload, path, 0)
            lengths.append(found.pop() if found else expected or 0)
            rows = list(chain.from_iterable(rows)) if depth or len(rows) > 1 else rows[0]
        flat = rows if self.shape else [payload]
        array = scalars.decode_flat(flat, self.dtype, lambda index: _path(path, np.unravel_index(index, lengths) if lengths else ()))
        return array.reshape(lengths)

    def accept(self, value: Any, path: str = "data") -> Any:
        """See `DataType.accept`; an array that fits is not copied."""
        if module_of(value) != "numpy" or not _is_array(value) or value.dtype.kind == "O" or self.dtype in ("object", "str"):
            return super().accept(value, path)
        if not self._fits(value.shape):
            raise DataError(path, self._words(), f"an array of shape {_shape(value.shape)}")
        if value.dtype == self.dtype:
            return value
        # integers may be out of range, times of another unit: those go the long way
        exact = scalars.kind_of(_name(value.dtype)) == "float" and self.dtype == "float64"
        return value.astype(self.dtype) if exact else super().accept(value, path)

    def rows(self, value: Any) -> int | None:
        """See `DataType.rows`."""
        return len(value) if self.shape and self.shape[0] is None else None

    def join(self, values: Sequence[Any]) -> Any:
        """See `DataType.join`."""
        import numpy as np

        return np.concatenate(values)

    def part(self, value: Any, start: int, stop: int) -> Any:
        """See `DataType.part`."""
        return value[start:stop]

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return {"numpy"}

    def _fits(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == len(self.shape) and all(want in (None, got) for want, got in zip(self.shape, shape, strict=True))

    def _words(self) -> str:
        return f"an array of {self.dtype} of shape {_shape(self.shape)}"

    def _find(self, payload: Json, path: str, depth: int) -> None:
        """Raise the error of the first list that is no list, or of the wrong length."""
        if depth == len(self.shape):
            return
        want = self.shape[depth]
        noun = "a list" if want is None else f"a list of {want} items"
        if not isinstance(payload, list):
            raise mismatch(path, noun, payload)
        if want is not None and len(payload) != want:
            raise DataError(path, noun, f"{len(payload)} items")
        for index, item in enumerate(payload):
            self._find(item, child(path, index), depth + 1)
        if depth + 1 < len(self.shape) and len({len(item) for item in payload}) > 1:
            raise DataError(path, "lists of one length", "lists of different lengths")


def _listed(value: Any) -> Any:
    """Turn nested tuples and numpy's scalars and rows into what JSON would have."""
    if isinstance(value, list | tuple):
        return [_listed(item) for item in value]
    return value.tolist() if module_of(value) == "numpy" else value


def _shape(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"


def _path(path: str, position: Any) -> str:
    for index in position:
        path = child(path, int(index))
    return path
