"""The arguments of a call, as people write them: options, JSON, files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlem_model.data.csv.text import CsvForm
from mlem_model.data.types.any import DataType, OptionalType, PrimitiveType, UnspecifiedType, infer
from mlem_model.errors import DataError, NotFoundError, UserError
from mlem_model.models.calls.inputs import arguments_of
from mlem_model.models.calls.reader import CallReader
from mlem_model.models.model import Argument, Method

TEXT, INT, FLOAT, BOOL, BYTES = (
    PrimitiveType.model_validate({"ptype": ptype}) for ptype in ("str", "int", "float", "bool", "bytes")
)
FRAME = pd.DataFrame({"v": [1.0, 2.0]})


def method(required: dict[str, DataType], optional: dict[str, DataType] | None = None) -> Method:
    args = [Argument(name=name, data_type=data_type) for name, data_type in required.items()]
    args += [Argument(name=name, data_type=data_type, required=False) for name, data_type in (optional or {}).items()]
    return Method(name="__call__", args=tuple(args), returns=UnspecifiedType())


AREA = method(
    {"width": FLOAT, "height": FLOAT}, {"unit": TEXT, "double": BOOL, "sides": infer([1]), "any": UnspecifiedType()}
)
SCORE = method(
    {"X": infer(FRAME)}, {"threshold": FLOAT, "names": infer(["a"]), "when": infer(pd.Timestamp("2024-01-01").date())}
)


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ([("width", "2"), ("height", "3.5")], {"width": 2.0, "height": 3.5}),
        ([("width", "-2"), ("height", "1e3"), ("unit", "007")], {"width": -2.0, "height": 1000.0, "unit": "007"}),
        (
            [("width", "1"), ("height", "1"), ("unit", "@home"), ("double", None)],
            {"width": 1.0, "height": 1.0, "unit": "@home", "double": True},
        ),
        (
            [("width", "1"), ("height", "1"), ("no_double", None), ("unit", "")],
            {"width": 1.0, "height": 1.0, "double": False, "unit": ""},
        ),
        (
            [("width", "1"), ("height", "1"), ("double", "yes"), ("sides", "[1, 2]")],
            {"width": 1.0, "height": 1.0, "double": True, "sides": [1, 2]},
        ),
        ([("width", "1"), ("height", "1"), ("any", '{"a": 1}')], {"width": 1.0, "height": 1.0, "any": {"a": 1}}),
        ([("width", "1"), ("height", "1"), ("any", "bob")], {"width": 1.0, "height": 1.0, "any": "bob"}),
        ([("width", "1"), ("height", "1"), ("any", "007")], {"width": 1.0, "height": 1.0, "any": "007"}),
    ],
)
def test_options_are_read_by_the_types_of_the_arguments(
    given: list[tuple[str, str | None]], values: dict[str, Any]
) -> None:
    assert CallReader(AREA).read(None, given) == values


def test_a_json_object_has_all_arguments_as_a_word_or_as_a_file(tmp_path: Path) -> None:
    document, values = '{"width": 2, "height": 3}', {"width": 2.0, "height": 3.0}
    (tmp_path / "call.json").write_text(document)
    (tmp_path / "call").write_text(document)
    reader = CallReader(AREA)
    assert reader.read(document) == values
    assert reader.read(str(tmp_path / "call.json")) == values
    assert reader.read(str(tmp_path / "call")) == values
    assert reader.read("-", stdin=io.BytesIO(document.encode())) == values
    assert reader.read('{"width": 2}', [("height", "3")]) == values


def test_data_is_the_value_of_the_only_argument_that_is_not_given(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("v\n1\n2\n")
    (tmp_path / "v.json").write_text('[{"v": 1}, {"v": 2}]')
    (tmp_path / "columns.json").write_text('{"v": [1, 2]}')
    for data in ("v.csv", "v.json", "columns.json"):
        values = CallReader(SCORE).read(
            str(tmp_path / data), [("threshold", "0.9"), ("names", '["b"]'), ("when", "2024-02-29")]
        )
        pd.testing.assert_frame_equal(values.pop("X"), FRAME)
        assert values == {"threshold": 0.9, "names": ["b"], "when": pd.Timestamp("2024-02-29").date()}
    for given in (("X", f"@{tmp_path / 'v.csv'}"), ("X", str(tmp_path / "v.csv")), ("X", '[{"v": 1}, {"v": 2}]')):
        pd.testing.assert_frame_equal(CallReader(SCORE).read(None, [given])["X"], FRAME)
    pd.testing.assert_frame_equal(CallReader(SCORE).read('{"X": [{"v": 1}, {"v": 2}]}')["X"], FRAME)
    assert CallReader(method({}, {"n": INT})).read('{"n": 3}') == {"n": 3}


@pytest.mark.parametrize(
    ("data", "given", "code", "message"),
    [
        (None, [], "bad-arguments", "predict needs width and height"),
        (None, [("width", "1")], "bad-arguments", "predict needs height"),
        (None, [("widht", "1")], "bad-arguments", 'predict has no argument "widht"'),
        (None, [("width", "1"), ("width", "2")], "bad-arguments", "--width was given twice"),
        (None, [("width", None)], "bad-arguments", "--width needs a value"),
        (None, [("width", "")], "bad-data", "width: expected a number, got ''"),
        (None, [("width", "abc")], "bad-data", "width: expected a number, got 'abc'"),
        (None, [("double", "maybe")], "bad-data", "double: expected true or false, got 'maybe'"),
        (None, [("sides", "[1,")], "bad-data", "sides: expected JSON, or a file, got '[1,'"),
        (None, [("no_width", None)], "bad-arguments", 'predict has no argument "no_width"'),
        ('{"width": 1, "height": "x"}', [], "bad-data", "height: expected a number, got a string"),
        (
            '{"width": 1, "heigth": 2}', [], "bad-data",
            "body.heigth: expected one of the arguments width, height, unit, double, sides, any, "
            "got an unknown argument",
        ),
        ('{"width": 1}', [("width", "1")], "bad-arguments", "predict got several values for the argument width"),
        (
            "{", [], "bad-format",
            "DATA is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(data: str | None, given: list[tuple[str, str | None]], code: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        CallReader(AREA).read(data, given)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_a_table_alone_is_no_call_of_several_arguments(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("v\n1\n")
    with pytest.raises(UserError, match="does not take a bare value: its arguments are width, height"):
        CallReader(AREA).read(str(tmp_path / "v.csv"))


def test_a_name_that_is_near_is_suggested_among_the_commands_own_options() -> None:
    for given, near in (("widht", "--width"), ("metod", "--method")):
        with pytest.raises(UserError) as caught:
            CallReader(AREA, options=("method",)).read(None, [(given, "1")])
        assert caught.value.hint == f'did you mean "{near}"?'


def test_a_value_that_is_taken_for_a_file_is_told_how_to_be_given() -> None:
    with pytest.raises(NotFoundError) as caught:
        CallReader(method({"x": FLOAT})).read("5")
    assert caught.value.hint == "DATA was taken for the name of a file; to give a value: --x 5"


def test_bytes_and_images_are_files_as_they_are(tmp_path: Path) -> None:
    from PIL import Image

    content = b'{"b": "not JSON but bytes"}\0'
    (tmp_path / "x.json").write_bytes(content)
    for data_type in (BYTES, OptionalType(dtype=BYTES)):
        reader = CallReader(method({"b": data_type}))
        assert reader.read(str(tmp_path / "x.json")) == {"b": content}
        assert reader.read("-", stdin=io.BytesIO(content)) == {"b": content}
        assert reader.read(None, [("b", str(tmp_path / "x.json"))]) == {"b": content}
    (tmp_path / "b.json").write_text('"YWI="')
    assert CallReader(method({"b": BYTES}), format="json").read(str(tmp_path / "b.json")) == {"b": b"ab"}
    image = Image.new("RGB", (3, 2), (1, 2, 3))
    for suffix in ("png", "bmp", "webp"):
        image.save(tmp_path / f"x.{suffix}", lossless=True) if suffix == "webp" else image.save(
            tmp_path / f"x.{suffix}"
        )
        read = CallReader(method({"img": infer(image)})).read(str(tmp_path / f"x.{suffix}"))["img"]
        np.testing.assert_array_equal(np.asarray(read), np.asarray(image))
    (tmp_path / "x.png").write_text("no image")
    with pytest.raises(UserError, match=r"x\.png is not an image"):
        CallReader(method({"img": infer(image)})).read(str(tmp_path / "x.png"))


def test_what_is_said_of_csv_is_said_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("1,5\n")
    reader = CallReader(SCORE, form=CsvForm(header=False, decimal=","))
    assert reader.read(str(tmp_path / "v.csv"))["X"].to_dict("list") == {"v": [1.5]}
    assert reader.read(None, [("X", f"@{tmp_path / 'v.csv'}")])["X"].to_dict("list") == {"v": [1.5]}


@pytest.mark.parametrize("payload", [{"X": [1]}, {"data": [1]}])
def test_an_object_of_arguments_is_told_from_a_value(payload: Any) -> None:
    assert arguments_of(payload, SCORE) == payload
    assert arguments_of([1], SCORE) == {"X": [1]}
    assert arguments_of({"v": [1]}, SCORE) == {"X": {"v": [1]}}
    assert arguments_of(5, AREA) == 5


def test_errors_of_values_name_the_argument(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("v\nx\n")
    with pytest.raises(DataError) as caught:
        CallReader(SCORE).read(str(tmp_path / "v.csv"))
    assert (caught.value.path, caught.value.got) == ("X[0].v", "'x' in line 2")
