"""Files whose content is not in git: pointers of Git LFS in their place, or DVC's notes beside it."""

from __future__ import annotations

from pathlib import Path

from mlem_model.errors import UserError

_LFS = b"version https://git-lfs.github.com/spec/"
"""How a pointer begins; see the specification of Git LFS, docs/spec.md."""
LONGEST_POINTER_BYTES = 1024


def pull_hint(head: bytes) -> str | None:
    """Return how to get the content of a file that is a pointer of Git LFS; None when it is not one.

    Args:
        head: The file's first bytes.
    """
    return "git lfs pull fetches what the pointer stands for" if head.startswith(_LFS) else None


def expect_fetched(head: bytes, source: str) -> None:
    """Refuse a pointer where its content is needed.

    Args:
        head: The file's first bytes.
        source: The file, for messages.

    Raises:
        UserError: It is a pointer.
    """
    hint = pull_hint(head)
    if hint is not None:
        raise UserError(
            f"{source} is a pointer of Git LFS, not the file that it stands for", code="not-fetched", hint=hint
        )


def fetch_hint(path: str | Path) -> str | None:
    """Return how to get a local file that is not there; None when nothing tells where it may be.

    Args:
        path: The file.
    """
    place = Path(path)
    notes = (part.with_name(f"{part.name}.dvc") for part in (place, *place.parents) if part.name not in ("", ".."))
    found = next((note for note in notes if note.is_file()), None)
    return f"dvc pull {found} fetches it" if found is not None else None
