"""Declarations of MLEM 0.4.

The fields of an env and a deployment, and of what they contain, in this version's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlem.deployments.deployment import Deployment
from mlem.deployments.env import Env
from mlem.deployments.resolving.resolve import deployment_class, link_04, manager_class
from mlem.migrating.old_file import secrets_in
from mlem.project.head import maker_of
from mlem_model.errors import DeclarationError, PluginError
from mlem_model.legacy.fields import Lost, Translation
from mlem_model.objects.object import HEAD, MlemObject
from mlem_model.plugins.registry import registry

_INSTEAD = (
    "write a provider (docs/how-to/write-a-provider.md), or declare it for another platform: mlem types deployment"
)
WITHOUT_COUNTERPART = {
    "flyio": f"no provider of this project deploys to Fly.io: {_INSTEAD}",
    "kubernetes": "no provider of this project deploys to Kubernetes: build the image (mlem build docker MODEL) "
    f"for manifests of your own, {_INSTEAD}",
}
"""The types of envs and deployments that MLEM 0.4 had and that have no counterpart here, with what to do."""
OTHER_KINDS = {
    "builder": "builders are not kept in files: mlem build BUILDER MODEL with its options, see mlem types builder",
    "link": "there are no links: use the name of what it links to",
}
"""The kinds of objects that MLEM 0.4 had and that have no counterpart here, with what to do."""


def object_class(data: Mapping[str, Any], source: str) -> type[Env] | type[Deployment]:
    """Return the class of an env's or a deployment's file.

    Raises:
        DeclarationError: It names no type.
        PluginError: Nothing installed has its type; the hint says what to do.
    """
    type_, kind = data.get("type"), data.get("object_type")
    if not isinstance(type_, str):
        raise DeclarationError(f"{source}: type: required field is missing")
    try:
        return (
            registry().get("env", type_, maker_of(data)) if kind == "env" else deployment_class(type_, maker_of(data))
        )
    except PluginError as error:
        if type_ not in WITHOUT_COUNTERPART or error.code == "broken-plugin":
            raise
        message = f"{source}: the {kind} type {type_} of MLEM 0.4 has no counterpart"
        raise PluginError(message, code="no-counterpart", hint=WITHOUT_COUNTERPART[type_]) from error


def translated(cls: type[MlemObject], data: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
    """Translate the fields of an object, and of the env and state manager inside it.

    Args:
        cls: The object's class.
        data: The content of its file.
        source: The file's name, for messages.
        prefix: The path of ``data`` inside the file, with its dot.

    Returns:
        The content of the new file, and what it leaves out.

    Raises:
        DeclarationError: A field has no counterpart, and can't be left out.
    """
    head = {key: data[key] for key in HEAD if key in data}
    found = cls.translate_04({key: value for key, value in data.items() if key not in HEAD}, source, prefix)
    fields, lost = {**found.fields, **head}, list(found.lost)
    if issubclass(cls, Deployment):
        inside = (_env(cls, fields, source), _manager(fields, source))
        for name, inner in zip(("env", "state_manager"), inside, strict=True):
            if inner is not None:
                fields[name] = inner.fields if isinstance(fields[name], Mapping) else fields[name]
                lost += [replace(each, path=f"{name}.{each.path}") for each in inner.lost]
        fields["env"] = link_04(fields.get("env"), source)
        if fields["env"] is None:
            del fields["env"]
    return Translation(fields, tuple(lost))


def _env(cls: type[Deployment], fields: Mapping[str, Any], source: str) -> Translation | None:
    env = fields.get("env")
    if not isinstance(env, Mapping) or "path" in env:
        return None
    return translated(registry().beside(cls, "env", cls.env_type), env, source, "env.")


def _manager(fields: Mapping[str, Any], source: str) -> Translation | None:
    manager = fields.get("state_manager")
    if not isinstance(manager, Mapping):
        return None
    found = translated(manager_class(manager), manager, source, "state_manager.")
    return without_secrets(found)


def without_secrets(manager: Translation) -> Translation:
    """Leave credentials out of the options of a file system."""
    options = manager.fields.get("storage_options")
    secret = [*secrets_in(options)] if isinstance(options, Mapping) else []
    if not secret or not isinstance(options, Mapping):
        return manager
    kept = {
        key: value for key, value in options.items() if not any(path.partition(".")[0] == str(key) for path in secret)
    }
    fields = {key: value for key, value in manager.fields.items() if key != "storage_options" or kept}
    todo = "put them where the store's library reads them, for S3 in AWS_PROFILE or AWS_ACCESS_KEY_ID"
    lost = [Lost(f"storage_options.{path}", "credentials are not kept in files", todo) for path in secret]
    return Translation({**fields, **({"storage_options": kept} if kept else {})}, (*manager.lost, *lost))


def named_model(old: Mapping[str, Any], root: Path, folder: Path) -> str | None:
    """Return the name of the model that a state of MLEM 0.4 was made from, as a declaration names it.

    None when it is not in the project.
    """
    link = old.get("model_link")
    path = link.get("path") if isinstance(link, Mapping) else None
    if not isinstance(path, str) or "://" in path:
        return None
    stem = path.removesuffix(".mlem")
    for start in (root, folder):
        file = Path(f"{start / stem}.mlem")
        if file.is_file() and file.resolve().is_relative_to(root.resolve()):
            return stem
    return None
