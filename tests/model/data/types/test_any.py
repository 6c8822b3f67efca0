from __future__ import annotations

import json
import math
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlem_model.data.types.any import (
    DataFrameType,
    DictType,
    ListType,
    MappingType,
    NdarrayType,
    NumberType,
    OptionalType,
    PrimitiveType,
    TupleType,
    UnionType,
    UnspecifiedType,
    equal,
    first_row,
    infer,
    parse_type,
)
from mlem_model.errors import DataError

FLOATS = NdarrayType(shape=(None, 3), dtype="float64")
PEOPLE = DataFrameType(columns=("name", "age"), dtypes=("str", "int64"))

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(st.integers(), inner)
    ),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
dtypes = st.sampled_from(
    ["float64", "float32", "float16", "int64", "int8", "uint8", "uint64", "bool", "U3", "datetime64[s]"]
)
arrays = dtypes.flatmap(
    lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
)


def as_json(payload: Any) -> Any:
    return json.loads(json.dumps(payload, allow_nan=False))


def check_schema(schema: dict[str, Any], payload: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(payload)


@given(values)
def test_any_python_value_is_described_encoded_to_pure_json_and_admitted_by_its_schema(value: Any) -> None:
    data_type = infer(value)
    payload = as_json(data_type.encode(value))
    check_schema(data_type.json_schema(), payload)
    assert equal(as_json(data_type.encode(data_type.decode(payload))), payload)
    assert parse_type(json.loads(json.dumps(data_type.model_dump(mode="json")))) == data_type


def test_an_integer_that_no_float_equals_travels_among_floats_in_a_union_as_it_does_elsewhere() -> None:
    beyond = {0: 0.0, 1: 2**53 + 1}
    either = {0: beyond, 1: (None, None)}

    data_type = infer(either)
    payload = as_json(data_type.encode(either))

    assert payload["0"] == as_json(infer(beyond).encode(beyond))
    assert data_type.decode(payload) == {0: {0: 0.0, 1: float(2**53)}, 1: (None, None)}


@given(
    st.lists(st.integers())
    | st.lists(st.text())
    | st.lists(st.binary())
    | st.tuples(st.text(), st.integers(), st.booleans())
    | st.none()
)
def test_a_python_value_comes_back_equal(value: Any) -> None:
    data_type = infer(value)
    assert data_type.decode(as_json(data_type.encode(value))) == value


@given(arrays)
def test_an_array_comes_back_equal_with_dtype_and_shape(array: Any) -> None:
    data_type = infer(array)
    payload = as_json(data_type.encode(array))
    check_schema(data_type.json_schema(), payload)
    back = data_type.decode(payload)
    np.testing.assert_array_equal(back, array)
    assert back.dtype.kind == array.dtype.kind
    assert 0 in array.shape or back.shape == array.shape


@given(json_values)
def test_an_array_type_decodes_or_names_the_place_never_crashes(payload: Any) -> None:
    for data_type in (
        FLOATS,
        NdarrayType(shape=(None,), dtype="int8"),
        NdarrayType(shape=(None,), dtype="datetime64[s]"),
    ):
        try:
            data_type.decode(payload)
        except DataError as error:
            assert error.path.startswith("data")  # noqa: PT017  # not raising is right too


@given(json_values | st.lists(st.fixed_dictionaries({"name": json_values, "age": json_values}), max_size=3))
def test_a_frame_type_decodes_or_names_the_place_never_crashes(payload: Any) -> None:
    kinds = (
        ("str", "int64"),
        ("datetime64[ns, UTC]", "Int64"),
        ("category", "float32"),
        ("object", "datetime64[ns]"),
        ("boolean", "bool"),
    )
    for pair in kinds:
        try:
            DataFrameType(columns=("name", "age"), dtypes=pair).decode(payload)
        except DataError as error:
            assert error.path.startswith("data")  # noqa: PT017  # not raising is right too


@given(
    st.sampled_from(["float64", "float32", "int8", "bool"]).flatmap(lambda dtype: hnp.arrays(np.dtype(dtype), (3, 2)))
)
def test_a_frame_of_one_dtype_comes_back_equal(array: Any) -> None:
    numbers = pd.DataFrame(array, columns=["b", "a"])
    data_type = infer(numbers)
    payload = as_json(data_type.encode(numbers))
    check_schema(data_type.json_schema(), payload)
    pd.testing.assert_frame_equal(data_type.decode(payload), numbers)
    pd.testing.assert_frame_equal(data_type.decode([{"a": row["a"], "b": row["b"]} for row in payload]), numbers)


def test_the_wrong_cell_of_a_frame_of_one_dtype_is_named() -> None:
    data_type = DataFrameType(columns=("a", "b"), dtypes=("float64", "float64"))
    with pytest.raises(DataError) as caught:
        data_type.decode([{"a": 1, "b": 2}, {"a": 1, "b": "x"}])
    assert caught.value.path == "data[1].b"
    assert data_type.decode([]).shape == (0, 2)


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "float": [1.5, math.nan, math.inf],
            "small": np.array([1, 2, 3], dtype="int8"),
            "flag": [True, False, True],
            "text": ["a", None, "c"],
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "maybe": pd.array([True, None, False], dtype="boolean"),
            "kind": pd.Categorical(["lo", None, "hi"], categories=["lo", "mid", "hi"], ordered=True),
            "level": pd.Categorical([1, 2, 1]),
            "time": pd.to_datetime(["2024-02-29T12:00:00.123456", None, "1970-01-01"], format="ISO8601"),
            "zoned": pd.to_datetime(["2024-02-29T12:00:00+02:00"] * 3, utc=True).tz_convert("Europe/Berlin"),
        }
    )


