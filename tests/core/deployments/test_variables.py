from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem.deployments.env import Env
from mlem.deployments.variables import VariableError, check_labels, check_variable_names, check_variables
from mlem_model.errors import DeclarationError


class StrangersEnv(Env):
    """An env of somebody else, who knows nothing of tokens."""

    type: ClassVar[str] = "strange"

    environment: dict[str, str] = {}
    pass_environment: list[str] = []


def test_tokens_in_a_strangers_declaration_are_refused_with_the_right_way_and_not_repeated() -> None:
    with pytest.raises(DeclarationError) as caught:
        StrangersEnv.from_data({"environment": {"MLEM_SERVER_TOKENS": "canary"}}, "prod.mlem")
    error = caught.value
    assert (
        error.message
        == "prod.mlem: environment.MLEM_SERVER_TOKENS: tokens belong in no declaration, which others can read"
    )
    assert (error.hint or "").startswith(
        "take it out of the declaration, and set the variable where mlem runs: export MLEM_SERVER_TOKENS=..."
    )
    assert "canary" not in repr(error)


@pytest.mark.parametrize(
    "fields", [{"environment": {"A=B": "x"}}, {"environment": {"A": "x\0"}}, {"pass_environment": ["A B"]}]
)
def test_what_no_environment_takes_is_refused_in_a_strangers_declaration(fields: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        StrangersEnv.from_data(fields, "prod.mlem")


@pytest.mark.parametrize("name", ["A", "_a1", "spring.config", "with-dash", "größe", "MLEM_SERVER_WORKERS"])
def test_names_that_platforms_take_are_left_alone(name: str) -> None:
    check_variables({name: "any\nlines\tof text, 'quoted'"})


def complaint(name: str) -> str | None:
    try:
        check_variable_names([name])
        check_labels({name: name})
    except VariableError as error:
        return str(error)
    return None


@given(st.text(min_size=1))
def test_a_name_that_is_taken_stays_on_its_line_and_has_no_end(name: str) -> None:
    refused = complaint(name)
    assert (refused or name).isprintable()
    assert refused or not {"=", " "} & {*name}
