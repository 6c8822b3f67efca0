"""Objects of MLEM 0.4, one by one: their files, and the states of deployments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlem.deployments.deployment import Deployment
from mlem.deployments.resolving.resolve import resolve, state_manager
from mlem.migrating import states
from mlem.migrating.declarations import OTHER_KINDS, named_model, object_class, translated
from mlem.migrating.old_file import OldFile
from mlem.migrating.result import Result
from mlem.migrating.settings import config_of, secret_notes
from mlem.project.overlays import is_overlay
from mlem.project.project import Location
from mlem.project.yaml_update import update_file
from mlem.state.state import STATE_EXTENSION
from mlem_model.errors import DeclarationError, MlemError
from mlem_model.legacy.fields import Translation
from mlem_model.objects.files import shown
from mlem_model.objects.yaml_file import parse_mapping

Report = Callable[[str], None]


def migrate_object(location: Location, *, dry_run: bool, report: Report) -> Iterator[Result]:
    """Migrate an object's file, and the state of a deployment; yield what was done, nothing if there was nothing to do.

    Raises:
        MlemError: The file can't be read.
    """
    old_state = None
    if is_overlay(location.path):  # this version's: MLEM 0.4 had none
        return
    if location.path.exists():
        data = _head(location.path)
        kind = data.get("object_type")
        if kind in ("model", "data"):
            yield from _saved(location, data)
            return
        if kind not in ("env", "deployment"):
            hint = OTHER_KINDS.get(str(kind), "see the migration page of the documentation")
            what = f"an object of kind {kind!r}" if kind else "a file without object_type"
            raise DeclarationError(
                f"{location}: {what} of MLEM 0.4 has no counterpart", code="no-counterpart", hint=hint
            )
        old = OldFile.read(location.path)
    else:
        old_state = states.find_local(location)
        if old_state is None:
            return
        old = OldFile(location.path, b"", _declared_in(old_state))
    cls = object_class(old.data, str(location))
    found = translated(cls, old.data, str(location))
    if issubclass(cls, Deployment):
        yield from _deployment(location, cls, old, found, dry_run=dry_run, report=report)
        return
    cls.from_data(found.fields, str(location))
    if found.fields != old.data:
        yield _rewritten(old, found, dry_run=dry_run)


def _deployment(
    location: Location, cls: type[Deployment], old: OldFile, found: Translation, *, dry_run: bool, report: Report
) -> Iterator[Result]:
    """Migrate a declaration with its state.

    What the state knows is written to the declaration before the state is written.
    """
    deployment = cls.from_data(found.fields, str(location))
    failed: MlemError | None = None
    old_state, adopted = states.find_local(location), None
    about = ""
    try:
        shared = states.find_shared(location, state_manager(deployment, config_of(location.root), str(location)))
        if old_state is not None and shared is not None:
            raise states.two_states(shared.where, old_state.where)
        old_state = old_state or shared
        about = states.words_of(old_state, deployment) if old_state else ""
        if old_state is not None and about and not dry_run:
            adopted = states.adopt(old_state, resolve(location, deployment), report)
    except MlemError as error:
        failed = error
    more: Mapping[str, Any] = adopted.fields if adopted else {}
    model = named_model(old_state.data, location.root, location.path.parent) if old_state else None
    wanted = {**({"model": model} if model else {}), **more}
    fields = {**{key: value for key, value in wanted.items() if key not in found.fields}, **found.fields}
    complete = Translation(fields, found.lost)
    if fields != old.data or not old.content:
        yield _rewritten(old, complete, dry_run=dry_run)
    if failed is not None:
        where = old_state.where if old_state else shown(location.path)
        yield Result(where, "state" if old_state else "deployment", deployment.type, "failed", about, error=failed)
        return
    if old_state is None:
        return
    if dry_run:
        empty = not about
        yield states.result_of(old_state, about or "nothing is deployed", (), None, empty=empty)
        return
    target = resolve(location)  # as it is declared now
    if adopted is None:
        yield states.result_of(old_state, "nothing is deployed", (), states.set_aside(old_state, target), empty=True)
        return
    yield states.result_of(old_state, adopted.what, adopted.notes, states.write(old_state, adopted, target))


def _rewritten(old: OldFile, found: Translation, *, dry_run: bool) -> Result:
    backup: str | None = None
    if not dry_run:
        backup = shown(old.keep()) if old.content else None
        update_file(old.path, found.fields)
    notes = (*map(str, found.lost), *(secret_notes(old.data, backup) if old.content else ()))
    kind, type_ = str(found.fields.get("object_type")), str(found.fields.get("type"))
    about = "" if old.content else "there was none: it is made from the state"
    return Result(shown(old.path), kind, type_, "rewritten", about, notes, backup)


def _saved(location: Location, data: Mapping[str, Any]) -> Iterator[Result]:
    """Check whether the metadata of a model or a data set can be read; files of MLEM 0.4 stay as they are."""
    kind = str(data["object_type"])
    if ("processors" if kind == "model" else "reader") not in data:
        return
    if kind == "model":
        from mlem_model.models.model import Model

        Model.from_data(data, str(location))
    else:
        from mlem_model.data.dataset import Dataset

        Dataset.from_data(data, str(location))
    yield Result(shown(location.path), kind, action="read as it is")


def _head(path: Path) -> Mapping[str, Any]:
    """Read a file like every command does: metadata may be longer than anything else that MLEM 0.4 wrote."""
    return parse_mapping(path.read_bytes(), shown(path))


def _declared_in(state: states.OldState) -> Mapping[str, Any]:
    declaration = state.data.get("declaration")
    if not isinstance(declaration, Mapping) or declaration.get("object_type") != "deployment":
        raise DeclarationError(
            f"{state.where} has no declaration, nor a file for one",
            hint=f"write {state.where.removesuffix(STATE_EXTENSION)}.mlem, then mlem migrate again",
        )
    return declaration
