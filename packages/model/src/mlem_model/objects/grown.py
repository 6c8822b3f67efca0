"""`Grown`: a value that got fields after its first release."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import SerializerFunctionWrapHandler, model_serializer

from mlem_model.objects.object import Value


class Grown(Value):
    """A value that got fields after its first release.

    At their defaults they are left out, so that older models keep their digests.
    """

    _LATER: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        written: dict[str, Any] = write(self)
        return {
            name: value
            for name, value in written.items()
            if name not in self._LATER or getattr(self, name) != fields[name].default
        }
