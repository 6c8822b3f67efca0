"""Data types: what a method takes and returns, as a schema, and as JSON.

Arrays, frames and series are recognised by the name of their class, so that importing this module imports neither numpy
nor pandas.
"""

from __future__ import annotations

import functools
import math
import sys
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, SerializeAsAny, Tag, TypeAdapter

from mlem_model.data.types.arrays.array import NdarrayType, NumberType
from mlem_model.data.types.arrays.dmatrix import DMatrixType
from mlem_model.data.types.arrays.images import ImageType
from mlem_model.data.types.arrays.sparse import SparseType
from mlem_model.data.types.arrays.tensors import TensorflowType, TorchType
from mlem_model.data.types.base import DataType, Json, module_of
from mlem_model.data.types.containers.classes import ClassType
from mlem_model.data.types.containers.mappings import DictType, MappingType, wrong_key
from mlem_model.data.types.containers.sequences import ListType, TupleType
from mlem_model.data.types.containers.sets import SetType
from mlem_model.data.types.known import foreign, infer, register
from mlem_model.data.types.plain.difference import difference
from mlem_model.data.types.plain.literal import LiteralType
from mlem_model.data.types.plain.optional import OptionalType
from mlem_model.data.types.plain.primitive import PrimitiveType
from mlem_model.data.types.plain.standard import StandardType
from mlem_model.data.types.plain.union import UnionType
from mlem_model.data.types.plain.unspecified import UnspecifiedType
from mlem_model.data.types.tables.columns import Categories
from mlem_model.data.types.tables.frames import DataFrameType
from mlem_model.data.types.tables.polars import PolarsType
from mlem_model.data.types.tables.series import SeriesType
from mlem_model.data.types.tables.structured import StructuredType

__all__ = [
    "AnyDataType", "Categories", "ClassType", "DataFrameType", "DataType", "DictType", "ImageType", "Json",
    "ListType", "LiteralType", "MappingType", "NdarrayType", "NumberType", "OptionalType", "PolarsType",
    "PrimitiveType", "SeriesType", "SetType", "SparseType", "StandardType", "StructuredType", "TupleType",
    "UnionType", "UnspecifiedType", "difference", "equal", "first_row", "infer", "parse_type", "wrong_key",
]  # fmt: skip

CLASSES: tuple[type[DataType], ...] = (
    NumberType, StructuredType, NdarrayType, DataFrameType, SeriesType, SparseType, PolarsType, ImageType, TorchType,
    TensorflowType, DMatrixType, ClassType, StandardType, PrimitiveType, ListType, TupleType, DictType, MappingType,
    SetType, OptionalType, UnionType, LiteralType, UnspecifiedType,
)  # fmt: skip

_WORDS = frozenset({*(cls.type for cls in CLASSES), "binary"})
_FOREIGN = ""
"""Stands for the words of plugins where types are told apart; the paths of errors end with it."""


def _tag(data: Any) -> str | None:
    if isinstance(data, DataType):
        return data.type if isinstance(data, CLASSES) else _FOREIGN
    if not isinstance(data, dict):
        return None
    word = data.get("type")
    if word == "list" and "items" in data:
        return "list04"
    if not isinstance(word, str):
        return None
    return {"array": "list", "torch": "torch_tensor"}.get(word, word if word in _WORDS else _FOREIGN)


def _of_plugin(data: Any) -> Any:
    return data if isinstance(data, DataType) else foreign(data)


def _list_of_04(data: Any) -> Any:
    return data if isinstance(data, DataType) else {**data, "as_list": True}


def _binary_of_04(data: Any) -> Any:
    return data if isinstance(data, DataType) else {"ptype": "bytes"}


class _ByWord(Discriminator):
    """A discriminator that can be part of ``AnyDataType | None``: unions of types hash what they are made of."""

    __hash__ = object.__hash__


AnyDataType = Annotated[
    Annotated[PrimitiveType, Tag("primitive")]
    | Annotated[NumberType, Tag("number")]
    | Annotated[NdarrayType, Tag("ndarray")]
    | Annotated[DataFrameType, Tag("dataframe")]
    | Annotated[SeriesType, Tag("series")]
    | Annotated[StructuredType, Tag("structured")]
    | Annotated[SparseType, Tag("sparse")]
    | Annotated[PolarsType, Tag("polars")]
    | Annotated[ImageType, Tag("image")]
    | Annotated[TorchType, Tag("torch_tensor")]
    | Annotated[TensorflowType, Tag("tf_tensor")]
    | Annotated[DMatrixType, Tag("dmatrix")]
    | Annotated[ClassType, Tag("class")]
    | Annotated[StandardType, Tag("standard")]
    | Annotated[ListType, Tag("list")]
    | Annotated[TupleType, Tag("tuple")]
    | Annotated[TupleType, BeforeValidator(_list_of_04), Tag("list04")]
    | Annotated[DictType, Tag("dict")]
    | Annotated[MappingType, Tag("d_dict")]
    | Annotated[SetType, Tag("set")]
    | Annotated[OptionalType, Tag("optional")]
    | Annotated[UnionType, Tag("union")]
    | Annotated[LiteralType, Tag("literal")]
    | Annotated[PrimitiveType, BeforeValidator(_binary_of_04), Tag("binary")]
    | Annotated[UnspecifiedType, Tag("unspecified")]
    | Annotated[SerializeAsAny[DataType], BeforeValidator(_of_plugin), Tag(_FOREIGN)],
    _ByWord(
        _tag,
        custom_error_type="value_error",
        custom_error_context={
            "error": f"expected a data type, with one of {', '.join(cls.type for cls in CLASSES)} as its type"
        },
    ),
]
"""Any of the data types, told apart by ``type``; those of plugins too, and the spellings of MLEM 0.4."""

register(CLASSES)
for _class in CLASSES:
    # the classes are built when they are first used: most programs use a few
    vars(sys.modules[_class.__module__])["AnyDataType"] = AnyDataType


@functools.cache
def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(AnyDataType)


def parse_type(data: Any) -> DataType:
    """Build a data type from plain data.

    Raises:
        pydantic.ValidationError: It is not a data type.
    """
    parsed: DataType = _adapter().validate_python(data)
    return parsed


def equal(a: Json, b: Json, rel_tol: float = 1e-5) -> bool:
    """Compare two encoded answers.

    Args:
        a: What `DataType.encode` wrote.
        b: The same, computed elsewhere.
        rel_tol: Relative tolerance between floats; another machine's arithmetic may round differently. Around zero the
            absolute tolerance is 1e-8. All else is compared exactly.
    """
    if isinstance(a, dict):
        return (
            isinstance(b, dict)
            and a.keys() == b.keys()
            and all(equal(item, b[key], rel_tol) for key, item in a.items())
        )
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(equal(x, y, rel_tol) for x, y in zip(a, b, strict=True))
    kinds = {type(a), type(b)}
    if kinds == {float} or kinds == {int, float}:
        try:
            return math.isclose(a, b, rel_tol=rel_tol, abs_tol=1e-8) or (math.isnan(a) and math.isnan(b))
        except OverflowError:  # an integer beyond the range of floats
            return False
    return len(kinds) == 1 and bool(a == b)


def first_row(value: Any) -> Any:
    """Return the sample row of a value: the first row of an array, a frame or a series, in the same container.

    Of any other value, return the value itself.
    """
    if module_of(value) == "pandas" and hasattr(value, "iloc"):
        return value.iloc[:1]
    if module_of(value) in ("numpy", "torch", "tensorflow") and len(getattr(value, "shape", ())) > 0:
        return value[:1]
    return value
