"""Whether a release has done what was said of it: the kit's own check must notice when it has not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mlem.state.event import Event
from mlem.state.provenance import Provenance
from mlem.state.state import Release, State
from mlem.testing.journal import otherwise_than_said

OLD = {"image": {"id": "1"}, "container": {"id": "1"}, "volume": {"id": "1"}}


def state(said: list[str], records: Mapping[str, Any], *events: Event) -> State:
    first = Release(number=1, model_hash="0", created="2026-11-27T00:00:00Z", declaration={}, records=OLD)
    made = Provenance(changes=tuple(said))
    second = Release(
        number=2, model_hash="1", created="2026-11-27T00:00:01Z", declaration={}, records=records, made=made
    )
    return State(type="fake", releases=(second, first), history=events)


SAID = ["update image (model_hash 0 -> 1)", "replace container (image 0 -> 1)", "remove volume (not declared any more)"]
DONE = {"image": {"id": "2"}, "container": {"id": "2"}}


@pytest.mark.parametrize(
    ("said", "records", "expected"),
    [
        (SAID, DONE, []),
        (SAID[1:], DONE, ["release 2: image: said keep, done change: id"]),
        (SAID, {**DONE, "image": OLD["image"]}, ["release 2: image: said update, done keep: "]),
        (SAID, {**DONE, "volume": OLD["volume"]}, ["release 2: volume: said remove, done keep: "]),
        (SAID[:2], DONE, ["release 2: volume: said keep, done remove: id"]),
        (SAID, {**DONE, "network": {}}, ["release 2: network: said keep, done create: "]),
        ([*SAID, "create network (not there yet)"], {**DONE, "network": {"id": "2"}}, []),
    ],
)
def test_what_was_not_said_is_noticed(said: list[str], records: Mapping[str, Any], expected: list[str]) -> None:
    assert otherwise_than_said(state(said, records)) == expected


def test_after_a_failed_run_nothing_is_compared() -> None:
    failed = Event(at="2026-11-27T00:00:00Z", what="run", outcome="failed")
    assert otherwise_than_said(state([], DONE, failed)) == []
