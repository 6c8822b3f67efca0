"""Where in the log the last starts of a server are: by them the lines of one server are told from another's."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mlem import NotFoundError
from mlem_provider_local.log_file import as_text, names_of

STARTS_FILE = "starts.json"
_KEPT = 2


@dataclass(frozen=True)
class Start:
    """A place in the log.

    Attributes:
        file: The inode of the file; 0 where that is not kept any more.
        offset: How many bytes of it come before.
    """

    file: int
    offset: int


NOT_KEPT = Start(0, 0)


def read_starts(folder: Path) -> list[Start]:
    """Return the last starts, oldest first."""
    try:
        return [Start(int(one["file"]), int(one["offset"])) for one in json.loads((folder / STARTS_FILE).read_text())]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def write_starts(folder: Path, starts: Sequence[Start]) -> None:
    """Keep the last starts; where the folder can't be written, they are lost."""
    partial = folder / f".{STARTS_FILE}.{os.getpid()}"
    with contextlib.suppress(OSError):
        partial.write_text(json.dumps([asdict(one) for one in starts[-_KEPT:]]))
        partial.replace(folder / STARTS_FILE)


def previous_lines(log: Path) -> Iterator[str]:
    """Yield the lines from the last start but one to the last.

    Args:
        log: The file that is written.

    Raises:
        NotFoundError: There was one start only, or the lines before the last are not kept any more.
    """
    starts = read_starts(log.parent)
    if len(starts) < _KEPT:
        raise NotFoundError("this is the first server of the deployment: none ran before it", code="no-previous-log")
    first, last = starts[-_KEPT:]
    with contextlib.ExitStack() as stack:
        files = []
        for name in names_of(log):
            with contextlib.suppress(OSError):
                files.append(stack.enter_context(name.open("rb")))
        inodes = [os.fstat(file.fileno()).st_ino for file in files]
        if last.file not in inodes:
            raise NotFoundError(
                "the log of the server before is not kept any more: the present one has written too much since",
                code="no-previous-log",
            )
        begin, end = inodes.index(first.file) if first.file in inodes else 0, inodes.index(last.file)
        if first.file in inodes:
            files[begin].seek(first.offset)
        for number in range(begin, end + 1):
            for line in files[number]:
                if number == end and files[number].tell() > last.offset:
                    return
                yield as_text(line)
