"""Whatever is described comes back as it was."""

from __future__ import annotations

import dataclasses
import enum
import io
import json
import math
from collections import namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import jsonschema
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.extra import pandas as hpd
from PIL import Image
from pydantic import BaseModel
from scipy import sparse

from mlem_model.data.formats.binary import dump, formats_of, load
from mlem_model.data.types.any import difference, infer, parse_type
from mlem_model.errors import DataError


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


@dataclasses.dataclass
class Point:
    x: float
    tags: list[str]
    at: date | None = None


class Person(BaseModel):
    name: str
    age: int = 3


Pair = namedtuple("Pair", ["left", "right"])


def returned(value: Any) -> Any:
    """Send a value the whole way: its type through a file, its JSON through text."""
    data_type = parse_type(json.loads(json.dumps(infer(value).model_dump(mode="json"))))
    payload = json.loads(json.dumps(data_type.encode(value), allow_nan=False))
    schema = data_type.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(payload)
    return data_type.decode(payload)


def check(value: Any) -> None:
    assert difference(value, returned(value)) is None


plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.datetimes()
    | st.datetimes(
        allow_imaginary=False,
        timezones=st.sampled_from([UTC, ZoneInfo("Europe/Berlin"), timezone(timedelta(hours=5, minutes=30))]),
    )
    | st.decimals()
    | st.uuids()
    | st.sampled_from([*Color, *Level, Right.READ | Right.WRITE, Right(0)])
    | st.builds(Person, name=st.text(), age=st.integers())
    | st.builds(Point, x=st.floats(allow_nan=False), tags=st.lists(st.text(), max_size=2), at=st.none() | st.dates())
)
hashable = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary()
    | st.dates()
    | st.sampled_from(Color)
    | st.tuples(st.text(), st.integers())
)
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.dictionaries(hashable, inner, max_size=3)
        | st.frozensets(hashable, max_size=3)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=8,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(values)
def test_any_python_value_comes_back_as_it_was(value: Any) -> None:
    check(value)


names = [
    "int64",
    "int8",
    "uint64",
    "float64",
    "float32",
    "float16",
    "bool",
    "datetime64[s]",
    "datetime64[D]",
    "timedelta64[ms]",
    "U5",
    "S3",
]


@given(
    st.sampled_from(names).flatmap(
        lambda name: hnp.arrays(np.dtype(name), hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3))
    )
)
def test_any_array_comes_back_as_it_was(array: Any) -> None:
    check(array)
    if array.ndim:
        check(np.ma.masked_array(array, mask=np.arange(array.size).reshape(array.shape) % 2 == 0))


@given(st.lists(values, max_size=4))
def test_an_array_of_objects_comes_back_as_it_was(items: list[Any]) -> None:
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    check(array)


objects = (
    st.none()
    | st.just(math.nan)
    | st.just(pd.NA)
    | st.just(pd.NaT)
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.integers()
    | st.dates()
    | st.floats()
    | st.decimals(allow_nan=False)
    | st.booleans()
    | st.lists(st.integers(), max_size=2)
    | st.tuples(st.text(max_size=2))
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)
    | st.sampled_from(Color)
)


def _of(strategy: Any, dtype: Any) -> st.SearchStrategy[pd.Series]:
    return st.lists(strategy, min_size=1, max_size=4).map(lambda items: pd.Series(items, dtype=dtype))


