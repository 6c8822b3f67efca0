"""`StandardType`: single values of Python's standard library and of pandas that are sent as text.

JSON has no literal for them.

Dates and times are in ISO 8601, durations too (``P1DT2H``). A time in a named zone has the zone's name in brackets
after its offset, as RFC 9557 has it: ``2024-02-29T12:00:00+01:00[Europe/Berlin]``.
Source: https://www.rfc-editor.org/rfc/rfc9557.html, section 4 (read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from mlem_model.data.types.base import DataType, Json, mismatch, module_of
from mlem_model.errors import DataError

Kind = Literal[
    "date", "datetime", "time", "timedelta", "Decimal", "UUID", "Timestamp", "Timedelta", "Period", "NaT", "NA"
]

_WORDS: dict[str, str] = {
    "date": "a date in ISO 8601", "datetime": "a time in ISO 8601", "time": "a time of day in ISO 8601",
    "timedelta": "a duration in ISO 8601", "Decimal": "a decimal number as text", "UUID": "a UUID",
    "Timestamp": "a time in ISO 8601",
    "Timedelta": "a duration in ISO 8601", "Period": "a period", "NaT": "null", "NA": "null",
}  # fmt: skip
_SCHEMAS: dict[str, dict[str, Any]] = {
    "date": {"type": "string", "format": "date"},
    "Decimal": {"type": ["string", "number"]},
    "UUID": {"type": "string", "format": "uuid"},
    "NaT": {"type": "null"},
    "NA": {"type": "null"},
}
_CLASSES: dict[type, Kind] = {
    datetime: "datetime", date: "date", time: "time", timedelta: "timedelta", Decimal: "Decimal", UUID: "UUID",
}  # fmt: skip
_PANDAS: dict[str, Kind] = {
    "Timestamp": "Timestamp", "Timedelta": "Timedelta", "Period": "Period", "NaTType": "NaT", "NAType": "NA",
}  # fmt: skip
_ZONE = re.compile(r"(.+)\[([\w+\-/]+)\]")


class StandardType(DataType):
    """A date, time, duration, decimal number or UUID, or the same of pandas.

    Attributes:
        kind: The name of its class; ``NaT`` and ``NA`` are the missing values of pandas.
        freq: Of a period, its frequency: ``M``.
    """

    type: ClassVar[str] = "standard"
    kind: Kind
    freq: str | None = None

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if module_of(value) == "pandas":
            kind = _PANDAS.get(type(value).__name__)
            return cls(kind=kind, freq=value.freqstr if kind == "Period" else None) if kind else None
        found = next((kind for base, kind in _CLASSES.items() if isinstance(value, base)), None)
        return cls(kind=found) if found else None

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return dict(_SCHEMAS.get(self.kind, {"type": "string"}))

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; text in the form that travels is checked, times of numpy convert."""
        if self.kind in ("NaT", "NA"):
            if type(value).__name__ in ("NaTType", "NAType"):
                return None
            raise mismatch(path, "a missing value", value)
        if isinstance(value, str):
            self.decode(value, path)
            return value
        if module_of(value) == "numpy" and getattr(value, "shape", None) == ():
            value = value.item() if self.kind not in ("Timestamp", "Timedelta") else self._build(value, path)
        if not self._is_one(value):
            raise mismatch(path, _WORDS[self.kind], value)
        if self.kind in ("datetime", "Timestamp"):
            return _write_time(value)
        if self.kind == "timedelta":
            return str(_duration().dump_python(value, mode="json"))
        return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`; a decimal number may be a number of JSON."""
        if self.kind in ("NaT", "NA"):
            if payload is not None:
                raise mismatch(path, "null", payload)
            import pandas as pd

            return getattr(pd, self.kind)
        number = self.kind == "Decimal" and type(payload) in (int, float)
        if not isinstance(payload, str) and not number:
            raise mismatch(path, _WORDS[self.kind], payload)
        return self._build(str(payload), path)

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return {"pandas"} if self.kind in _PANDAS.values() else set()

    def _is_one(self, value: Any) -> bool:
        if self.kind in ("Timestamp", "datetime"):
            return isinstance(value, datetime) and type(value).__name__ != "NaTType"
        if self.kind in ("Timedelta", "timedelta"):
            return isinstance(value, timedelta) and type(value).__name__ != "NaTType"
        return type(value).__name__ == self.kind

    def _build(self, text: Any, path: str) -> Any:
        try:
            if self.kind in ("Timestamp", "Timedelta", "Period"):
                return self._build_of_pandas(text)
            if self.kind == "datetime":
                return _read_time(text)
            if self.kind == "timedelta":
                return _duration().validate_strings(text)
            if self.kind in ("Decimal", "UUID"):
                return (Decimal if self.kind == "Decimal" else UUID)(text)
            return (date if self.kind == "date" else time).fromisoformat(text)
        except (ValueError, TypeError, OverflowError, InvalidOperation, LookupError, OSError) as error:
            raise DataError(
                path, _WORDS[self.kind], "a string that is not one" if isinstance(text, str) else "something else"
            ) from error

    def _build_of_pandas(self, text: Any) -> Any:
        import pandas as pd

        if self.kind == "Period":
            return pd.Period(text, freq=self.freq)
        found = _ZONE.fullmatch(text) if isinstance(text, str) else None
        value = (pd.Timedelta if self.kind == "Timedelta" else pd.Timestamp)(found[1] if found else text)
        if value is pd.NaT:
            raise ValueError("missing")
        return value.tz_convert(found[2]) if found else value


def iso_of(value: Any) -> str:
    """Return a time or a duration in ISO 8601; a time in UTC where its offset is not whole minutes, as before 1900."""
    offset = value.utcoffset() if isinstance(value, datetime) else None
    if offset is not None and offset % timedelta(minutes=1):
        value = value.astimezone(UTC)
    return str(value.isoformat())


def _write_time(value: Any) -> str:
    zone = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "zone", None)  # of zoneinfo, and of pytz
    return iso_of(value) + (f"[{zone}]" if isinstance(zone, str) else "")


def _read_time(text: str) -> datetime:
    found = _ZONE.fullmatch(text)
    value = datetime.fromisoformat(found[1] if found else text)
    return value.astimezone(ZoneInfo(found[2])) if found else value


def _duration() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(timedelta)
