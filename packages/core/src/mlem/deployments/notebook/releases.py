"""`Releases`: what served, and can be put back."""

from __future__ import annotations

from typing import ClassVar

from mlem.state.state import Release
from mlem_model.objects.html import table
from mlem_model.objects.object import one_line


class Releases(tuple[Release, ...]):
    """The kept releases of a deployment, newest first; a notebook shows them as a table.

    Attributes:
        header: The names of the columns of `rows`.
    """

    __slots__ = ()

    header: ClassVar[tuple[str, ...]] = ("release", "created", "model", "by", "note")

    @property
    def rows(self) -> list[list[str]]:
        """What there is to say of each, in words."""
        return [[str(one.number), one.created, one.model_hash, one.by, one.note] for one in self]

    def __repr__(self) -> str:
        return one_line("Releases", *(f"{one.number}: {one.model_hash}" for one in self))

    def _repr_html_(self) -> str:
        return table(self.header, self.rows, "" if self else "no releases")
