"""The state's file: round trips, older and newer schemas, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem.state.event import Event
from mlem.state.provenance import Provenance
from mlem.state.state import SCHEMA_VERSION, GateSample, LockInfo, Release, State
from mlem_model.errors import ConflictError, DeclarationError

GOLDEN = Path(__file__).parent / "golden"
LOCK = LockInfo(
    id="ci-7",
    holder="ada@build-7",
    host="build-7/boot",
    pid=4711,
    operation="run",
    since="2026-01-02T03:04:05Z",
    renewal=3,
)
MADE = Provenance(
    user="ada",
    job="deploy #812",
    job_url="https://ci.example/812",
    commit="9fceb02d0ae598e95dc970b74767f19372d61af8",
    dirty=True,
    versions={"mlem-core": "0.5.0"},
    message="hotter",
    changes=("replace container (the image differs)",),
)
STATE = State(
    type="docker_container",
    lineage="0f3c0f3c0f3c0f3c0f3c0f3c0f3c0f3c",
    serial=7,
    project="5e1d",
    model_hash="65bd55a3bb4bc829abdb02f5cf6f1018",
    declaration={"model": "iris", "port": 8080, "env": {"host": "ssh://deploy@box"}},
    records={"image": {"id": "sha256:1"}, "container": {"id": "c1", "port": 8080}},
    releases=(
        Release(
            number=2,
            model_hash="65bd55a3bb4bc829abdb02f5cf6f1018",
            declaration={"model": "iris"},
            records={"image": {"id": "sha256:1"}},
            created="2026-01-02T03:04:05Z",
            made=MADE,
            gate={"predict": GateSample(question="3f" * 32, answer="a0" * 32)},
        ),
    ),
    history=(
        Event(at="2026-01-02T03:04:05Z", what="run", by="ada@build-7", release=2, words="replace container"),
        Event(at="2026-01-02T03:05:05Z", what="run", outcome="failed", by="ada@build-7", release=2, words="gate"),
    ),
    expires="2026-01-02T05:04:05Z",
    lock=LOCK,
    nonce="a1b2c3d4e5f60718",
    written_by="0.5.0",
)


@pytest.mark.parametrize("name", ["v0", "v1", "v2", "v3", "v4"])
def test_every_schema_that_was_ever_written_loads_as_the_same_state(name: str) -> None:
    path = GOLDEN / f"{name}.mlem.state"
    loaded = State.from_bytes(path.read_bytes(), str(path))
    # Versions 0 and 1 did not say who wrote them, those before 3 not who made a release, those before 4 not the rest.
    newest = loaded.releases[0]
    known = newest.model_copy(update={"made": newest.made or MADE, "gate": newest.gate or STATE.releases[0].gate})
    assert (
        loaded.model_copy(
            update={
                "written_by": "0.5.0",
                "releases": (known,),
                "history": loaded.history or STATE.history,
                "expires": loaded.expires or STATE.expires,
            }
        )
        == STATE
    )


def test_the_present_schema_is_written_as_the_newest_golden_file() -> None:
    assert STATE.to_bytes() == (GOLDEN / f"v{SCHEMA_VERSION}.mlem.state").read_bytes()


def test_a_newer_schema_is_refused_with_the_version_to_install() -> None:
    data = (
        STATE.to_bytes()
        .replace(b"schema_version: 4", b"schema_version: 5")
        .replace(b"written_by: 0.5.0", b"written_by: 0.9.1")
    )
    with pytest.raises(
        ConflictError, match=r"written by a newer mlem, 0\.9\.1 \(state schema 5, this one reads up to 4\)"
    ) as caught:
        State.from_bytes(data, "app.mlem.state")
    assert (caught.value.exit_code, caught.value.hint) == (4, "pip install 'mlem-core>=0.9.1'")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"- a\n", "expected a mapping"),
        (b"deployed: true\n", "no lineage: not a state of this system"),
        (b"type: fake\nlineage: a\nschema_version: two\n", "schema_version: expected an integer"),
        (b"type: fake\nlineage: a\nschema_version: 2\ndisk: 3\n", "disk: expected the record of a step, got 3"),
        (b"type: fake\nlineage: a\nserial: x\nschema_version: 2\n", "serial: expected an integer"),
    ],
)
def test_what_is_no_state_is_refused_with_its_reason(content: bytes, words: str) -> None:
    with pytest.raises(DeclarationError, match=words) as caught:
        State.from_bytes(content, "app.mlem.state")
    assert caught.value.code == "bad-state"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcxyz_", min_size=1), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.dictionaries(
    st.text("stepname_", min_size=1, max_size=8).filter(lambda name: name not in State.model_fields),
    st.dictionaries(st.text("abcxyz_", min_size=1), JSON, max_size=4),
    max_size=4,
)


@given(RECORDS, st.integers(0, 10**9), st.booleans())
def test_every_state_comes_back_from_its_file(records: dict[str, Any], serial: int, locked: bool) -> None:
    state = State(type="fake", lineage="1" * 32, serial=serial, records=records, lock=LOCK if locked else None)
    assert State.from_bytes(state.to_bytes(), "test") == state
