"""`Record`: what a step wants, and what it left on the platform, in typed fields; and its form in a state's file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from mlem_model.errors import DeclarationError
from mlem_model.objects.validation import validate


class Record(BaseModel):
    """What a step wants, and what it found or made: plain JSON data in one flat set of fields.

    A step declares a subclass. Every field has a default, because what is wanted does not know the platform's facts
    yet, and a record that an earlier version wrote does not know what was added since. Which fields a record knows is
    told apart from their values: only those are compared, and only those are written. Fields of a newer version are
    kept as they are.

    Attributes:
        step: The name of the step, under which a state keeps the record.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, protected_namespaces=())

    step: ClassVar[str] = ""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Build the record from what a state has of it.

        Args:
            data: The fields that are known, with their values.

        Raises:
            DeclarationError: A value is of another type than its field.
        """
        try:
            return validate(cls, data, f'the record of step "{cls.step}"')
        except DeclarationError as error:
            raise DeclarationError(
                f"the state can't be read: {error.message}",
                code="bad-state",
                hint="restore it from a backup or from version control",
            ) from error

    @classmethod
    def what_fits(cls, data: Mapping[str, Any]) -> Self:
        """Build the record from what a state has of it, without the fields whose values are of another type.

        Args:
            data: The fields that are known, with their values.
        """
        return cls.from_data({name: value for name, value in data.items() if cls._fits({name: value})})

    @classmethod
    def _fits(cls, data: Mapping[str, Any]) -> bool:
        try:
            cls.from_data(data)
        except DeclarationError:
            return False
        return True

    def to_data(self) -> dict[str, Any]:
        """Return the fields that are known, in the order of their declaration, as a state keeps them."""
        return self.model_dump(exclude_unset=True, warnings=False)  # what does not fit is told by `expect_plain`

    def knows(self, field: str) -> bool:
        """Say whether a field was given a value, be it None."""
        return field in self.model_fields_set

    def changed(self, **fields: Any) -> Self:
        """Return the record with other values of some fields.

        Raises:
            TypeError: The class does not declare a field.
        """
        self._expect_fields(fields)
        return type(self).model_validate({**self.to_data(), **fields})

    def limited_to(self, fields: Collection[str]) -> Self:
        """Return the record as if it knew no other fields than these."""
        return type(self).model_validate({name: value for name, value in self.to_data().items() if name in fields})

    def differing(self, wanted: Self, *, without: Collection[str] = ()) -> set[str]:
        """Return the names of the fields that are wanted to be other than they are here.

        Args:
            wanted: What there should be; what it does not know does not count.
            without: Fields that do not count either.

        Raises:
            TypeError: The class does not declare a field that is left out.
        """
        self._expect_fields(without)
        there = self.to_data()
        return {name for name, value in wanted.to_data().items() if name not in without and there.get(name) != value}

    def _expect_fields(self, names: Collection[str]) -> None:
        unknown = sorted(set(names) - type(self).model_fields.keys())
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {unknown[0]}")


RecordT = TypeVar("RecordT", bound=Record)


def record_in(records: Mapping[str, Mapping[str, Any]], record: type[RecordT]) -> RecordT | None:
    """Return the record of a step; None when nothing is on record.

    Args:
        records: The records of all steps, as a state keeps them.
        record: The class that the step declares.

    Raises:
        DeclarationError: A value is of another type than its field.
    """
    data = records.get(record.step)
    return None if data is None else record.from_data(data)