moments = st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(2200, 1, 1))  # without a zone
small = st.integers(-100, 100)
columns = st.one_of(
    _of(objects, object),
    _of(st.none() | st.text(max_size=3), object),
    _of(st.none() | st.text(max_size=3), "string"),
    _of(st.text(max_size=3), None),
    _of(st.none() | small, "Int16"),
    _of(st.none() | st.floats(allow_nan=False), "Float64"),
    _of(st.none() | st.booleans(), "boolean"),
    _of(st.floats(), "float64"),
    _of(st.floats(width=32), "float32"),
    _of(small, "int8"),
    _of(st.integers(0, 2**64 - 1), "uint64"),
    _of(st.booleans(), "bool"),
    _of(st.none() | moments, "datetime64[us]"),
    _of(moments, "datetime64[ms]"),
    _of(st.none() | moments, "datetime64[ns, UTC]"),
    _of(moments, "datetime64[us, UTC]").map(lambda column: column.dt.tz_convert("Europe/Berlin")),
    _of(st.none() | st.timedeltas(timedelta(-1000), timedelta(1000)), "timedelta64[us]"),
    st.lists(st.dates(date(1900, 1, 1), date(2100, 1, 1)), min_size=1, max_size=4).map(
        lambda days: pd.Series(pd.PeriodIndex(days, freq="M"))
    ),
    st.lists(st.none() | st.sampled_from(["lo", "mid", "hi"]), min_size=1, max_size=4).map(
        lambda words: pd.Series(pd.Categorical(words, categories=["lo", "mid", "hi"], ordered=True))
    ),
    st.lists(st.integers(0, 9), min_size=1, max_size=4).map(lambda numbers: pd.Series(pd.cut(numbers, [0, 3, 6, 9]))),
    st.lists(st.integers(0, 9), min_size=1, max_size=4).map(
        lambda numbers: pd.Series(pd.arrays.IntervalArray.from_breaks(sorted({*numbers, 10})))
    ),
    st.lists(st.none() | moments, min_size=1, max_size=4).map(lambda days: pd.Series(days, dtype="category")),
    _of(st.none() | small, "int64[pyarrow]"),
    _of(st.none() | st.text(max_size=3), "large_string[pyarrow]"),
    _of(st.none() | st.floats(allow_nan=False), "double[pyarrow]"),
    _of(st.none() | st.booleans(), "bool[pyarrow]"),
    _of(st.none() | moments, "timestamp[us][pyarrow]"),
    _of(st.none() | st.dates(), "date32[day][pyarrow]"),
)
labels = st.text(max_size=4) | st.integers() | st.tuples(st.text(max_size=2), st.integers(0, 3))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(columns, st.none() | labels, st.none() | st.text(max_size=3), st.booleans())
def test_any_series_comes_back_as_it_was(series: pd.Series, name: Any, index_name: Any, indexed: bool) -> None:
    series.name = name
    if indexed:
        series.index = pd.Index(range(5, 5 + len(series)), name=index_name)
    check(series)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(columns, min_size=1, max_size=3), st.data())
def test_any_frame_comes_back_as_it_was(parts: list[pd.Series], data: Any) -> None:
    length = min(map(len, parts))
    tuples = data.draw(st.booleans())
    label = st.tuples(st.text(max_size=2), st.integers(0, 3)) if tuples else st.text(max_size=4) | st.integers()
    names_ = data.draw(st.lists(label, min_size=len(parts), max_size=len(parts), unique_by=str))
    frame = pd.DataFrame({at: part.iloc[:length].reset_index(drop=True) for at, part in enumerate(parts)})
    frame.columns = pd.MultiIndex.from_tuples(names_) if tuples else pd.Index(names_)
    index = data.draw(st.none() | columns.filter(lambda column: len(column) >= length))
    if index is not None:
        frame.index = pd.Index(index.iloc[:length], dtype=index.dtype, name=data.draw(st.none() | st.text(max_size=3)))
    check(frame)


