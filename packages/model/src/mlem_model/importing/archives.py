"""Zip archives of somebody else: how much they unfold to, and where their names lead, before anything unfolds."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from mlem_model.errors import UserError
from mlem_model.importing.joblib_file import FREE_BYTES, MOST_TIMES

MOST_MEMBERS = 20_000


def expect_bounded(path: Path) -> None:
    """Refuse an archive that unfolds to far more than models do, or whose names lead out of it; others pass.

    Args:
        path: Any file.

    Raises:
        UserError: It does.
    """
    if not path.is_file() or not zipfile.is_zipfile(path):
        return
    limit = max(FREE_BYTES, path.stat().st_size * MOST_TIMES)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    total = sum(member.file_size for member in members)
    if len(members) > MOST_MEMBERS or total > limit:
        raise UserError(
            f"{path.name} unfolds to {total // 2**20} MiB in {len(members)} files, from {path.stat().st_size} bytes",
            code="too-large",
            hint="if it is what it should be, load it with its own framework, and save it with mlem.api.save",
        )
    for member in members:
        name = PurePosixPath(member.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in member.filename:
            raise UserError(f"{path.name} has a file that leads out of it: {member.filename[:80]!r}", code="outside")
