"""Frames that fit exactly, which take a short way, and those that nearly do."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from mlem_model.data.formats.binary import ARROW, NPY, dump, dump_checked, formats_of, load
from mlem_model.data.types.any import DataFrameType, infer
from mlem_model.data.types.notes import collecting
from mlem_model.errors import DataError

BLOCK = pd.DataFrame(np.arange(6.0).reshape(2, 3), columns=["a", "b", "c"])
MIXED = pd.DataFrame(
    {
        "int": [1, 2, 3], "float": [0.5, np.nan, np.inf], "text": pd.Series(["x", None, "z"], dtype="str"),
        "kind": pd.Categorical(["b", None, "a"], categories=["b", "a", "c"]),
        "size": pd.Categorical([2, 1, None], categories=[1, 2], ordered=True), "flag": [True, False, True],
        "more": [4, 5, 6],
    }
)  # fmt: skip


def type_of(frame: pd.DataFrame) -> DataFrameType:
    found = infer(frame)
    assert isinstance(found, DataFrameType)
    return found


@pytest.mark.parametrize("frame", [BLOCK, BLOCK.astype("int8"), BLOCK > 2, BLOCK * np.nan, BLOCK[:0], BLOCK.iloc[::-1]])
def test_a_frame_of_one_dtype_travels_as_one_array(frame: pd.DataFrame) -> None:
    kind = type_of(frame.reset_index(drop=True))
    assert formats_of(kind)[0] == NPY
    body = dump_checked(kind, frame, NPY, "x")
    assert_frame_equal(load(kind, bytearray(body), NPY), frame.reset_index(drop=True))


def test_an_array_in_the_order_of_columns_arrives_in_it() -> None:
    made = pd.DataFrame({name: BLOCK[name].to_numpy().copy() for name in BLOCK})
    for frame in (BLOCK, made, BLOCK.copy()):
        back = load(type_of(BLOCK), bytearray(dump(type_of(BLOCK), frame, NPY)), NPY)
        assert back.to_numpy().flags.f_contiguous == frame.to_numpy().flags.f_contiguous


def test_columns_in_another_order_and_unknown_ones_are_put_right_in_every_format() -> None:
    other = BLOCK.assign(d=1.0)[["d", "c", "a", "b"]]
    kind = type_of(BLOCK)
    for form in (NPY, ARROW):
        with collecting() as notes:
            body = dump_checked(kind, other, form, "x")
        assert notes.lines == ['the column "d" is not one of the model\'s, and was left out']
        assert_frame_equal(load(kind, bytearray(body), form), BLOCK)
    assert kind.encode(other) == BLOCK.to_dict("records")


def test_a_lacking_column_and_a_wrong_dtype_are_told_for_an_array_too() -> None:
    kind = type_of(BLOCK)
    with pytest.raises(DataError, match="column"):
        dump_checked(kind, BLOCK[["a", "b"]], NPY, "x")
    with pytest.raises(DataError):
        dump_checked(kind, BLOCK.astype({"a": "str"}), NPY, "x")
    assert_frame_equal(load(kind, bytearray(dump_checked(kind, BLOCK.astype("int64"), NPY, "x")), NPY), BLOCK)


@pytest.mark.parametrize(
    ("array", "fits"),
    [
        (np.ones((2, 3), "f4"), True), (np.ones((2, 3), "i4"), True), (np.ones((2, 3), ">f8"), True),
        (np.ones((2, 3), "?"), False), (np.ones((2, 3), "c16"), False), (np.ones((2, 3), "U2"), False),
        (np.ones((2, 4)), False), (np.ones(3), False), (np.ones((1, 2, 3)), False),
    ],
)  # fmt: skip
def test_an_array_becomes_a_frame_only_where_nothing_is_lost(array: Any, fits: bool) -> None:
    kind = type_of(BLOCK)
    body = bytearray(dump(infer(np.ones(1)), array, NPY))
    if fits:
        assert_frame_equal(load(kind, body, NPY), BLOCK * 0 + 1)
    else:
        with pytest.raises(DataError, match="array of"):
            load(kind, body, NPY)


def test_a_mixed_frame_is_the_same_by_the_short_way() -> None:
    kind = type_of(MIXED)
    rows = kind.encode(MIXED)
    assert rows == [
        {"int": 1, "float": 0.5, "text": "x", "kind": "b", "size": 2, "flag": True, "more": 4},
        {"int": 2, "float": "NaN", "text": None, "kind": None, "size": 1, "flag": False, "more": 5},
        {"int": 3, "float": "Infinity", "text": "z", "kind": "a", "size": None, "flag": True, "more": 6},
    ]
    assert rows == kind.encode(MIXED.astype({"kind": "object", "more": "object"}))
    assert_frame_equal(kind.decode(rows), MIXED)
    assert_frame_equal(kind.accept(MIXED), MIXED)
    assert_frame_equal(load(kind, bytearray(dump(kind, MIXED, ARROW)), ARROW), MIXED)


@pytest.mark.parametrize(
    "categories", [["a", "b", "c"], ["b", "a"], ["b", "a", "c", "d"]], ids=["another order", "fewer", "more"]
)
def test_a_column_with_other_categories_gets_those_on_record(categories: list[str]) -> None:
    own = MIXED.assign(kind=pd.Categorical(["b", None, "a"], categories=categories))
    kind = type_of(MIXED)
    assert_frame_equal(kind.accept(own), MIXED)
    assert_frame_equal(kind.decode(kind.encode(own)), MIXED)


def test_other_fields_have_other_labels() -> None:
    indexed = BLOCK.set_index("a")
    kind = type_of(indexed)
    assert list(kind.labels.index) == ["b", "c"]
    assert (kind.names, kind.block_dtype) == (["a", "b", "c"], None)
    bare = kind.without_index()
    assert (list(bare.labels.index), bare.names, bare.block_dtype) == (["b", "c"], ["b", "c"], "float64")
    for same in (pickle.loads(pickle.dumps(bare)), copy.deepcopy(bare)):
        assert (same, list(same.labels.index)) == (bare, ["b", "c"])


def test_a_name_given_to_the_columns_of_one_frame_is_not_given_to_those_of_the_next() -> None:
    kind = type_of(BLOCK)
    for made in (lambda: kind.decode(kind.encode(BLOCK)), lambda: load(kind, bytearray(dump(kind, BLOCK, NPY)), NPY)):
        made().columns.name = "changed"
        assert made().columns.name is None


def test_labels_are_compared_by_what_they_are() -> None:
    labels = type_of(BLOCK).labels
    assert labels.are(BLOCK.columns)
    assert labels.are(pd.Index(["a", "b", "c"], dtype=object))
    assert labels.are(pd.Index(["a", "b", "c"]))
    assert not labels.are(pd.Index(["a", "c", "b"]))
    assert not labels.are(pd.Index(["a", "b"]))


@pytest.mark.parametrize("name", ["float", "text", "flag", "kind"])
def test_a_series_is_accepted_as_it_is_decoded(name: str) -> None:
    kind = infer(MIXED[name])
    for given in (MIXED[name], MIXED[name].rename("other"), MIXED[name].rename(None).set_axis([7, 8, 9])):
        assert_series_equal(kind.accept(given), kind.decode(kind.encode(MIXED[name])))
