"""`Layers`: what declares a deployment, file by file: its declaration, and the overlay that lies over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from mlem.deployments.deployment import Deployment
from mlem.project.project import Location
from mlem_model.errors import DeclarationError
from mlem_model.objects.files import shown, unusable
from mlem_model.objects.object import HEAD
from mlem_model.objects.source import Source
from mlem_model.objects.yaml_file import parse_mapping, read_document


@dataclass(frozen=True)
class Layers:
    """The content of a deployment's files.

    Attributes:
        place: Where they are.
        base: What the declaration has; empty where there is none yet.
        over: What the overlay has; empty where none is meant.
    """

    place: Location
    base: Mapping[str, Any] = field(default_factory=dict)
    over: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, place: Location) -> Layers:
        """Read the files.

        Raises:
            NotFoundError: There is no declaration.
            DeclarationError: One is not a YAML mapping, or the overlay is of another type.
        """
        base = place.read("deployment")
        if not place.overlay:
            return cls(place, base)
        over = parse_mapping(_content(place.top), shown(place.top), may_be_empty=True)
        for word in HEAD:
            if word in over and over[word] != base.get(word):
                raise DeclarationError(
                    f"{shown(place.top)}: {word}: an overlay can't change it: {place} has {base.get(word)}",
                    code="other-type",
                    hint="declare a deployment of its own instead",
                )
        return cls(place, base, over)

    @property
    def source(self) -> str:
        """The files, for messages: each field's own."""
        if not self.place.overlay:
            return str(self.place)
        return Source.laid(str(self.place), shown(self.place.top), self.over)

    @property
    def top(self) -> Mapping[str, Any]:
        """What the file has that commands write to."""
        return self.over if self.place.overlay else self.base

    def fields(self, cls: type[Deployment]) -> dict[str, Any]:
        """Return the fields of all layers, as they are written.

        Args:
            cls: The deployment's type, which says of which fields null is a value.
        """
        laid = merge(without_head(self.base), without_head(self.over), unset=True)
        emptied = {name for name, value in self.over.items() if value is None and not takes_none(cls, name)}
        return {name: value for name, value in laid.items() if name not in emptied}

    def with_given(self, cls: type[Deployment], given: Mapping[str, Any]) -> Layers:
        """Return the layers with given fields laid over them, in the file that commands write to.

        Args:
            cls: The deployment's type.
            given: Fields; None takes one back to its default.
        """
        dropped = {name for name, value in given.items() if value is None and not takes_none(cls, name)}
        if self.place.overlay:  # null stays there: it says that what is below does not hold
            over = merge(self.over, given)
            return Layers(
                self.place,
                self.base,
                {name: value for name, value in over.items() if name not in dropped or name in self.base},
            )
        laid = merge(self.base, given)
        return Layers(self.place, {name: value for name, value in laid.items() if name not in dropped})


def _content(path: Path) -> bytes:
    try:
        return read_document(path)
    except OSError as error:
        raise unusable(path, error, "read") from error


def without_head(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a file, without the words that say which class they are of."""
    return {name: value for name, value in data.items() if name not in HEAD}


def merge(base: Mapping[str, Any], values: Mapping[str, Any], *, unset: bool = False) -> dict[str, Any]:
    """Lay values over others, mapping by mapping; lists are replaced.

    Args:
        base: What is below.
        values: What lies over it.
        unset: Whether null takes a key out of an inner mapping.
    """
    merged = dict(base)
    for key, value in values.items():
        inner = merged.get(key)
        if isinstance(value, Mapping):
            laid = merge(inner if isinstance(inner, Mapping) else {}, value, unset=unset)
            merged[key] = {name: one for name, one in laid.items() if not (unset and one is None and name in value)}
        else:
            merged[key] = value
    return merged


def takes_none(cls: type[Deployment], name: str) -> bool:
    """Say whether None is a value of a field that is not its default, so that it means something."""
    declared = cls.model_fields.get(name)
    return declared is not None and declared.default is not None and type(None) in get_args(declared.annotation)
