"""`State`: a snapshot of what is really deployed, kept apart from the declaration."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeAlias

from pydantic import Field

from mlem.state.event import Event, bounded
from mlem.state.place import Place
from mlem.state.provenance import Provenance
from mlem.state.record import RecordT, record_in
from mlem_model.errors import ConflictError, DeclarationError
from mlem_model.legacy.fields import OF_04
from mlem_model.objects.html import fields
from mlem_model.objects.object import Value, one_line
from mlem_model.objects.validation import validate
from mlem_model.objects.yaml_file import dump, parse_mapping

SCHEMA_VERSION = 4
STATE_EXTENSION = ".mlem.state"
"""What the file or the key of a state ends with, in every store."""
ERRORED = f".errored{STATE_EXTENSION}"
"""What a state is kept under that could not be written, to be pushed."""


_Class: TypeAlias = type[RecordT]


class LockInfo(Value):
    """Who holds the lock of a deployment.

    Attributes:
        id: Identifies the lock; a CI job may choose it, to release it in a later step.
        holder: User and host: ``ada@build-7``.
        host: Identifies the machine and its boot, so that a dead process of this very boot is known to be dead.
        pid: The process.
        started: When the process started, in clock ticks since the boot: another one may have its pid by now.
        operation: What it does: ``run``, ``remove``, ``hold``.
        since: When it began, UTC, ISO 8601.
        message: Why, for a lock taken by hand.
        manual: Taken by hand: never taken over by itself.
        ttl_s: Seconds without renewal after which a holder counts as dead.
        renewal: Counts the holder's writes: one whose count stands still for `ttl_s` is dead.
    """

    id: str
    holder: str
    host: str = ""
    pid: int = 0
    started: int = 0
    operation: str
    since: str
    message: str = ""
    manual: bool = False
    ttl_s: float = 60.0
    renewal: int = 0

    def describe(self) -> str:
        """Say who holds the lock, in one line."""
        words = f"{self.holder} (pid {self.pid}), {self.operation} since {self.since}, lock id {self.id}"
        return f"{words}: {self.message}" if self.message else words


class GateSample(Value):
    """A question that a release was asked before it counted as running, and that it answered as its model had.

    Attributes:
        question: SHA-256 of the arguments in JSON with sorted keys, 64 hex digits.
        answer: The same of the answer.
    """

    question: str
    answer: str


class Release(Value):
    """What served at one time, and can be put back.

    Attributes:
        number: 1 for the first release of a lineage.
        model_hash: The model's digest.
        declaration: As deployed, without secrets.
        records: The record of each step.
        created: When the gate passed, UTC, ISO 8601.
        rollback_of: The number of the release that this one put back, if it did.
        gate: What was asked and answered, where the model had a sample: method -> SHA-256 of question and answer.
        adopted: Whether MLEM 0.4 made it: nothing is known of what it answers, so that it serves when the platform says
            that it runs.
        made: Who made it, and from what; None for one of a version that did not record it.
    """

    number: int
    model_hash: str
    declaration: dict[str, Any]
    records: dict[str, dict[str, Any]]
    created: str
    rollback_of: int | None = None
    gate: dict[str, GateSample] = {}
    adopted: bool = False
    made: Provenance | None = None

    @property
    def answers_for(self) -> str | None:
        """The model that has to answer for the gate to be passed; None when nothing is known of its answers."""
        return None if self.adopted else self.model_hash

    def __repr__(self) -> str:
        """Show which one it is, in one line."""
        return one_line("Release", str(self.number), f"model: {self.model_hash}", self.created)

    __str__ = __repr__

    @property
    def by(self) -> str:
        """Who made it, and from what, in words; empty where it was not recorded."""
        return self.made.describe() if self.made else ""

    @property
    def note(self) -> str:
        """What it put back, and the message that was given with it."""
        message = self.made.message if self.made else ""
        return ". ".join(filter(None, [f"rollback to {self.rollback_of}" if self.rollback_of else "", message]))

    def _repr_html_(self) -> str:
        values = [("model", self.model_hash), ("created", self.created), ("by", self.by), ("note", self.note)]
        return fields(f"release {self.number}", values)


class State(Value):
    """What is really deployed.

    Attributes:
        type: The deployment type.
        lineage: 32 hex digits, set once: a state of another lineage is never overwritten.
        serial: One more at each write.
        project: The id of the project it belongs to; empty outside projects.
        place: Where everything on record is; None where the platform is one for all, or nothing was made yet.
        model_hash: The digest of the model that serves; None before the first release.
        declaration: As deployed, without secrets.
        records: The record of each step, in the order in which they were made.
        releases: Newest first, as many as are kept for rollback.
        history: What happened to it, oldest first, bounded.
        expires: When ``mlem deployment gc`` may remove it, UTC, ISO 8601; None where it stays.
        lock: Who changes the state just now.
        nonce: Fresh for each write to a shared store, so that one whose outcome is unknown can be recognised; and so
            that a version that is a digest of the content never comes back.
        written_by: The version of mlem-core that wrote it.
        schema_version: The version of this format.
    """

    type: str
    lineage: str = Field(default_factory=lambda: os.urandom(16).hex())
    serial: int = 0
    project: str = ""
    place: Place | None = None
    model_hash: str | None = None
    declaration: dict[str, Any] = {}
    records: dict[str, dict[str, Any]] = {}
    releases: tuple[Release, ...] = ()
    history: tuple[Event, ...] = ()
    expires: str | None = None
    lock: LockInfo | None = None
    nonce: str = ""
    written_by: str = ""
    schema_version: int = SCHEMA_VERSION

    def __repr__(self) -> str:
        """Show what it is of, in one line."""
        newest = f"release {self.releases[0].number}" if self.releases else "no release"
        return one_line(
            "State",
            self.type,
            newest,
            f"model: {self.model_hash}",
            f"serial: {self.serial}",
            f"lineage: {self.lineage}",
        )

    __str__ = __repr__

    @property
    def empty(self) -> bool:
        """Whether nothing is deployed."""
        return not self.records and not self.releases

    @property
    def served(self) -> Release | None:
        """The newest release, which passed the gate; None where there is none."""
        return self.releases[0] if self.releases else None

    @property
    def finished(self) -> bool:
        """Whether the newest release is all that is on record: no command was interrupted since."""
        return self.served is not None and self.served.records == self.records

    def record_of(self, record: _Class[RecordT]) -> RecordT | None:
        """Return the record of a step; None when nothing is on record.

        Args:
            record: The class that the step declares.
        """
        return record_in(self.records, record)

    def with_record(self, step: str, record: Mapping[str, Any] | None) -> Self:
        """Return the state with a step's record set, or taken out when it is None."""
        records = {name: value for name, value in self.records.items() if name != step or record is not None}
        if record is not None:
            records[step] = dict(record)
        return self.model_copy(update={"records": records})

    def with_event(self, event: Event) -> Self:
        """Return the state with one event more in its history."""
        return self.model_copy(update={"history": bounded(self.history, event)})

    def to_bytes(self) -> bytes:
        """Return the content of the state's file: each step's record under the step's name."""
        data = self.model_dump(mode="json", exclude_defaults=True, exclude={"records"})
        fields = {name: data[name] for name in type(self).model_fields if name in data}
        head = {name: fields.pop(name) for name in ("model_hash",) if name in fields}
        return dump({**head, **self.records, "serial": self.serial, **fields, "schema_version": self.schema_version})

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> Self:
        """Read a state's file.

        Args:
            data: The file's content.
            source: Its name, for messages.

        Raises:
            DeclarationError: The content is not a state.
            ConflictError: A newer version of mlem wrote it.
        """
        try:
            content = parse_mapping(data, source)
            if is_state_04(content):
                raise of_04(source)
            content = migrated(content, source)
            fields = {name: value for name, value in content.items() if name in cls.model_fields and name != "records"}
            records = {name: value for name, value in content.items() if name not in cls.model_fields}
            wrong = next((name for name, value in records.items() if not isinstance(value, Mapping)), None)
            if wrong is not None:
                raise DeclarationError(
                    f"{source}: {wrong}: expected the record of a step, "
                    f"got {json.dumps(records[wrong], default=str)[:40]}"
                )
            return validate(cls, {**fields, "records": records}, source)
        except DeclarationError as error:
            if error.code == OF_04:
                raise
            raise DeclarationError(
                f"the state can't be read: {error.message}",
                code="bad-state",
                hint="restore the file from a backup or from version control",
            ) from error


