"""``${VARIABLE}`` in a declaration: replaced by the value of an environment variable when the file is read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from mlem_model.errors import DeclarationError
from mlem_model.objects.object import HEAD
from mlem_model.objects.source import source_of

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{")
_SECRET = re.compile(
    r".*(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|APIKEY|ACCESSKEY|SECRETKEY|PRIVATEKEY)S?|KEYS?|PASS|PWD"
)
"""A word of a variable's name, between underscores, that says that the value is a secret."""


def substituted(data: Mapping[str, Any], source: str, *, prefix: str = "") -> dict[str, Any]:
    """Return the fields of a file with ``${VARIABLE}`` replaced, so that each is checked as what it stands for.

    ``${VARIABLE:-value}`` has a default for a variable that is unset or empty, and ``$${`` stands for ``${``.

    Args:
        data: The file's mapping. Which class it is of is not replaced, nor are names of fields.
        source: The file's name, for messages.
        prefix: The path of ``data`` inside the file, with its dot.

    Raises:
        DeclarationError: A variable is not set, is likely a secret, or the reference can't be read.
    """
    return {
        name: value if name in HEAD else _replaced(value, f"{prefix}{name}", source) for name, value in data.items()
    }


def with_references(data: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file's content with references where they were, for the file to keep them when it is rewritten.

    Args:
        data: What is going to be written, with values.
        raw: The same fields as a person wrote them.
    """
    kept = dict(data)
    for name, value in raw.items():
        if isinstance(value, Mapping) and isinstance(kept.get(name), Mapping):
            kept[name] = with_references(kept[name], value)
        elif has_reference(value):
            kept[name] = value
    return kept


def has_reference(value: Any) -> bool:
    """Say whether a value has a reference, or one that is escaped, anywhere in it."""
    if isinstance(value, Mapping):
        return any(has_reference(inner) for inner in value.values())
    if isinstance(value, list):
        return any(has_reference(inner) for inner in value)
    return isinstance(value, str) and "${" in value


def _replaced(value: Any, path: str, source: str) -> Any:
    if isinstance(value, str):
        return _REFERENCE.sub(_reader(path, source), value)
    if isinstance(value, Mapping):
        kept = HEAD if path in ("env", "state_manager") else ()
        return {name: one if name in kept else _replaced(one, f"{path}.{name}", source) for name, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, f"{path}.{index}", source) for index, one in enumerate(value)]
    return value


def _reader(path: str, source: str) -> Callable[[re.Match[str]], str]:
    where = f"{source_of(source, path)}: {path}"

    def read(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name = match["name"]
        if name is None:
            raise DeclarationError(
                f"{where}: expected ${{NAME}} or ${{NAME:-default}}",
                code="bad-reference",
                hint="to write ${ as it is: $${",
            )
        if _is_secret(name):
            raise DeclarationError(
                f"{where}: ${{{name}}} is a secret by its name, and what is declared is kept in the state",
                code="secret-variable",
                hint=f"pass it to the server by its name: pass_environment: [{name}]; "
                "if it is no secret, give the variable another name",
            )
        value = os.environ.get(name, "")
        if match["default"] is not None:
            return value or match["default"]
        if name not in os.environ:
            raise DeclarationError(
                f"{where}: the variable {name} is not set",
                code="unset-variable",
                hint=f"export {name}=..., or write ${{{name}:-default}}",
            )
        return value

    return read


def _is_secret(name: str) -> bool:
    return any(_SECRET.fullmatch(word) for word in name.upper().split("_"))
