"""`DataTypeSuite`: what every type of data does: tell its values, carry them there and back, refuse others."""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pytest

from mlem import api
from mlem.testing.standard import Suite
from mlem_model.data.formats.binary import dump, formats_of, load
from mlem_model.data.types.any import DataType, equal, infer, parse_type
from mlem_model.errors import DataError

NAME = "same"
ELSEWHERE = """
import json, sys
from mlem import api
from mlem.testing.standard import Suite
from mlem.api.objects import with_object
model, obj = with_object(sys.argv[1], None, served=True)
(method,) = model.methods.values()
(argument,) = method.args
given = argument.data_type.decode(json.loads(sys.stdin.read()))
print(json.dumps(method.returns.encode(method.call(obj, {argument.name: given}))))
"""
"""Loads a model in a process of its own, as a server does, and answers a call whose body is JSON."""


def unchanged(value: Any) -> Any:
    """Return what is given; it is saved as a model."""
    return value


@pytest.mark.filterwarnings("ignore:.* was installed from this machine")  # a plugin under test always is
class DataTypeSuite(Suite, ABC):
    """Tells, carries, joins, refuses.

    Example::

        class TestPoints(DataTypeSuite):
            type = "plane_points"

            def value(self):
                return Points([[0, 1], [2, 3]])

            def plain(self, value):
                return value.array.tolist()
    """

    type: str
    """The word of the data type."""
    rows = 2
    """How many rows the value has; None where its values are not rows."""
    binary = True
    """Whether values travel in a binary format, too."""
    refused: tuple[Any, ...] = ("text", {"no": "field"}, [["text"]], [[[[1]]]], 1e400)
    """JSON that is no value of the type."""

    @abstractmethod
    def value(self) -> Any:
        """Return a value, of several rows where values are rows."""

    @abstractmethod
    def plain(self, value: Any) -> Any:
        """Return the content of a value as lists, numbers and texts, without the data type's own code."""

    @pytest.fixture
    def kind(self) -> DataType:
        """The type of the value, as saving finds it."""
        return infer(self.value())

    def test_it_is_found_for_its_values_and_for_no_others(self, kind: DataType) -> None:
        """`of` says yes to its own values, and no to others: who says yes to all takes them from every other type.

        When it fails: compare the class in `of`, and return None for everything else.
        """
        assert kind.type == self.type
        for other in (1, "text", [1.0], {"a": 1}, b"bytes", None, True):
            assert infer(other).type != self.type, other
            assert type(kind).of(other, infer) is None, other

    def test_it_is_written_down_and_read_back(self, kind: DataType) -> None:
        """A model's file has it as plain data: a field that is not a pydantic one gets lost there.

        When it fails: make what the type knows fields of pydantic.
        """
        assert parse_type(json.loads(json.dumps(kind.model_dump(mode="json")))) == kind
        json.dumps(kind.json_schema(), allow_nan=False)

    def test_a_value_travels_as_json(self, kind: DataType) -> None:
        """What `encode` makes is JSON, and `decode` makes the same value of it.

        When it fails: return lists, numbers and texts from `encode`, and the class of the value from `decode`.
        """
        value = self.value()
        back = kind.decode(json.loads(json.dumps(kind.encode(value))))
        assert (type(back), self.plain(back)) == (type(value), self.plain(value))

    def test_a_value_travels_in_binary(self, kind: DataType) -> None:
        """It is not copied into lists on its way, and is the same afterwards.

        When it fails: declare the `wire` as an array or a table; or set ``binary`` to False.
        """
        formats = formats_of(kind)
        assert bool(formats) == self.binary, formats
        for format_ in formats:
            back = load(kind, bytearray(dump(kind, self.value(), format_)), format_)
            assert self.plain(back) == self.plain(self.value()), format_

    def test_the_server_takes_what_the_caller_has(self, kind: DataType) -> None:
        """`accept` checks a value of this process, and leaves one that fits as it is.

        When it fails: return from `accept` a value that fits as it is.
        """
        assert self.plain(kind.accept(self.value())) == self.plain(self.value())

    def test_rows_are_counted_parted_and_joined(self, kind: DataType) -> None:
        """Calls of several callers are joined to one, and the answer is parted again.

        When it fails: write `rows`, `part` and `join` together; or set ``rows`` to None.
        """
        value = self.value()
        assert kind.rows(value) == self.rows
        if self.rows is None:
            return
        parts = [kind.part(value, row, row + 1) for row in range(self.rows)]
        assert [kind.rows(part) for part in parts] == [1] * self.rows
        assert self.plain(kind.join(parts)) == self.plain(value)

    def test_what_is_no_value_is_refused_in_words(self, kind: DataType) -> None:
        """A caller's mistake is a `DataError`, which says where: anything else is told as a fault of the server.

        When it fails: raise a `DataError` with the path for what does not fit, whatever the library raises.
        """
        for payload in self.refused:
            with pytest.raises(DataError):
                kind.decode(payload)

    def test_values_are_compared_by_their_content(self, kind: DataType) -> None:
        """The gate compares answers: the same value is equal to itself, also when it comes from elsewhere.

        When it fails: encode the same value alike each time: no ids, no order of a set.
        """
        assert equal(kind.encode(self.value()), kind.encode(self.value()))

    def test_a_model_takes_and_answers_it_elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another process, which has only what the model needs, decodes a value, and answers it.

        When it fails: import the framework where it is used, and name its module in the requirements.
        """
        monkeypatch.chdir(tmp_path)
        api.init(tmp_path)
        value = self.value()
        model = api.save(unchanged, NAME, sample_data=value)
        kind = infer(value)
        body = json.dumps(kind.encode(value))
        done = subprocess.run(  # noqa: S603  # the arguments are the test's own
            [sys.executable, "-W", "ignore", "-c", ELSEWHERE, NAME],
            input=body,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        assert self.plain(kind.decode(json.loads(done.stdout.splitlines()[-1]))) == self.plain(value)
        assert model.requirements, "it needs at least the package that has the type"