def test_a_frame_comes_back_equal_with_every_kind_of_column() -> None:
    data_type = infer(frame())
    payload = as_json(data_type.encode(frame()))
    check_schema(data_type.json_schema(), payload)
    pd.testing.assert_frame_equal(data_type.decode(payload), frame())
    assert parse_type(data_type.model_dump(mode="json")) == data_type


def test_a_frame_is_encoded_as_records() -> None:
    people = pd.DataFrame({"name": ["Ann", None], "age": [41, 7]})
    assert infer(people).encode(people) == [{"name": "Ann", "age": 41}, {"name": None, "age": 7}]


@pytest.mark.parametrize(
    "payload",
    [
        [{"age": 41, "name": "Ann"}, {"name": None, "age": 7}],
        {"values": [{"name": "Ann", "age": 41}, {"name": None, "age": 7}]},
        [["Ann", 41], [None, 7]],
        {"age": [41, 7], "name": ["Ann", None]},
    ],
)
def test_a_frame_is_read_from_records_values_rows_and_columns(payload: Any) -> None:
    expected = pd.DataFrame({"name": pd.Series(["Ann", None], dtype=PEOPLE.decode([])["name"].dtype), "age": [41, 7]})
    pd.testing.assert_frame_equal(PEOPLE.decode(payload), expected)


def test_columns_named_by_numbers_come_back_as_numbers() -> None:
    numbered = pd.DataFrame(np.arange(6.0).reshape(2, 3))
    data_type = infer(numbered)
    assert data_type.encode(numbered)[0] == {"0": 0.0, "1": 1.0, "2": 2.0}
    pd.testing.assert_frame_equal(
        data_type.decode(as_json(data_type.encode(numbered))), numbered, check_column_type=False
    )


def test_an_index_travels_as_a_column_unless_it_only_counts_the_rows() -> None:
    named = pd.DataFrame({"x": [1.0, 2.0]}, index=pd.Index([7, 8], name="id"))
    data_type = infer(named)
    assert data_type == DataFrameType(columns=("id", "x"), dtypes=("int64", "float64"), index_cols=("id",))
    pd.testing.assert_frame_equal(data_type.decode(data_type.encode(named)), named)
    shuffled = pd.DataFrame({"x": [1.0, 2.0]}, index=[8, 3])
    assert infer(shuffled).encode(shuffled) == [{"index": 8, "x": 1.0}, {"index": 3, "x": 2.0}]
    pd.testing.assert_frame_equal(infer(shuffled).decode(infer(shuffled).encode(shuffled)), shuffled)
    counting = pd.DataFrame({"x": [1.0, 2.0]})
    assert infer(counting).encode(counting) == [{"x": 1.0}, {"x": 2.0}]


