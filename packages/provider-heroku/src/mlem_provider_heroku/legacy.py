"""Translation of the declarations that MLEM 0.4 wrote: each of its fields is mapped, or named with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlem.provider import FieldReader, Lost, Translation, word_of


def translate_env(data: Mapping[str, Any]) -> Translation:
    """Turn an env's fields of MLEM 0.4 into this version's: its key stays out of files.

    Args:
        data: The fields.
    """
    if "api_key" not in data:
        return Translation(data)
    todo = "heroku login, or export HEROKU_API_KEY=...; and take the key out of the file's history, or revoke it"
    lost = Lost("api_key", "keys are not kept in files any more", todo)
    return Translation({key: value for key, value in data.items() if key != "api_key"}, (lost,))


def translate_deployment(data: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
    """Turn a deployment's fields of MLEM 0.4 into this version's.

    Others are left alone.

    Args:
        data: The fields.
        source: The file's name, for messages.
        prefix: The path of ``data`` inside the file, with its dot.

    Raises:
        DeclarationError: A field has no counterpart, and can't be left out; the message names it.
    """
    reader, fields, lost = FieldReader(source, prefix), dict(data), []
    stack = fields.pop("stack", "container")
    if stack != "container":
        raise reader.fail("stack", f"only the stack container runs images, and this is {stack!r}")
    team = fields.pop("team", None)
    if team is not None:
        fields["env"] = _with_team(reader, fields.get("env"), team)
    server = fields.pop("server", None)
    kind = word_of(server)
    if kind not in (None, "fastapi", "heroku", "_heroku"):
        lost.append(Lost("server", f"{kind!r} has no counterpart: there is one server, which speaks HTTP with JSON"))
    return Translation(fields, tuple(lost))


def _with_team(reader: FieldReader, env: Any, team: Any) -> Any:
    """Move the team to where it belongs.

    An app of another team would be another app.
    """
    if env is None or (isinstance(env, Mapping) and "path" not in env):
        return {**(env or {}), "team": team}
    raise reader.fail(
        "team", f"the team belongs to the env: write team: {team} into the file of the env, and take it out here"
    )
