"""`AdaptedType`: a type whose values travel as those of another type.

It is what a plugin writes for its own containers of values: with four methods they travel in JSON and in the binary
formats of the other type, are checked as it checks, and calls with them are joined as with it. A plugin names its types
in the hook ``mlem_data_types``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from mlem_model.data.types.base import DataType, Json


class AdaptedType(DataType):
    """A type whose values travel as those of another type, ``wire``.

    Besides the abstract methods a class has ``type``, `DataType.of`, and the fields that tell its values apart.

    Example::

        class PointsType(AdaptedType):
            type: ClassVar[str] = "points"

            @classmethod
            def of(cls, value, infer):
                return cls() if isinstance(value, Points) else None

            @property
            def wire(self):
                return parse_type({"type": "ndarray", "shape": [None, 2], "dtype": "float64"})

            def to_wire(self, value):
                return value.array if isinstance(value, Points) else value

            def from_wire(self, value):
                return Points(value)
    """

    @property
    @abstractmethod
    def wire(self) -> DataType:
        """The type that values travel as; it is never one of the adapted types."""

    @abstractmethod
    def to_wire(self, value: Any) -> Any:
        """See `DataType.to_wire`."""

    @abstractmethod
    def from_wire(self, value: Any) -> Any:
        """See `DataType.from_wire`."""

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return self.wire.json_schema()

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; what converts to the other type converts to this one."""
        return self.wire.encode(self.to_wire(value), path)

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        return self.from_wire(self.wire.decode(payload, path))

    def accept(self, value: Any, path: str = "data") -> Any:
        """See `DataType.accept`."""
        return self.from_wire(self.wire.accept(self.to_wire(value), path))

    @property
    def in_rows(self) -> bool:
        """See `DataType.in_rows`."""
        return self.wire.in_rows

    def rows(self, value: Any) -> int | None:
        """See `DataType.rows`."""
        return self.wire.rows(self.to_wire(value))

    def join(self, values: Sequence[Any]) -> Any:
        """See `DataType.join`."""
        return self.from_wire(self.wire.join([self.to_wire(value) for value in values]))

    def part(self, value: Any, start: int, stop: int) -> Any:
        """See `DataType.part`."""
        return self.from_wire(self.wire.part(self.to_wire(value), start, stop))

    def requirements(self) -> set[str]:
        """See `DataType.requirements`; the module of the class itself is always needed."""
        return self.wire.requirements()