def test_a_series_comes_back_equal() -> None:
    for name in frame().columns:
        series = frame()[name]
        data_type = infer(series)
        payload = as_json(data_type.encode(series))
        check_schema(data_type.json_schema(), payload)
        pd.testing.assert_series_equal(data_type.decode(payload), series)


@pytest.mark.parametrize(
    ("data_type", "payload", "message", "hint"),
    [
        (FLOATS, [[1, 2, "x"]], "data[0][2]: expected a number (float64), got a string", None),
        (FLOATS, [[1, 2, True]], "data[0][2]: expected a number (float64), got a boolean", None),
        (FLOATS, [[1, 2, 3], [1, 2]], "data[1]: expected a list of 3 items, got 2 items", None),
        (FLOATS, [1, 2, 3], "data[0]: expected a list of 3 items, got an integer", None),
        (FLOATS, {"a": 1}, "data: expected a list, got an object", None),
        (
            NdarrayType(shape=(None,), dtype="uint8"),
            [1, 300],
            "data[1]: expected an integer (uint8) from 0 to 255, got an integer out of range",
            None,
        ),
        (
            NdarrayType(shape=(None,), dtype="float32"),
            [1e39],
            "data[0]: expected a number (float32), got a number out of range",
            None,
        ),
        (
            NdarrayType(shape=(None,), dtype="int64"),
            [1, 2.5],
            "data[1]: expected an integer (int64), got a number",
            None,
        ),
        (NdarrayType(shape=(None,), dtype="bool"), [1], "data[0]: expected true or false, got an integer", None),
        (PEOPLE, [{"name": "a", "age": "7"}], "data[0].age: expected an integer (int64), got a string", None),
        (
            PEOPLE,
            [{"name": "a", "age": 1}, {"name": 3, "age": 1}],
            "data[1].name: expected a string or null, got an integer",
            None,
        ),
        (PEOPLE, [{"name": "a"}], "data[0].age: expected a value: the columns are name, age, got nothing", None),
        (
            PEOPLE,
            [{"name": "a", "agee": 1}],
            "data[0].agee: expected one of the columns name, age, got an unknown column",
            'did you mean "age"?',
        ),
        (PEOPLE, [{"name": "a", "age": 1}, 5], "data[1]: expected a record, {column: value}, got an integer", None),
        (PEOPLE, [["a"]], "data[0]: expected 2 values, one for each column, got 1 values", None),
        (PEOPLE, {"name": ["a"], "age": [1, 2]}, "data.age: expected 1 values, as in name, got 2 values", None),
        (PEOPLE, "x", "data: expected a list of records, got a string", None),
        (PrimitiveType(ptype="float"), "1", "data: expected a number, got a string", None),
        (PrimitiveType(ptype="int"), True, "data: expected an integer, got a boolean", None),
        (PrimitiveType(ptype="bytes"), "?", "data: expected bytes in base64, got a string that is not base64", None),
        (ListType(dtype=PrimitiveType(ptype="int")), [1, 2, None], "data[2]: expected an integer, got null", None),
        (
            ListType(dtype=PrimitiveType(ptype="int"), size=2),
            [1],
            "data: expected a list of 2 items, got 1 items",
            None,
        ),
        (TupleType(items=(PrimitiveType(ptype="int"),)), [], "data: expected 1 items, got 0 items", None),
        (
            DictType(items={"a b": PrimitiveType(ptype="int")}),
            {"a b": None},
            'data["a b"]: expected an integer, got null',
            None,
        ),
        (
            MappingType(key=PrimitiveType(ptype="int"), value=UnspecifiedType()),
            {"x": 1},
            'data: expected keys that are integers, got the key "x"',
            None,
        ),
        (
            NumberType(dtype="int8"),
            200,
            "data: expected an integer (int8) from -128 to 127, got an integer out of range",
            None,
        ),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(data_type: Any, payload: Any, message: str, hint: str | None) -> None:
    with pytest.raises(DataError) as caught:
        data_type.decode(payload)
    assert (str(caught.value), caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("series", "wrong", "message"),
    [
        (pd.Series(pd.Categorical(["lo", "hi"])), 3, "data[1]: expected one of the categories hi, lo, got 3"),
        (
            pd.Series(pd.to_datetime(["2024-01-01"])),
            "yesterday",
            "data[1]: expected a time in ISO 8601, got a string that is not one",
        ),
        (pd.Series(pd.to_datetime(["2024-01-01"])), 5, "data[1]: expected a time in ISO 8601, got an integer"),
        (pd.Series(pd.array([True], dtype="boolean")), "x", "data[1]: expected true or false, got a string"),
    ],
)
def test_a_wrong_cell_of_a_special_column_is_named(series: Any, wrong: Any, message: str) -> None:
    data_type = infer(series)
    with pytest.raises(DataError) as caught:
        data_type.decode([data_type.encode(series)[0], wrong])
    assert str(caught.value) == message


def test_integers_stand_for_floats_and_floats_without_a_fraction_for_integers() -> None:
    np.testing.assert_array_equal(FLOATS.decode([[1, 2, 3.5]]), [[1.0, 2.0, 3.5]])
    assert NdarrayType(shape=(None,), dtype="int64").decode([1, 2.0]).tolist() == [1, 2]
    assert PrimitiveType(ptype="float").decode(3) == 3.0


def test_numbers_that_are_not_finite_travel_as_strings() -> None:
    values = np.array([math.nan, math.inf, -math.inf, 1.0])
    data_type = infer(values)
    assert data_type.encode(values) == ["NaN", "Infinity", "-Infinity", 1.0]
    np.testing.assert_array_equal(data_type.decode([None, "Infinity", "-Infinity", 1]), values)


@pytest.mark.parametrize(
    "value", [object(), np.array([1j]), np.complex64(1), pd.DataFrame({"a": [1j]}), {object(): 3}, [object()]]
)
def test_what_no_type_describes_is_refused_by_name(value: Any) -> None:
    with pytest.raises(DataError):
        infer(value)


def test_the_message_for_an_unknown_object_says_what_it_is_and_what_is_supported() -> None:
    with pytest.raises(DataError, match=r"expected a number, string, .* got function"):
        infer(lambda: None)


def test_values_convert_to_the_type_of_the_argument_where_nothing_is_lost() -> None:
    assert FLOATS.encode([[1, 2, 3]]) == [[1.0, 2.0, 3.0]]
    assert FLOATS.encode(pd.DataFrame({"a": [1], "b": [2], "c": [3]})) == [[1, 2, 3]]
    assert PEOPLE.encode([{"age": 1, "name": "x"}]) == [{"name": "x", "age": 1}]
    assert ListType(dtype=PrimitiveType(ptype="float")).encode(np.array([1.0, 2.0])) == [1.0, 2.0]
    assert PrimitiveType(ptype="int").encode(np.int32(4)) == 4


@pytest.mark.parametrize(
    ("data_type", "value"),
    [
        (FLOATS, np.zeros((2, 4))),
        (FLOATS, np.array([["a", "b", "c"]])),
        (FLOATS, "x"),
        (PEOPLE, pd.DataFrame({"name": ["x"], "age": [1.5]})),
        (PEOPLE, pd.DataFrame({"name": ["x"]})),
        (PEOPLE, 5),
        (PrimitiveType(ptype="int"), 1.5),
        (PrimitiveType(ptype="str"), 1),
        (NumberType(dtype="int64"), "x"),
        (ListType(dtype=PrimitiveType(ptype="int")), {"a": 1}),
    ],
)
def test_encoding_refuses_a_value_of_another_type(data_type: Any, value: Any) -> None:
    with pytest.raises(DataError):
        data_type.encode(value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            {"type": "array", "dtype": {"type": "primitive", "ptype": "int"}, "size": 3},
            ListType(dtype=PrimitiveType(ptype="int"), size=3),
        ),
        (
            {"type": "list", "items": [{"type": "primitive", "ptype": "str"}]},
            TupleType(items=(PrimitiveType(ptype="str"),), as_list=True),
        ),
        (
            {"type": "dict", "item_types": {"a": {"type": "binary"}}},
            DictType(items={"a": PrimitiveType(ptype="bytes")}),
        ),
        (
            {
                "type": "d_dict",
                "key_type": {"type": "primitive", "ptype": "int"},
                "value_type": {"type": "unspecified"},
            },
            MappingType(key=PrimitiveType(ptype="int"), value=UnspecifiedType()),
        ),
        (
            {"type": "series", "columns": ["", "x"], "dtypes": ["int64", "float64"], "index_cols": [""]},
            parse_type({"type": "series", "dtype": "float64", "name": "x"}),
        ),
    ],
)
def test_the_spellings_of_mlem_04_are_read(old: Any, new: Any) -> None:
    assert parse_type(old) == new