def is_state_04(content: Mapping[str, Any]) -> bool:
    """Say whether the content of a file is a state that MLEM 0.4 wrote.

    It has neither a lineage nor a serial, but the words of one.
    """
    if not isinstance(content.get("type"), str) or any(
        word in content for word in ("lineage", "serial", "schema_version")
    ):
        return False
    return isinstance(content.get("declaration"), Mapping) or "model_hash" in content or "model_link" in content


def of_04(where: str) -> DeclarationError:
    """Return the error for a state that MLEM 0.4 wrote."""
    return DeclarationError(
        f"{where} is a state of MLEM 0.4: what it has on record has to be taken over first",
        code=OF_04,
        hint="mlem migrate --dry-run shows what would be done, mlem migrate does it",
    )


def migrated(content: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Bring the content of a state's file to the present schema, version by version.

    Args:
        content: The file's mapping.
        source: Its name, for messages.

    Raises:
        ConflictError: A newer version of mlem wrote it.
        DeclarationError: It has no lineage.
    """
    version = content.get("schema_version", 0)
    if not isinstance(version, int) or isinstance(version, bool):
        raise DeclarationError(f"{source}: schema_version: expected an integer, got {version!r}")
    if version > SCHEMA_VERSION:
        writer = content.get("written_by")
        raise ConflictError(
            f"{source}: written by a newer mlem{f', {writer}' if writer else ''}"
            f" (state schema {version}, this one reads up to {SCHEMA_VERSION})",
            code="newer-state",
            hint=f"pip install 'mlem-core>={writer}'" if writer else "pip install --upgrade mlem-core",
        )
    if version == 0 and "lineage" not in content:
        raise DeclarationError(f"{source}: no lineage: not a state of this system")
    changed = dict(content)
    for step in _MIGRATIONS[version:]:
        changed = step(changed)
    return {**changed, "schema_version": SCHEMA_VERSION}


def _from_0(content: dict[str, Any]) -> dict[str, Any]:
    """A state without a version has the fields of version 1."""
    return content


def _from_1(content: dict[str, Any]) -> dict[str, Any]:
    """The nonce moved from the lock to the state: a state without a lock needs one too."""
    lock = content.get("lock")
    if not isinstance(lock, Mapping) or "nonce" not in lock:
        return content
    return {**content, "lock": {key: value for key, value in lock.items() if key != "nonce"}, "nonce": lock["nonce"]}


def _from_2(content: dict[str, Any]) -> dict[str, Any]:
    """Releases say who made them: those of before do not."""
    return content


def _from_3(content: dict[str, Any]) -> dict[str, Any]:
    """States have a history, and may expire: those of before have neither."""
    return content


_MIGRATIONS: Sequence[Callable[[dict[str, Any]], dict[str, Any]]] = (_from_0, _from_1, _from_2, _from_3)
"""How to get from each schema version to the next."""
