"""Messages of declarations that do not fit."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, SecretStr

from mlem_model.errors import DeclarationError
from mlem_model.objects.fields import FieldDescription, Unit, describe_fields, describe_type
from mlem_model.objects.object import Value
from mlem_model.objects.validation import validate


class Inner(Value):
    memory_mib: Annotated[int, Field(ge=128), Unit("MiB")] = Field(default=512, description="memory")


class Outer(Value):
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    policy: Literal["no", "always"] = "no"
    labels: dict[str, str] = {}
    args: list[str] = []
    inner: Inner = Inner()
    key: SecretStr | None = None
    name: str


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"port": "http"}, 'port: expected an integer from 1 to 65535, got "http"'),
        ({"port": 70000}, "port: expected an integer from 1 to 65535, got 70000"),
        ({"port": [1]}, "port: expected an integer from 1 to 65535, got a list"),
        ({"policy": "never"}, 'policy: expected "no" or "always", got "never"'),
        ({"labels": {"a": 1}}, "labels.a: expected a string, got 1"),
        ({"args": ["a", None]}, "args.1: expected a string, got null"),
        ({"inner": {"memory_mib": 1}}, "inner.memory_mib: expected an integer of at least 128, got 1"),
        ({"inner": 3}, "inner: expected a mapping with the fields memory_mib, got 3"),
        ({"key": 5}, "key: expected a secret, got something else"),
        ({"name": None}, "name: expected a string, got null"),
    ],
)
def test_a_wrong_value_says_where_what_is_expected_and_what_it_got(data: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        validate(Outer, {"name": "x", **data}, "app.mlem")
    assert caught.value.message == f"app.mlem: {message}"


def test_an_unknown_field_names_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(DeclarationError) as caught:
        validate(Outer, {"name": "x", "prot": 1}, "app.mlem")
    assert caught.value.message == "app.mlem: prot: unknown field"
    assert caught.value.known == ("args", "inner", "key", "labels", "name", "policy", "port")
    assert caught.value.hint == 'did you mean "port"?'


def test_all_wrong_fields_are_told_at_once() -> None:
    with pytest.raises(DeclarationError) as caught:
        validate(Outer, {"port": "x"}, "app.mlem")
    assert (
        caught.value.message
        == 'app.mlem: port: expected an integer from 1 to 65535, got "x"\napp.mlem: name: required field is missing'
    )


def test_fields_are_described_with_units_and_nested_names() -> None:
    described = {field.name: field for field in describe_fields(Outer)}
    assert described["inner.memory_mib"] == FieldDescription(
        "inner.memory_mib", "an integer of at least 128", "MiB", False, 512, "memory"
    )
    assert described["name"].required
    assert describe_type(dict[str, int]) == "a mapping to integers"
