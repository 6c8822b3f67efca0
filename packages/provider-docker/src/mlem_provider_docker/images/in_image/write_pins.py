"""Writes the packages that pip chose, with their versions and hashes, as pip takes them.

Usage: ``write_pins.py REPORT FOLDER [HASHES]``. Into the folder go ``hashed.txt``, and ``unhashed.txt`` with what comes
from a repository, which pip can't hash; its commit is fixed. HASHES is a file with the SHA-256 of the files that may be
taken of some packages.

Sources: https://pip.pypa.io/en/stable/reference/installation-report/ and
https://pip.pypa.io/en/stable/topics/secure-installs/ (read 2026-11).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HASHED, UNHASHED = "hashed.txt", "unhashed.txt"
HASHES = "hashes.json"
CHOSEN = "mlem: packages chosen:"
"""How the line begins that says how many there are, for the progress of the build."""


def pin(item: dict[str, Any]) -> str:
    """Return the line of a package.

    Args:
        item: What the report says of it.
    """
    name, version, info = item["metadata"]["name"], item["metadata"]["version"], item["download_info"]
    if "vcs_info" in info:
        vcs = info["vcs_info"]
        folder = "#subdirectory=" + info["subdirectory"] if info.get("subdirectory") else ""
        return f"{name} @ {vcs['vcs']}+{info['url']}@{vcs['commit_id']}{folder}"
    archive = info.get("archive_info") or {}
    # pip before 23.0 has one, written in another way
    digest = (archive.get("hashes") or {}).get("sha256") or str(archive.get("hash", "")).removeprefix("sha256=")
    if not digest:
        raise SystemExit(f"mlem: pip does not say which file of {name} {version} it took")
    return (
        f"{name} @ {info['url']} --hash=sha256:{digest}"
        if item.get("is_direct")
        else f"{name}=={version} --hash=sha256:{digest}"
    )


def expect_allowed(line: str, allowed: dict[str, list[str]]) -> None:
    """Refuse a file of a package of which others are allowed.

    Args:
        line: The package's line, see `pin`.
        allowed: SHA-256 of the files that may be taken, by the package's normalized name.
    """
    what, _, digest = line.partition(" --hash=sha256:")
    name = re.sub(r"[-_.]+", "-", re.split(r"==| @ ", what)[0]).lower()
    if digest and digest not in allowed.get(name, [digest]):
        raise SystemExit(f"mlem: the index has another file of {what} than it had when the model was saved")


def main(report: str, folder: str, hashes: str | None = None) -> None:
    """Write the files.

    Args:
        report: What ``pip install --report`` wrote.
        folder: Where they go.
        hashes: What may be taken, as JSON; None for anything.
    """
    lines = sorted(map(pin, json.loads(Path(report).read_text(encoding="utf-8"))["install"]), key=str.lower)
    if hashes is not None:
        allowed = json.loads(Path(hashes).read_text(encoding="utf-8"))
        for line in lines:
            expect_allowed(line, allowed)
    made = Path(folder)
    made.mkdir()
    for name, hashed in ((HASHED, True), (UNHASHED, False)):
        (made / name).write_text(
            "".join(f"{line}\n" for line in lines if (" --hash=" in line) is hashed), encoding="utf-8"
        )
    print(CHOSEN, len(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
