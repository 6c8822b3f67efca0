"""Variables of a server's environment, and labels, as declarations name them: checked where they enter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlem_model.serving.protection import TOKENS_VARIABLE

_RIGHT_WAY = (
    f"take it out of the declaration, and set the variable where mlem runs: export {TOKENS_VARIABLE}=...; "
    "each run passes it to the server"
)


class VariableError(ValueError):
    """A declared variable is refused; the message never has its value.

    Args:
        message: What is wrong.
        hint: What to do instead.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def check_variable_names(names: Iterable[Any], field: str = "") -> None:
    """Check names of variables: what a shell, a container and a process all take.

    Args:
        names: The names; what is not a text is left to its type.
        field: The field's name, for messages.

    Raises:
        VariableError: One is empty, or has a space, a control character or ``=``.
    """
    for name in names:
        if isinstance(name, str) and (
            not name or "=" in name or any(char.isspace() or not char.isprintable() for char in name)
        ):
            raise VariableError(
                f"{_in(field)}{name!r:.80} is not a name for a variable: it is empty, "
                "or has a space, a control character or ="
            )


def check_variables(variables: Mapping[Any, Any], field: str = "") -> None:
    """Check declared variables: their names, their values, and that none is a secret of the server's.

    Such a secret belongs in no file.

    Args:
        variables: Values by name.
        field: The field's name, for messages.

    Raises:
        VariableError: One can't be used, or has the server's tokens.
    """
    check_variable_names(variables, field)
    if TOKENS_VARIABLE in variables:
        raise VariableError(
            f"{_in(field)}{TOKENS_VARIABLE}: tokens belong in no declaration, which others can read", _RIGHT_WAY
        )
    for name, value in variables.items():
        if isinstance(value, str) and "\0" in value:
            raise VariableError(f"{_in(field)}{name}: the value has a NUL character, which no environment takes")


def check_labels(labels: Mapping[Any, Any]) -> None:
    """Check labels of a resource: each name and value on one line.

    Raises:
        VariableError: One has a control character, or a name is empty or has a space.
    """
    for name, value in labels.items():
        if not str(name) or not str(name).isprintable() or " " in str(name):
            raise VariableError(
                f"{name!r:.80} is not a name for a label: it is empty, or has a space or a control character"
            )
        if not str(value).isprintable():
            raise VariableError(f"the label {name} has a line end or another control character")


def check_environment(declared: Any) -> None:
    """Check the fields ``environment`` and ``pass_environment`` of an object, where it has them.

    Raises:
        VariableError: See `check_variables`.
    """
    variables, names = getattr(declared, "environment", None), getattr(declared, "pass_environment", None)
    if isinstance(variables, Mapping):
        check_variables(variables, "environment")
    if isinstance(names, list | tuple):
        check_variable_names(names, "pass_environment")


def _in(field: str) -> str:
    return f"{field}." if field else ""