def test_a_list_of_items_of_mlem_04_decodes_to_a_list() -> None:
    assert parse_type({"type": "list", "items": [{"type": "primitive", "ptype": "str"}]}).decode(["x"]) == ["x"]


def test_mixed_lists_unify_where_they_can() -> None:
    number, integer = PrimitiveType(ptype="float"), PrimitiveType(ptype="int")
    assert infer([1, 2.5]) == ListType(dtype=number)
    assert infer([[1], [2.5]]) == ListType(dtype=ListType(dtype=number))
    assert infer([{"a": 1}, {"a": 2.5}]) == ListType(dtype=DictType(items={"a": number}))
    assert infer([1, None]) == ListType(dtype=OptionalType(dtype=integer))
    assert infer([1, "a"]) == ListType(dtype=UnionType(types=(integer, PrimitiveType(ptype="str"))))
    assert infer([{"a": 1}, {"b": None}]) == ListType(
        dtype=DictType(items={"a": integer, "b": PrimitiveType(ptype="NoneType")}, optional=("a", "b"))
    )


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_equal_forgives_rounding_and_nothing_else(number: float) -> None:
    assert equal(number, number / (1 + 1e-7))
    assert equal({"a": [number]}, {"a": [number]})
    assert not equal(number, str(number))
    assert equal(number, number + max(abs(number) * 1e-3, 1.0)) is False


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1, 1.0, True),
        (1, 2, False),
        (10**6, 10**6 + 1, False),
        (1, True, False),
        (0.0, 1e-9, True),
        ("NaN", "NaN", True),
        (math.nan, math.nan, True),
        (None, "NaN", False),
        ([1, 2], [1], False),
        ({"a": 1}, {"b": 1}, False),
        (10**400, 1.0, False),
        ("1", "1", True),
    ],
)
def test_equal_compares_encoded_answers(a: Any, b: Any, same: bool) -> None:
    assert (equal(a, b), equal(b, a)) == (same, same)


def test_the_first_row_keeps_its_container() -> None:
    assert first_row(np.arange(6).reshape(2, 3)).tolist() == [[0, 1, 2]]
    pd.testing.assert_frame_equal(first_row(frame()), frame().head(1))
    pd.testing.assert_series_equal(first_row(frame()["flag"]), frame()["flag"].head(1))
    assert first_row([1, 2]) == [1, 2]
    assert first_row(np.float64(3)) == 3


def test_types_name_the_modules_that_decoding_needs() -> None:
    assert infer({"a": [np.float64(1)], "b": (frame(),)}).requirements() == {"numpy", "pandas"}


def test_a_dict_with_very_many_keys_is_described_by_the_kind_of_its_keys() -> None:
    value = {f"user {number}": number for number in range(1000)}
    assert infer(value) == MappingType(key=PrimitiveType(ptype="str"), value=PrimitiveType(ptype="int"))
    assert infer(value).decode(infer(value).encode(value)) == value
