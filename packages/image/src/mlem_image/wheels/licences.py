"""What a wheel says of its licence."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path

_MOST_BYTES = 2**20
_MOST_CHARACTERS = 200
_MOST = 20
_CLASSIFIER = "License ::"


def licences_of(wheel: Path) -> list[str]:
    """Return the licences that a wheel's metadata names: one expression of SPDX, or names.

    Source: https://packaging.python.org/en/latest/specifications/core-metadata/, "License-Expression", "Classifier"
    and "License" (read 2026-11).

    Args:
        wheel: The file. What can't be read has no licence: who installs it says what is wrong.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next((one for one in archive.namelist() if _is_metadata(one)), None)
            if name is None:
                return []
            with archive.open(name) as file:
                content = file.read(_MOST_BYTES)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError):
        return []
    return licences_in(content)


def licences_in(metadata: bytes) -> list[str]:
    """Return the same of the metadata itself, of which the headers are read."""
    headers = BytesHeaderParser().parsebytes(metadata)
    named = [one.rpartition("::")[2] for one in _fields(headers, "Classifier") if one.startswith(_CLASSIFIER)]
    said = _clean(_fields(headers, "License-Expression")) or _clean(
        [one for one in named if one.strip() != "OSI Approved"]
    )
    return said or _clean([one for one in _fields(headers, "License") if "\n" not in one.strip()])


def _is_metadata(name: str) -> bool:
    folder, _, file = name.partition("/")
    return folder.endswith(".dist-info") and file == "METADATA"


def _fields(headers: Message, name: str) -> list[str]:
    return [str(value) for value in headers.get_all(name, [])]


def _clean(values: Sequence[str]) -> list[str]:
    found = ["".join(c for c in value if c.isprintable()).strip() for value in values[:_MOST]]
    return sorted({value for value in found if 0 < len(value) <= _MOST_CHARACTERS and value != "UNKNOWN"})
