"""`Artifact`: a file that belongs to an object, with its size and digest."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import ClassVar

from pydantic import Field, field_validator

from mlem_model.objects.grown import Grown


class Artifact(Grown):
    """A file that belongs to an object.

    Attributes:
        uri: Where it is, relative to the folder of the ``.mlem`` file.
        size_bytes: Its length.
        sha256: Hex digest of its content; None in files of MLEM 0.4.
        md5: The digest that MLEM 0.4 has instead.
        format: How to read it: ``pickle``, ``csv``, ``parquet``, ``npy``, ``json``.
        code: The version of Python that its compiled code was made by, and that alone can run it: ``3.11``; None where
            it has no such code, or nobody looked.
    """

    _LATER: ClassVar[frozenset[str]] = frozenset({"code"})

    uri: str
    size_bytes: int = Field(ge=0)
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    md5: str | None = Field(default=None, pattern="^[0-9a-f]{32}$")
    format: str = "pickle"
    code: str | None = Field(default=None, pattern=r"^3\.\d+$")

    @field_validator("uri")
    @classmethod
    def _check_uri(cls, uri: str) -> str:
        path = PurePosixPath(uri)
        odd = not uri.isprintable() or "\\" in uri or "://" in uri
        if odd or path.is_absolute() or ".." in path.parts or path.as_posix() != uri or not path.name:
            raise ValueError(f"expected a file in the folder of the metadata, got {uri!r}")
        return uri

    @property
    def checksum(self) -> tuple[str, str]:
        """The name of the digest to verify, and its value; both empty when the file has none."""
        return ("sha256", self.sha256) if self.sha256 else ("md5", self.md5) if self.md5 else ("", "")
