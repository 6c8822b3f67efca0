from __future__ import annotations

from typing import Any, ClassVar

import pytest

from mlem.deployments.step import Context, Step, differences
from mlem.state.record import Record
from mlem.state.state import State
from mlem_model.errors import DeclarationError


class ServerRecord(Record):
    step: ClassVar[str] = "server"

    image: str | None = None
    port: int | None = None
    labels: dict[str, str] = {}
    cpus: float | None = None
    id: str = ""


def test_what_is_not_known_is_neither_written_nor_compared() -> None:
    wanted = ServerRecord(image="iris:1", port=None)
    assert wanted.to_data() == {"image": "iris:1", "port": None}
    assert (wanted.knows("port"), wanted.knows("labels"), wanted.labels) == (True, False, {})
    assert ServerRecord(image="iris:1", id="7").differing(wanted) == set()


def test_a_field_that_an_older_record_lacks_differs_unless_nothing_is_wanted_of_it() -> None:
    older = ServerRecord.from_data({"image": "iris:1"})
    assert older.differing(ServerRecord(image="iris:1", port=None, labels={}, cpus=1.0)) == {"labels", "cpus"}
    assert differences(older, ServerRecord(port=8080), without=("labels",)) == "port none -> 8080"


def test_fields_of_a_newer_version_are_kept_as_they_are() -> None:
    data = {"image": "iris:1", "id": "7", "gpu": {"count": [1, 2]}, "tls": None}
    record = ServerRecord.from_data(data)
    assert (record.to_data(), record.changed(id="8").to_data()) == (data, {**data, "id": "8"})
    assert record.limited_to({"image", "gpu"}).to_data() == {"image": "iris:1", "gpu": {"count": [1, 2]}}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("port", "8080", 'port: expected an integer, got "8080"'),
        ("id", None, "id: expected a string, got null"),
        ("labels", {"a": 1}, "labels.a: expected a string, got 1"),
    ],
)
def test_a_value_of_another_type_in_a_state_is_named(field: str, value: Any, words: str) -> None:
    state = State(type="fake").with_record("server", {field: value})
    with pytest.raises(DeclarationError) as caught:
        state.record_of(ServerRecord)
    assert (caught.value.message, caught.value.code) == (
        f'the state can\'t be read: the record of step "server": {words}',
        "bad-state",
    )


def test_a_removal_goes_by_what_of_a_damaged_record_fits() -> None:
    damaged = {"image": "iris:1", "port": "abc", "labels": [1], "gpu": 1}
    assert ServerRecord.what_fits(damaged).to_data() == {"image": "iris:1", "gpu": 1}


def test_a_field_that_is_not_declared_can_not_be_changed_nor_left_out() -> None:
    record = ServerRecord(port=8080)
    with pytest.raises(TypeError, match="ServerRecord has no field prot"):
        record.changed(prot=8081)
    with pytest.raises(TypeError, match="ServerRecord has no field prot"):
        record.differing(record, without=("prot",))


def test_a_context_reads_the_record_of_any_step_by_its_class() -> None:
    ctx = Context("app", "0f" * 16, None, None, records={"server": {"port": 1}}, put_back={"server": {"port": 2}})
    assert (ctx.record_of(ServerRecord), ctx.put_back_of(ServerRecord)) == (ServerRecord(port=1), ServerRecord(port=2))
    empty = Context("app", "0f" * 16, None, None)
    assert (empty.record_of(ServerRecord), empty.put_back_of(ServerRecord)) == (None, None)


def test_a_step_is_named_by_its_record() -> None:
    class ServerStep(Step[Any, Any, ServerRecord]):
        record = ServerRecord

    class Other(ServerStep):
        pass

    assert (ServerStep.name, Other.name) == ("server", "server")
