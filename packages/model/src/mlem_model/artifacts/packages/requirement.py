"""`Requirement`: a package that an object needs where it is loaded."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from mlem_model.objects.grown import Grown


class Requirement(Grown):
    """A package that an object needs where it is loaded.

    Attributes:
        module: The name it is imported by.
        version: The version it was saved with.
        package_name: The name it is installed by.
        url: Where pip gets it, when not from an index: ``git+https://host/repository@commit``.
        hashes: SHA-256 of the files of it that the index had when it was saved; empty where that was not asked for.

    What pip reads in a line, names, versions and addresses, has no spaces, ends of lines, variables or options in it.
    Source: https://packaging.python.org/en/latest/specifications/name-normalization/ and .../version-specifiers/ (read
        2026-11).
    """

    _LATER: ClassVar[frozenset[str]] = frozenset({"url", "hashes"})

    module: str = Field(pattern=r"^\w+(\.\w+)*$", max_length=200)
    version: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.!+_-]*$", max_length=200)
    package_name: str = Field(pattern=r"^[0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?$", max_length=200)
    url: str | None = Field(
        default=None, pattern=r"^[a-z]+(\+[a-z]+)?://[!#%&+,./0-9:=?@A-Z_a-z~\[\]-]+$", max_length=2000
    )
    hashes: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], ...] = Field(default=(), max_length=5000)

    @property
    def public_version(self) -> str:
        """The version as an index knows it: without the label of a build, as ``+cu128``.

        Source: https://packaging.python.org/en/latest/specifications/version-specifiers/, "Local version identifiers"
        (read 2026-11).
        """
        return self.version.partition("+")[0]

    @property
    def pip(self) -> str:
        """What pip installs: ``scikit-learn==1.9.1``, or ``shop @ git+https://host/shop@commit``."""
        return f"{self.package_name} @ {self.url}" if self.url else f"{self.package_name}=={self.public_version}"
