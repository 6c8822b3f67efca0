"""The settings of MLEM 0.4: what ``.mlem.yaml`` says about states is kept, the rest is not used any more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlem.deployments.resolving.resolve import manager_class
from mlem.migrating.declarations import without_secrets
from mlem.migrating.old_file import OldFile, secrets_in
from mlem.migrating.result import Result
from mlem.project.config import Config, load_config
from mlem.project.project import read_config_file
from mlem.project.yaml_update import update_file
from mlem_model.legacy.fields import Lost, Translation, is_settings_04
from mlem_model.objects.files import shown
from mlem_model.objects.project_root import CONFIG_NAME
from mlem_model.objects.validation import validate

_TODO = {
    "heroku.api_key": "heroku login, or export HEROKU_API_KEY=...",
    "aws.profile": "set it in the env (profile), or export AWS_PROFILE=...",
    "aws.role": "set it in the env (role)",
    "core.github_token": "revoke it if the file was shared",
    "core.state.lock_timeout": "mlem config set core.state.lock_timeout_s SECONDS",
}


def migrate_settings(root: Path, *, dry_run: bool) -> Result | None:
    """Migrate the settings of a project; None when there is nothing to do."""
    path = root / CONFIG_NAME
    if not path.is_file() or not path.stat().st_size:
        return None
    old = OldFile.read(path)
    found = translated(old.data)
    if found.fields == old.data:
        return None
    validate(Config, dict(found.fields), shown(path))
    notes = tuple(str(lost) for lost in found.lost)
    backup = None
    if not dry_run:
        backup = shown(old.keep())
        update_file(path, found.fields)
    return Result(shown(path), "settings", notes=(*notes, *secret_notes(old.data, backup)), backup=backup)


def config_of(root: Path) -> Config:
    """Return the settings of a project as they will be once they are migrated, which a dry run does not do.

    Raises:
        DeclarationError: A setting does not fit.
    """
    content = read_config_file(root)
    return (
        validate(Config, dict(translated(content).fields), CONFIG_NAME)
        if is_settings_04(content)
        else load_config(root)
    )


def translated(data: Mapping[str, Any]) -> Translation:
    """Translate the content of ``.mlem.yaml``."""
    core, project = data.get("core"), data.get("project")
    old_core: Mapping[str, Any] = core if isinstance(core, Mapping) else {}
    lost = [
        _lost(path) for path in _paths({key: value for key, value in data.items() if key not in ("core", "project")})
    ]
    lost += [
        _lost(path)
        for path in _paths({key: value for key, value in old_core.items() if key not in ("state", "trust")}, "core.")
    ]
    new_core = {key: value for key, value in old_core.items() if key in ("state", "trust")}
    state = old_core.get("state")
    fields: dict[str, Any] = {}
    if isinstance(state, Mapping):
        kept = {key: value for key, value in state.items() if key not in ("lock_timeout", "lock_timeout_s")}
        found = without_secrets(manager_class(state).translate_04(kept, CONFIG_NAME, "core.state."))
        lost += [Lost(f"core.state.{each.path}", each.reason, each.todo) for each in found.lost]
        seconds = state.get("lock_timeout_s", state.get("lock_timeout"))
        new_core["state"] = {**found.fields, **({} if seconds is None else {"lock_timeout_s": _number(seconds)})}
        if state.get("uri") and not (isinstance(project, Mapping) and project.get("id")):
            project = {**(project if isinstance(project, Mapping) else {}), "id": uuid.uuid4().hex}
    if new_core:
        fields["core"] = new_core
    return Translation({**fields, **({"project": project} if project else {})}, tuple(lost))


def _lost(path: str) -> Lost:
    return Lost(path, "there is no such setting any more", _TODO.get(path, ""))


def _paths(data: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _paths(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _number(value: Any) -> Any:
    """MLEM 0.4 kept every value as text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def secret_notes(data: Mapping[str, Any], backup: str | None) -> tuple[str, ...]:
    """Say what to do about the secrets in a file of MLEM 0.4, without showing them.

    Args:
        data: The file's content.
        backup: Where it is kept; None when that is not known yet.
    """
    where = ", ".join(secrets_in(data))
    if not where:
        return ()
    return (
        f"the old file has a secret ({where}): it stays in {backup or 'the copy'}, "
        "which you should delete once you have set it",
    )
