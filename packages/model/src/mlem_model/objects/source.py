"""`Source`: the files that data is from, for messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self


class Source(str):
    """The name of a file, and of another one that some of its fields are from.

    Everywhere it is the text that names the first file; `of` names the file of a single field.

    Attributes:
        over: The name of the file that lies over the first.
        fields: What that one has.
    """

    __slots__ = ("fields", "over")
    over: str
    fields: Mapping[str, Any]

    @classmethod
    def laid(cls, below: str, over: str, fields: Mapping[str, Any]) -> Self:
        """Return the source of two files.

        Args:
            below: The name of the file that has everything else.
            over: The name of the file that lies over it.
            fields: What that one has.
        """
        made = cls(below)
        made.over, made.fields = over, fields
        return made

    def of(self, path: str) -> str:
        """Return the name of the file that a field is from.

        Args:
            path: The field's dotted path, such as ``env.host``.
        """
        found: Any = self.fields
        rest = path.strip(".").split(".")
        while rest and isinstance(found, Mapping):
            if ".".join(rest) in found:  # a key with dots, such as a label's
                return self.over
            if rest[0] not in found:
                return str(self)
            found = found[rest.pop(0)]
        return self.over


def source_of(source: str, path: str) -> str:
    """Return the name of the file that a field is from; where there is but one file, its name."""
    return source.of(path) if isinstance(source, Source) else source
