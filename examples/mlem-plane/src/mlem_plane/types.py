"""What mlem has to know of the framework: how its models are saved, and how its points travel."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, Self

from mlem import AdaptedType, DataType, ModelType, UserError, parse_type

_MOST_BYTES = 1 << 20


class PointsType(AdaptedType):
    """Points: they travel as an array of two columns."""

    type: ClassVar[str] = "plane_points"

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """Recognise points by the name of their class, so that nothing is imported for others."""
        return cls() if f"{type(value).__module__}.{type(value).__name__}" == "mlem_plane.plane.Points" else None

    @property
    def wire(self) -> DataType:
        """An array travels in JSON and as npy, and is checked."""
        return parse_type({"type": "ndarray", "shape": [None, 2], "dtype": "float64"})

    def to_wire(self, value: Any) -> Any:
        """Return the array of points; what a caller has instead is checked as an array."""
        return getattr(value, "array", value)

    def from_wire(self, value: Any) -> Any:
        """Make points of an array that was checked."""
        from mlem_plane.plane import Points

        return Points(value)


class NearestType(ModelType):
    """A `Nearest`, as JSON: loading runs no code of the file."""

    type: ClassVar[str] = "plane_nearest"
    format: ClassVar[str] = "plane"
    imports: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".plane",)

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """Recognise a model by the name of its class; a subclass of somebody's is code, and stays a pickle."""
        return f"{type(obj).__module__}.{type(obj).__name__}" == "mlem_plane.plane.Nearest"

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """Return what callers may call."""
        return {"predict": "predict"}

    @classmethod
    def rowwise(cls, obj: Any, method: str) -> bool:
        """Each point is answered by itself, so calls of several callers may be joined."""
        return True

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """Write the centres, always in the same order."""
        file.write(json.dumps(obj.centres, sort_keys=True).encode())
        return frozenset({"mlem_plane"})

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Any] = (), trusted: Sequence[str] = ()) -> Any:
        """Read the centres; whatever else is in the file is an error."""
        from mlem_plane.plane import Nearest

        content = file.read(_MOST_BYTES + 1)
        try:
            centres = json.loads(content)
            if len(content) > _MOST_BYTES or not centres:
                raise ValueError("it is empty, or too large")
            return Nearest({str(name): [float(x), float(y)] for name, (x, y) in centres.items()})
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(f"this is no model of the plane: {error}", code="no-plane") from error

    @classmethod
    def read(cls, path: Path, trusted: Sequence[str] = ()) -> Any:
        """Read a file that was written without mlem: it is of the same format."""
        with path.open("rb") as file:
            return cls.load(file)
