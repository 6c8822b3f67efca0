"""A project of MLEM 0.4: its settings, then every object; a failure in one file does not affect the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mlem.migrating.objects import migrate_object
from mlem.migrating.result import Result
from mlem.migrating.settings import migrate_settings
from mlem.project.project import Location, locate, objects_below
from mlem.state.state import STATE_EXTENSION
from mlem_model.artifacts.destinations.folder_lock import alone
from mlem_model.errors import MlemError, NotFoundError
from mlem_model.objects.files import shown, unusable
from mlem_model.objects.object import EXTENSION
from mlem_model.objects.project_root import CONFIG_NAME, find_root
from mlem_model.objects.yaml_file import parse_mapping


def migrate(
    path: str = ".", *, dry_run: bool = False, report: Callable[[str], None] = lambda _line: None
) -> list[Result]:
    """Turn what MLEM 0.4 wrote into this version's files; each old file is kept beside the new one.

    Args:
        path: A project's folder, a folder in it, or one object.
        dry_run: Show what would be done, and do nothing: no platform is asked.
        report: Called with lines of progress.

    Returns:
        What was done, or failed, file by file; files of this version are left out.

    Raises:
        NotFoundError: There is no such file or folder.
        LockedError: Another process changes the project.
    """
    given = Path(path)
    if given.is_dir():
        folder = given.resolve()
        root = find_root(folder) or folder
    else:
        single = locate(path.removesuffix(".state"))
        root = single.root
        if not single.path.exists() and not (root / f"{single.key}{STATE_EXTENSION}").exists():
            raise NotFoundError(
                f"neither a folder nor an object: {shown(single.path)} does not exist", hint="mlem migrate --dry-run"
            )
        folder = single.path
    if dry_run:
        return [*_results(root, folder, dry_run=True, report=report)]
    try:
        with alone(root):
            return [*_results(root, folder, dry_run=False, report=report)]
    except OSError as error:
        raise unusable(root, error, "lock") from error


def _results(root: Path, start: Path, *, dry_run: bool, report: Callable[[str], None]) -> Iterator[Result]:
    if start.is_dir():
        try:
            settings = migrate_settings(root, dry_run=dry_run)
        except MlemError as error:
            yield Result(shown(root / CONFIG_NAME), "settings", action="failed", error=error)
        else:
            if settings is not None:
                yield settings
    for location in _locations(start):
        try:
            yield from migrate_object(location, dry_run=dry_run, report=report)
        except MlemError as error:
            path = location.path if location.path.exists() else location.root / f"{location.key}{STATE_EXTENSION}"
            yield Result(shown(path), _kind(location.path), action="failed", error=error)


def _locations(start: Path) -> list[Location]:
    """Return the objects to migrate, envs first: deployments name them."""
    if not start.is_dir():
        return [locate(str(start))]
    paths = [path for _, path in objects_below(start)]
    orphans = [
        path.with_name(path.name.removesuffix(".state"))
        for path in sorted(start.rglob(f"*{STATE_EXTENSION}"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(start).parts)
    ]
    found = [locate(str(path)) for path in dict.fromkeys([*paths, *orphans])]
    return sorted(found, key=lambda location: _kind(location.path) != "env")


def _kind(path: Path) -> str:
    try:
        return str(parse_mapping(path.read_bytes(), str(path)).get("object_type") or "object")
    except (OSError, MlemError):
        return "deployment" if not path.exists() and path.name.endswith(EXTENSION) else "object"
