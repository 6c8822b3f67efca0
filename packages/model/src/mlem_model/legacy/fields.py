"""Translations of what MLEM 0.4 wrote: each of its fields is mapped, or named with what to do about it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlem_model.errors import DeclarationError

OF_04 = "of-mlem-0-4"
"""The code of errors about what MLEM 0.4 wrote and ``mlem migrate`` can take over."""
BY_04 = "MLEM 0.4"
"""What a record says in its field ``adopted``: who made the resource, where it was not us."""
TYPES_04 = frozenset({"flyio", "kubernetes"})
"""The types of envs and deployments that MLEM 0.4 had and no provider of this project has."""
_SECTIONS_04 = frozenset({"aws", "bitbucket", "docker", "flyio", "heroku", "pandas", "sagemaker", "torch"})
_CORE_04 = frozenset(
    {
        "additional_extensions",
        "autoload_exts",
        "debug",
        "deep_inspection",
        "emojis",
        "github_token",
        "github_username",
        "log_level",
    }
    | {"no_analytics", "server", "storage"}
)


def is_settings_04(content: Mapping[str, Any]) -> bool:
    """Say whether settings have a section or a name that MLEM 0.4 had and this version does not have."""
    core = content.get("core")
    state = core.get("state") if isinstance(core, Mapping) else None
    inside = {*core} if isinstance(core, Mapping) else set()
    old_state = {"locking", "lock_timeout", "storage_options"} & ({*state} if isinstance(state, Mapping) else set())
    return bool({*content} & _SECTIONS_04 or inside & _CORE_04 or old_state)


NONE = "MLEM 0.4's field has no counterpart in this version"
"""The usual reason why a field is left out."""


@dataclass(frozen=True)
class Lost:
    """A field of MLEM 0.4 that a translation leaves out.

    Attributes:
        path: Where it is: ``api_key``.
        reason: Why it is left out, without its value; by default that nothing here corresponds to it.
        todo: What its owner should do, where there is anything to do.
    """

    path: str
    reason: str = NONE
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f"; {self.todo}" if self.todo else "")


@dataclass(frozen=True)
class Translation:
    """What became of the fields that MLEM 0.4 wrote.

    Attributes:
        fields: Those of this version, not validated yet.
        lost: What could not be taken over. A file with such a field is not read as it is: its owner should see what
            gets lost.
    """

    fields: Mapping[str, Any]
    lost: tuple[Lost, ...] = ()


def word_of(value: Any) -> Any:
    """Return the type of what MLEM 0.4 wrote as a word, or as a mapping with a field ``type``."""
    return value.get("type") if isinstance(value, Mapping) else value


def suffixes_04() -> Iterator[str]:
    """Yield what is added to the name of a file of MLEM 0.4 that is set aside.

    ``.04``, and where that is taken ``.04-2``, ``.04-3``.
    """
    yield ".04"
    yield from (f".04-{number}" for number in itertools.count(2))


class FieldReader:
    """Takes fields out of mappings, and knows the file and the path of a field that it can't translate.

    Args:
        source: The file, for messages.
        prefix: The path of the fields inside it, with its dot.
        hint: What to do about a field that can't be translated.
    """

    def __init__(self, source: str, prefix: str = "", hint: str | None = None) -> None:
        self.source, self.prefix, self._hint = source, prefix, hint

    def fail(self, path: str, reason: str) -> DeclarationError:
        """Return the error of one field."""
        return DeclarationError(f"{self.source}: {self.prefix}{path}: {reason}", hint=self._hint)

    def mapping(self, value: Any, path: str) -> Mapping[str, Any]:
        """Return a mapping.

        Raises:
            DeclarationError: It is not a mapping.
        """
        if not isinstance(value, Mapping):
            raise self.fail(path, f"expected a mapping, got {type(value).__name__}")
        return value

    def items(self, value: Any, path: str) -> list[Any]:
        """Return a list.

        Raises:
            DeclarationError: It is not a list.
        """
        if not isinstance(value, list):
            raise self.fail(path, f"expected a list, got {type(value).__name__}")
        return value

    def pair(self, item: Any, path: str) -> tuple[str, str]:
        """Return the parts of ``NAME=value``.

        Raises:
            DeclarationError: It is something else.
        """
        name, separator, value = str(item).partition("=")
        if not separator:
            raise self.fail(path, f'expected NAME=value, got "{item}"')
        return name, value

    def only(self, value: Mapping[str, Any], known: Iterable[str], path: str) -> None:
        """Refuse fields that have no counterpart here.

        Raises:
            DeclarationError: There is one.
        """
        unknown = next((key for key in value if key not in set(known)), None)
        if unknown is not None:
            raise self.fail(f"{path}.{unknown}".lstrip("."), NONE)
