"""What git says of a project's folder: its commit, and which of two is older. Without git or a repository: nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT_S = 10.0
MOST_ANCESTORS = 60
"""How many commits before its own a release keeps: a clone that lags behind by no more knows that it does."""
SHORT = 12
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CAREFUL = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
"""A repository's own settings may name programs to run: these two are not followed."""


@dataclass(frozen=True)
class Commit:
    """A commit that a folder is at.

    Attributes:
        sha: Its name, 40 or 64 hex digits.
        dirty: Whether files that git knows differ from it.
    """

    sha: str
    dirty: bool


def head(folder: Path) -> Commit | None:
    """Return the commit that a folder is at; None without git, without a repository, or before the first commit."""
    sha = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if sha is None or not _SHA.fullmatch(sha):
        return None
    return Commit(sha, bool(_git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")))


def ancestors(folder: Path, sha: str) -> tuple[str, ...]:
    """Return the newest commits that a commit contains, without itself, each by its first 12 hex digits.

    Args:
        folder: A folder of the repository.
        sha: The commit.
    """
    if not _SHA.fullmatch(sha):
        return ()
    listed = _git(folder, "rev-list", f"--max-count={MOST_ANCESTORS + 1}", sha) or ""
    return tuple(line[:SHORT] for line in listed.split() if _SHA.fullmatch(line))[1:]


def is_older(folder: Path, sha: str, than: str) -> bool | None:
    """Say whether a commit is an ancestor of another one; None where the repository does not have both.

    Args:
        folder: A folder of the repository.
        sha: The commit.
        than: The other one.
    """
    if not (_SHA.fullmatch(sha) and _SHA.fullmatch(than)) or sha == than:
        return False
    if _git(folder, "cat-file", "-e", f"{than}^{{commit}}") is None:
        return None
    return _git(folder, "merge-base", "--is-ancestor", sha, than) is not None


def contains(folder: Path, sha: str, file: str) -> bool:
    """Say whether a commit has a file.

    Args:
        folder: The folder that the file's name starts from.
        sha: The commit.
        file: The file's name, a posix path.
    """
    return bool(_SHA.fullmatch(sha)) and _git(folder, "cat-file", "-e", f"{sha}:./{file}") is not None


def _git(folder: Path, *words: str) -> str | None:
    """Return what a command of git prints; None when it fails, or git is not there."""
    import subprocess  # late: a command that makes no release does without it

    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603  # fixed words, a folder, and names of commits that were checked
            ["git", *_CAREFUL, "-C", str(folder), *words],  # noqa: S607  # the user's own git
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