@given(hpd.data_frames([hpd.column("a", dtype=float), hpd.column("b", dtype=int), hpd.column("c", dtype=bool)]))
def test_a_frame_of_numbers_comes_back_as_it_was(frame: pd.DataFrame) -> None:
    check(frame)


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"v": [1.0, 2.0]}, index=pd.date_range("2024-01-01", periods=2, freq="D")),
        pd.DataFrame({"v": [1.0, 2.0]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])),
        pd.DataFrame({"id": [1, 2], "v": [1.0, 2.0]}).set_index("id", drop=False),
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")], names=["one", "two"])),
        pd.DataFrame({"b": ["x", "y"], "a": [1, 2]}).rename_axis("axis", axis=1),
        pd.DataFrame(index=pd.RangeIndex(3)),
        pd.DataFrame({"a": pd.Series([], dtype="float64")}),
        pd.Series([1, 2], index=pd.period_range("2024-01", periods=2, freq="M"), name="s"),
        pd.Series([1, 2], index=pd.CategoricalIndex(["a", "b"])),
        pd.Series(["a", None], dtype=object),
        pd.Series([b"abc", None], dtype=object),
        pd.Timestamp("2024-02-29 12:00:00.123456789"),
        pd.Timestamp("2024-10-27 00:30", tz="UTC").tz_convert("Europe/Berlin"),
        datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        pd.Timedelta(days=-1, nanoseconds=3), pd.Period("2024-05", "M"), pd.NaT, pd.NA,
        np.float32(1.5), np.datetime64("2024-01-01"), np.bool_(True), np.str_("x"),
        {np.int64(1): "a", np.int64(2): "b"},
        {(1, "a"): 2.0}, {date(2024, 1, 1): 1}, {"a": {1, 2}, "b": frozenset({"x"})}, set(), (), {}, [[], [1]],
        [Color.RED, Color.BLUE], Level.HIGH, Point(1, ["a"]), Person(name="x"), Pair(1, "b"),
        [1, "a", None, b"x", 2.5, math.nan],
        Decimal("1.10"), UUID(int=5), time(1, 2, 3), timedelta(microseconds=-1), bytearray(b"ab"),
        np.array([(1, 2.5, "a")], dtype=[("a", "i4"), ("b", "f8"), ("c", "U3")]),
        np.rec.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
        np.ma.masked_array([1, 2, 3], mask=[0, 1, 0]), np.array([1, None, "x"], dtype=object),
        np.array([date(2024, 1, 1)], dtype=object),
        sparse.csr_matrix(np.eye(3)), sparse.csc_array(np.array([[0, 2], [0, 0]])), sparse.coo_matrix((2, 5)),
        Image.new("RGB", (3, 2), (1, 2, 3)), Image.new("L", (1, 1)), Image.new("RGBA", (2, 2), (1, 2, 3, 4)),
        pl.DataFrame(
            {"a": [1, None], "b": ["x", "y"], "c": [date(2024, 1, 1), None], "d": [1.5, math.nan], "e": [b"x", None]}
        ),
        pl.Series("s", [datetime(2024, 1, 1)]),
        pl.DataFrame({"t": [timedelta(1)], "z": [datetime(2024, 1, 1, tzinfo=UTC)]}),
    ],
    ids=lambda value: f"{type(value).__module__.partition('.')[0]}-{type(value).__name__}",
)  # fmt: skip
def test_values_that_people_have_come_back_as_they_were(value: Any) -> None:
    check(value)


@pytest.mark.parametrize(
    ("given", "back", "words"),
    [
        (b"ab", "YWI=", "data: b'ab' (bytes) comes back as 'YWI=' (str)"),
        ([1, None], [1, math.nan], "data[1]: None (NoneType) comes back as nan (float)"),
        ({"a": 1}, {"a": 2}, "data.a: 1 (int) comes back as 2 (int)"),
        (True, 1, "data: True (bool) comes back as 1 (int)"),
        (np.array([1, 2]), np.array([1.0, 2.0]), "data: an array of int64 comes back as one of float64"),
        (np.array([1.0, 2.0]), np.array([1.0, 3.0]), "data[1]: 2.0 (float64) comes back as 3.0 (float64)"),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), "data: the columns ['a'] come back as ['b']"),
        (
            pd.DataFrame({"a": [1]}),
            pd.DataFrame({"a": [1.0]}),
            "data.a: a column of int64 comes back as one of float64",
        ),
        (
            pd.DataFrame({"a": [1]}),
            pd.DataFrame({"a": [1]}, index=[5]),
            "data.index[0]: 0 (int64) comes back as 5 (int64)",
        ),
        (pd.Series([1], name="a"), pd.Series([1]), "data: the name 'a' comes back as None"),
    ],
)
def test_a_difference_is_told_with_its_place(given: Any, back: Any, words: str) -> None:
    assert difference(given, back) == words


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(columns, min_size=1, max_size=3), st.booleans())
def test_a_frame_or_series_comes_back_from_every_binary_format_that_its_type_lists(
    parts: list[pd.Series], indexed: bool
) -> None:
    length = min(map(len, parts))
    frame = pd.DataFrame({f"c{at}": part.iloc[:length].reset_index(drop=True) for at, part in enumerate(parts)})
    if indexed:
        names = frame.pop("c0")
        frame.index = pd.Index(names, dtype=names.dtype, name="c0")
    for value in (frame, *(frame.iloc[:, at] for at in range(frame.shape[1]))):
        data_type = infer(value)
        for media_type in formats_of(data_type):
            assert (
                difference(
                    value, load(data_type, bytearray(dump(data_type, data_type.accept(value), media_type)), media_type)
                )
                is None
            )


def test_bytes_and_images_travel_raw() -> None:
    image = Image.new("RGB", (3, 2), (1, 2, 3))
    buffer = io.BytesIO()
    image.save(buffer, "BMP")
    assert difference(image, load(infer(image), buffer.getvalue(), "image/bmp")) is None
    assert load(infer(b""), b"\0\xff", "application/octet-stream") == b"\0\xff"
    with pytest.raises(DataError, match=r"expected an image: .* got bytes that are not one"):
        load(infer(image), b"no image", "image/png")
