"""Arrays and scalars of numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import field_validator

from mlem_model.data.types.base import DataType, Json, child, mismatch, module_of
from mlem_model.data.types.plain import scalars
from mlem_model.data.types.plain.items import type_of_items
from mlem_model.data.types.plain.union import unify
from mlem_model.errors import DataError

if TYPE_CHECKING:
    from mlem_model.data.types.any import (
        AnyDataType,
    )  # at run time mlem_model.data.types.any puts it into these classes, see there

_SUPPORTED = "an array of integers, floats, booleans, strings, bytes, times or durations"


@lru_cache(maxsize=1000)
def dtype_name(dtype: Any) -> str:
    """Name a dtype without its byte order; the length of strings is left free."""
    return {"U": "str", "S": "bytes"}.get(dtype.kind) or str(dtype.name)  # numpy makes the name anew each time


def _known(dtype: str) -> str:
    if scalars.kind_of(dtype) is None:
        raise ValueError(
            f"expected a dtype of integers, floats, booleans, strings, bytes, times or durations, got {dtype!r}"
        )
    return dtype


def _same_kind(source: str | None, target: str | None) -> bool:
    return source == target or (source, target) in {("int", "float"), ("object", target), (source, "object")}


def _whole(array: Any) -> Any:
    """Return an array of floats as integers where all of them are whole; otherwise as it is."""
    import numpy as np

    whole = array.dtype.kind == "f" and bool(np.isfinite(array).all()) and bool((array == np.floor(array)).all())
    return array.astype(object).astype("int64") if whole and (array.size == 0 or abs(array).max() < 2**63) else array


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
        if value.dtype.kind in "US":
            return None
        if scalars.kind_of(dtype_name(value.dtype)) is None:
            raise DataError("data", "a number that is not complex, or a time", f"numpy.{value.dtype}")
        return cls(dtype=dtype_name(value.dtype))

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return dict(scalars.schema(self.dtype))

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; Python's numbers convert."""
        import numpy as np

        array = np.asarray(value)
        if (
            array.shape != ()
            or not _same_kind(scalars.kind_of(dtype_name(array.dtype)), scalars.kind_of(self.dtype))
            or array.dtype.kind == "O"
        ):
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
        items: Of an array of objects, the type of an item.
        masked: Whether items may be masked: such a one is null in JSON.
    """

    type: ClassVar[str] = "ndarray"
    later_fields: ClassVar[frozenset[str]] = frozenset({"items", "masked"})
    shape: tuple[int | None, ...]
    dtype: str
    items: AnyDataType | None = None
    masked: bool = False

    _check_dtype = field_validator("dtype")(_known)

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if module_of(value) != "numpy" or not _is_array(value):
            return None
        if scalars.kind_of(dtype_name(value.dtype)) is None:
            raise DataError("data", _SUPPORTED, f"an array of {value.dtype}")
        items = type_of_items(value.ravel().tolist(), infer) if value.dtype.kind == "O" else None
        masked = type(value).__name__ == "MaskedArray"
        return cls(
            shape=(None, *value.shape[1:])[: value.ndim], dtype=dtype_name(value.dtype), items=items, masked=masked
        )

    def merge(self, others: Sequence[Any]) -> DataType | None:
        """See `DataType.merge`; lengths that differ are left free."""
        every = [self, *others]
        if len({(len(item.shape), item.dtype, item.masked) for item in every}) > 1:
            return None
        shape = tuple(
            lengths.pop() if len(lengths := set(column)) == 1 else None
            for column in zip(*(item.shape for item in every), strict=True)
        )
        items = unify([item.items for item in every if item.items is not None]) if self.items is not None else None
        return self.model_copy(update={"shape": shape, "items": items})

    def parts(self) -> Sequence[DataType]:
        """See `DataType.parts`."""
        return () if self.items is None else (self.items,)

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        schema = scalars.schema(self.dtype) if self.items is None else self.items.json_schema()
        if self.masked:
            schema = {"anyOf": [schema, {"enum": [None, scalars.NOT_A_TIME]}]}
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
        if not self.fits(value.shape):
            raise DataError(path, self._words(), f"an array of shape {_shape(value.shape)}")
        if scalars.kind_of(self.dtype) == "int":
            value = _whole(value)
        if not _same_kind(scalars.kind_of(dtype_name(value.dtype)), scalars.kind_of(self.dtype)):
            raise DataError(path, self._words(), f"an array of {value.dtype}")
        if self.items is not None:
            return self._encode_items(value, path)
        if type(value).__name__ == "MaskedArray":
            return self._encode_masked(value, path)
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
            if not lengths[-1]:  # nothing in it says how long the rows are
                lengths += [length or 0 for length in self.shape[depth + 1 :]]
                rows = []
                break
            rows = list(chain.from_iterable(rows)) if depth or len(rows) > 1 else rows[0]
        flat = rows if self.shape else [payload]

        def path_of(index: int) -> str:
            return _path(path, np.unravel_index(index, lengths) if lengths else ())

        if self.items is not None:
            array = np.empty(len(flat), dtype=object)
            for index, item in enumerate(flat):
                array[index] = self.items.decode(item, path_of(index))
        elif self.masked:
            mask = [item is None for item in flat]
            filler = _FILLERS.get(scalars.kind_of(self.dtype) or "")
            known = [filler if item is None else item for item in flat]
            array = np.ma.masked_array(scalars.decode_flat(known, self.dtype, path_of), mask=mask)
        else:
            array = scalars.decode_flat(flat, self.dtype, path_of)
        return array.reshape(lengths)

    def accept(self, value: Any, path: str = "data") -> Any:
        """See `DataType.accept`; an array that fits is not copied."""
        plain = (
            module_of(value) == "numpy"
            and _is_array(value)
            and value.dtype.kind not in "OUSmMV"
            and type(value).__name__ != "MaskedArray"
        )
        if not plain or self.masked or self.dtype == "object":
            return super().accept(value, path)
        if not self.fits(value.shape):
            raise DataError(path, self._words(), f"an array of shape {_shape(value.shape)}")
        if value.dtype == self.dtype:
            return value
        # integers may be out of range and times may have another unit: those are converted
        exact = scalars.kind_of(dtype_name(value.dtype)) == "float" and self.dtype == "float64"
        return value.astype(self.dtype) if exact else super().accept(value, path)

    @property
    def in_rows(self) -> bool:
        """See `DataType.in_rows`."""
        return bool(self.shape) and self.shape[0] is None and not self.masked

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

    def _encode_items(self, value: Any, path: str) -> Json:
        import numpy as np

        if self.items is None:
            raise AssertionError("the caller has looked")
        encoded = np.empty(value.size, dtype=object)
        for index, item in enumerate(value.ravel().tolist()):
            encoded[index] = self.items.encode(
                item, _path(path, np.unravel_index(index, value.shape) if value.shape else ())
            )
        return encoded.reshape(value.shape).tolist()

    def _encode_masked(self, value: Any, path: str) -> Json:
        import numpy as np

        mask = np.ma.getmaskarray(value)
        if not self.masked and mask.any():
            raise DataError(path, self._words(), "an array with masked items")
        encoded = np.empty(value.size, dtype=object)
        encoded[:] = [
            scalars.NOT_A_TIME if item is None else item for item in scalars.encode_array(value.data.ravel(), path)
        ]
        encoded[mask.ravel()] = None
        return encoded.reshape(value.shape).tolist()

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of a shape, the length of each dimension, is one of this type."""
        return len(shape) == len(self.shape) and all(
            want in (None, got) for want, got in zip(self.shape, shape, strict=True)
        )

    def _words(self) -> str:
        return f"an array of {self.dtype} of shape {_shape(self.shape)}"

    def _find(self, payload: Json, path: str, depth: int) -> None:
        """Raise the error of the first item that is not a list, or has the wrong length."""
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


_FILLERS: dict[str, Any] = {"int": 0, "float": 0.0, "bool": False, "str": "", "bytes": ""}


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
