"""`OldFile`: a file that MLEM 0.4 may have written.

It is read within limits, and kept under another name before it is replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlem_model.errors import ConflictError, DeclarationError
from mlem_model.legacy.fields import suffixes_04
from mlem_model.objects.files import shown, sync_folder, unusable
from mlem_model.objects.yaml_file import parse_mapping

LARGEST_BYTES = 2**22
"""A state of MLEM 0.4 contains the whole answer of a platform, and is still far smaller."""
MOST_VALUES = 100_000
DEEPEST = 100
_SECRETS = frozenset(
    {
        "access_token",
        "account_key",
        "api_key",
        "connection_string",
        "github_token",
        "key",
        "password",
        "sas_token",
        "secret",
        "token",
    }
)


@dataclass(frozen=True)
class OldFile:
    """A file and its content.

    Attributes:
        path: Where it is.
        content: Its bytes.
        data: The same, parsed.
    """

    path: Path
    content: bytes
    data: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> OldFile:
        """Read a file.

        Raises:
            UserError: It can't be read.
            ConflictError: It is a link to another file.
            DeclarationError: It is not a YAML mapping, or larger than anything that MLEM 0.4 wrote.
        """
        if path.is_symlink():
            raise ConflictError(
                f"{shown(path)} is a link to {path.resolve()}",
                code="linked",
                hint="migrate the file that it points to: mlem migrate PATH",
            )
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_BYTES + 1)
        except OSError as error:
            raise unusable(path, error, "read") from error
        return cls(path, content, parsed(content, shown(path)))

    @property
    def secrets(self) -> list[str]:
        """Where the file has secrets: ``env.api_key``."""
        return [*secrets_in(self.data)]

    def keep(self) -> Path:
        """Keep the content under another name beside the file; return that name.

        If the file has secrets, only its owner can read the copy.

        An earlier copy there stays; if it has the same content, it is used.

        Raises:
            UserError: The folder can't be written.
        """
        for suffix in suffixes_04():
            backup = self.path.with_name(f"{self.path.name}{suffix}")
            try:
                if backup.is_file() and backup.read_bytes() == self.content:
                    return backup
                self._write_new(backup)
            except FileExistsError:
                continue
            except OSError as error:
                raise unusable(backup, error, "write") from error
            return backup
        raise AssertionError("unreachable")

    def _write_new(self, backup: Path) -> None:
        mode = 0o600 if self.secrets else self.path.stat().st_mode & 0o777
        descriptor = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.content)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            backup.unlink(missing_ok=True)
            raise
        sync_folder(backup.parent)


def parsed(content: bytes, source: str) -> dict[str, Any]:
    """Parse a file that anybody may have written: no file takes more work than its size suggests.

    Args:
        content: The bytes.
        source: Where they are from, for messages.

    Raises:
        DeclarationError: It is not a YAML mapping, or too large.
    """
    too_large = DeclarationError(f"{source}: too large, or too deeply nested, for a file of MLEM 0.4", code="too-large")
    if len(content) > LARGEST_BYTES:
        raise too_large
    data = parse_mapping(content, source)
    left = MOST_VALUES
    level: list[Any] = [data]
    for _ in range(DEEPEST):
        # In Python an alias is one value, but whoever writes it makes a copy each time.
        level = [inner for value in level for inner in _inside(value)][: left + 1]
        left -= len(level)
        if left < 0 or not level:
            break
    if level:
        raise too_large
    return data


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple | set):
        yield from value


def secrets_in(data: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of values in plain data that are named like secrets and are not empty."""
    items = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        here = f"{path}.{key}".lstrip(".")
        if str(key).lower() in _SECRETS and isinstance(value, str) and value:
            yield here
        else:
            yield from secrets_in(value, here)
