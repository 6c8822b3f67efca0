from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem_model.data.types.any import infer
from mlem_model.data.types.plain.numbers import FLOAT_SCHEMA
from mlem_server.pages.openapi.components import Components
from mlem_server.pages.openapi.examples import invented
from mlem_server.pages.openapi.schemas import Place, described

NUMBER = {"type": "number"}


@pytest.mark.parametrize(
    ("exact", "written"),
    [
        (FLOAT_SCHEMA, NUMBER),
        ({"anyOf": [FLOAT_SCHEMA, {"type": "null"}]}, {"type": ["number", "null"]}),
        ({"anyOf": [FLOAT_SCHEMA, {"enum": [None, "NaT"]}]}, {"type": ["number", "null"]}),
        ({"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}, {"type": "integer"}),
        ({"type": "integer", "minimum": 0, "maximum": 255}, {"type": "integer", "minimum": 0, "maximum": 255}),
        (
            {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 255}, {"type": "null"}]},
            {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 255}, {"type": "null"}]},
        ),
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, {"type": ["string", "null"]}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        ({"enum": [True, None]}, {"type": ["boolean", "null"]}),
        ({"enum": [0.5, 1.5]}, NUMBER),
        ({"anyOf": [{"type": "integer"}, {}]}, {}),
        ({"type": "array", "items": False, "minItems": 0}, {"type": "array", "items": {}, "maxItems": 0}),
        (
            {"type": "object", "properties": {}, "additionalProperties": True},
            {"type": "object", "additionalProperties": True},
        ),
        (
            {"type": "object", "propertyNames": {"pattern": "^[0-9]+$"}, "additionalProperties": FLOAT_SCHEMA},
            {"type": "object", "propertyNames": {"pattern": "^[0-9]+$"}, "additionalProperties": NUMBER},
        ),
    ],
)
def test_a_schema_is_what_people_would_write(exact: Any, written: Any) -> None:
    components = Components({}, [])
    assert described(exact, Place("Here"), components) == written
    assert components.schemas == {}


@pytest.mark.parametrize(
    ("values", "answer", "kinds"),
    [
        ((1.5,), False, "number"),
        (("NaN",), False, ["number", "null"]),
        (("Infinity",), False, ["number", "string"]),
        (("NaN", "-Infinity"), False, ["number", "string", "null"]),
        (("NaN",), True, ["number", "string"]),
        ((1.5,), True, "number"),
    ],
)
def test_a_number_is_also_what_the_sample_has(values: tuple[Any, ...], answer: bool, kinds: Any) -> None:
    place = Place("Here", values=values, answer=answer)
    assert described(FLOAT_SCHEMA, place, Components({}, [])) == {"type": kinds}


def test_choices_of_one_kind_have_a_name_and_those_of_several_have_one_each() -> None:
    components = Components({}, [])
    written = described({"enum": ["thin", "thick", 3, None]}, Place("Kind"), components)
    first, second = {"$ref": "#/components/schemas/Kind"}, {"$ref": "#/components/schemas/Kind2"}
    assert written == {"anyOf": [first, second, {"type": "null"}]}
    assert described({"enum": ["thin", "thick"], "title": "Width"}, Place("Other"), components) == first
    assert components.schemas == {
        "Kind": {"type": "string", "enum": ["thin", "thick"]},
        "Kind2": {"type": "integer", "enum": [3]},
    }


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.uuids()
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)


@given(VALUES)
def test_what_is_invented_for_a_type_can_be_decoded_by_it(value: Any) -> None:
    data_type = infer(value)
    components = Components({}, [])
    encoded = data_type.encode(value)
    schema = described(data_type.json_schema(), Place("Here", values=(encoded,)), components)
    data_type.decode(invented(schema, components.schemas))
