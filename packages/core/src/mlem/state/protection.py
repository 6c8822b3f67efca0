"""What keeps strangers out of a server, in its record: that tokens and TLS are there, never what they are.

A step that starts our server has `protection` in what it wants, gives the server `passed_tokens` beside its other
variables, and lets `observe` return what `seen_protection` says::

    def wanted(self, ctx):
        return ServerRecord(..., environment=environment, **protection(environment))

    def apply(self, ctx, wanted, recorded):
        start(wanted.image, {**wanted.environment, **passed_tokens(wanted)})

Then ``plan`` shows a change of it, and no command lets it fall away unless it is told to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypedDict

from mlem.state.record import Record
from mlem_model.errors import UserError
from mlem_model.serving.protection import TLS_VARIABLE, TOKEN_FILE_VARIABLE, TOKENS_VARIABLE, given_tokens

TOKENS: Final = "tokens"
"""The field of a record that says which tokens a server has: `FROM_HERE`, ``file`` where it reads a file of them, None
for none."""
TLS: Final = "tls"
PROTECTION = (TOKENS, TLS)
"""All fields of a record that say what protects a server."""
FROM_HERE = "yes"
"""What the field `TOKENS` says where the server has the tokens of the command, those of `TOKENS_VARIABLE`."""
FROM_FILE = "file"
OTHERS = "others"
"""Only observed: the server has other tokens than this command."""


class Protection(TypedDict):
    """What protects a server, as the fields of a record.

    Attributes:
        tokens: `FROM_HERE`, ``file``, or None.
        tls: ``yes``, or None.
    """

    tokens: str | None
    tls: str | None


def protection_in(variables: Mapping[str, Any]) -> Protection:
    """Say what protects a server that has these variables, as the fields of a record."""
    tokens = FROM_FILE if variables.get(TOKEN_FILE_VARIABLE) else FROM_HERE if TOKENS_VARIABLE in variables else None
    return Protection(tokens=tokens, tls="yes" if variables.get(TLS_VARIABLE) else None)


def protection(environment: Mapping[str, str], passed: Iterable[str] = ()) -> Protection:
    """Say what will protect a server, as the fields of what a step wants.

    It gets the tokens of this command, where that has some.

    Args:
        environment: The declared variables of the server.
        passed: The names of variables that it gets with their values here.

    Raises:
        UserError: `TOKENS_VARIABLE` is set here, and has no token.
    """
    text = given_tokens()
    return protection_in({**environment, **_named(passed), **({} if text is None else {TOKENS_VARIABLE: text})})


def _named(names: Iterable[str]) -> dict[str, str]:
    """Return variables that are passed on by their names; whether they are set is another question."""
    return {name: os.environ.get(name) or "set elsewhere" for name in names}


def passed_tokens(record: Record | Mapping[str, Any]) -> dict[str, str]:
    """Return the variable with the tokens for a server that is started as recorded; empty where the record has none.

    Raises:
        UserError: The server has to have tokens, and they are not set here.
    """
    if _fields(record).get(TOKENS) != FROM_HERE:
        return {}
    text = given_tokens()
    if text is None:
        raise UserError(
            f"{TOKENS_VARIABLE}: the server asks for a token, and none is set here",
            code="variable-not-set",
            hint=f"export {TOKENS_VARIABLE}=..., then repeat the command",
        )
    return {TOKENS_VARIABLE: text}


def recorded_protection(record: Record | Mapping[str, Any]) -> Protection:
    """Say what protects the server of a record.

    One that was written before the fields were there tells it by its other ones.
    """
    known = _fields(record)
    environment = known.get("environment")
    older = protection_in(
        {**(environment if isinstance(environment, Mapping) else {}), **_named(known.get("pass_environment") or ())}
    )
    return Protection(tokens=known.get(TOKENS, older["tokens"]), tls=known.get(TLS, older["tls"]))


def _fields(record: Record | Mapping[str, Any]) -> Mapping[str, Any]:
    return record if isinstance(record, Mapping) else record.to_data()


def seen_protection(recorded: Record | Mapping[str, Any], there: Mapping[str, str]) -> Protection:
    """Say what protects a server really, as the fields of what a step observes.

    Args:
        recorded: What is on record.
        there: The variables that the server has on the platform.
    """
    known, here = recorded_protection(recorded), os.environ.get(TOKENS_VARIABLE)
    if known[TOKENS] != FROM_HERE:
        return known
    if TOKENS_VARIABLE not in there:
        return Protection(tokens=None, tls=known["tls"])
    others = here is not None and there[TOKENS_VARIABLE] != here
    return Protection(tokens=OTHERS if others else FROM_HERE, tls=known["tls"])


def has_these_tokens(wanted: Record | Mapping[str, Any], there: Mapping[str, str]) -> bool:
    """Say whether a server has the tokens that are wanted, as far as can be known.

    A killed run may have left one with others.

    Args:
        wanted: What a step wants.
        there: The variables that the server has.
    """
    known = _fields(wanted)
    if TOKENS not in known:
        return True
    here = os.environ.get(TOKENS_VARIABLE)
    same = known[TOKENS] != FROM_HERE or here is None or there.get(TOKENS_VARIABLE) == here
    return same and protection_in(there)[TOKENS] == known[TOKENS]
