"""More load than the model can carry, a stop in the middle of it, and values of every kind there and back."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import pandas
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pandas.testing import assert_frame_equal
from waiting import wait_until

from mlem.clients.http import HttpClient
from mlem_model.data.formats.binary import dump, formats_of, load
from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save

LOAD_S = float(os.environ.get("MLEM_TEST_LOAD_SECONDS", "6"))
CALL_S = 0.01
MAX_QUEUE = 8
CALLERS = 20
CALLS_A_SECOND = 2 / CALL_S  # twice what the model can do
GROWTH_BYTES = 16 * 2**20
AHEAD = MAX_QUEUE + 2  # the queue, the call that runs, and the one that is on its way
JSON_HEADERS = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def sleeping_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A function that takes its time, and doubles a number."""

    def predict(x: int, seconds: float = 0.01) -> int:
        import time

        time.sleep(seconds)
        return 2 * x

    path = tmp_path_factory.mktemp("sleeping") / "sleeping"
    save(predict, path, sample_data=1, model_types=(CallableModel,))
    return path


@dataclass
class Seen:
    """What one caller saw: from when to when each accepted call took, and how many were refused."""

    accepted: list[tuple[float, float]] = field(default_factory=list)
    refused: int = 0
    wrong: list[object] = field(default_factory=list)


def ask_at_a_pace(port: int, caller: int, until: float) -> Seen:
    seen = Seen()
    due = time.monotonic() + caller / CALLS_A_SECOND
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        for number in range(caller, 10**9, CALLERS):
            time.sleep(max(0.0, due - time.monotonic()))
            started = time.monotonic()
            if started > until:
                return seen
            due = max(due + CALLERS / CALLS_A_SECOND, started)
            connection.request("POST", "/predict", json.dumps({"x": number}), JSON_HEADERS)
            response = connection.getresponse()
            body = response.read()
            if response.status == 200 and json.loads(body) == 2 * number:
                seen.accepted.append((started, time.monotonic()))
            elif (response.status, response.headers["retry-after"]) == (503, "1") and json.loads(body)["error"][
                "code"
            ] == "overloaded":
                seen.refused += 1
            else:
                seen.wrong.append((number, response.status, body))
    raise AssertionError("unreachable")


def test_twice_the_load_that_the_model_can_carry_is_refused_without_harm(starter: Any, sleeping_model: Path) -> None:
    served = starter.start(sleeping_model, "--max-queue", str(MAX_QUEUE))
    process = psutil.Process(served.process.pid)
    until = time.monotonic() + LOAD_S
    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(ask_at_a_pace, served.port, caller, until) for caller in range(CALLERS)]
        time.sleep(1)
        base, most = process.memory_info().rss, 0
        while time.monotonic() < until:
            most = max(most, process.memory_info().rss)
            time.sleep(0.1)
        seen = [call.result() for call in calls]
    assert [wrong for one in seen for wrong in one.wrong] == []
    accepted = [call for one in seen for call in one.accepted]
    assert most - base < GROWTH_BYTES
    assert len(accepted) > 0.5 * LOAD_S / CALL_S
    assert sum(one.refused for one in seen) > 0
    ends = sorted(end for _, end in accepted)
    waited_for = sorted(bisect_left(ends, end) - bisect_right(ends, start) for start, end in accepted)
    assert waited_for[len(waited_for) // 2] <= AHEAD, "no caller stands behind more calls than the queue holds"
    assert served.post("/predict", {"x": 21}).json == 42


class CallersUntilRefused:
    """Sixteen connections that ask as fast as they can until no new one is accepted."""

    def __init__(self, port: int, *, keep_alive: bool) -> None:
        self.port = port
        self.keep_alive = keep_alive
        self.answered = [0] * 16
        self.faults: list[object] = []

    def ask(self, caller: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            for number in range(caller, 10**9, 16):
                try:
                    if connection.sock is None:
                        connection.connect()
                except OSError:
                    return  # refused, before anything was sent
                try:
                    headers = JSON_HEADERS if self.keep_alive else {**JSON_HEADERS, "connection": "close"}
                    connection.request("POST", "/predict", json.dumps({"x": number, "seconds": 0.001}), headers)
                    response = connection.getresponse()
                    answer = (response.status, json.loads(response.read()))
                except (OSError, http.client.HTTPException, ValueError) as error:
                    self.faults.append((number, repr(error)))
                    return
                if answer != (200, 2 * number):
                    self.faults.append((number, answer))
                self.answered[caller] += 1


@pytest.mark.parametrize(
    ("keep_alive", "workers"),
    [(True, 1), (False, 1), (True, 2), (False, 2)],
    ids=[
        "kept connections",
        "a connection for each request",
        "kept connections of workers",
        "a connection for each request to workers",
    ],
)
def test_sigterm_under_load_loses_no_request(
    starter: Any, sleeping_model: Path, keep_alive: bool, workers: int
) -> None:
    served = starter.start(sleeping_model, "--workers", str(workers))
    wait_until(lambda: served.log.count(" ready: POST ") == workers)  # a worker that still loads refuses calls
    callers = CallersUntilRefused(served.port, keep_alive=keep_alive)
    threads = [threading.Thread(target=callers.ask, args=(caller,)) for caller in range(16)]
    for thread in threads:
        thread.start()
    wait_until(lambda: bool(callers.faults) or min(callers.answered) >= 5)
    served.process.terminate()
    for thread in threads:
        thread.join(60)
    assert callers.faults == []
    assert served.process.wait(timeout=60) == 0
    assert "Traceback" not in served.log


# There and back

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
INT64 = st.integers(-(2**63), 2**63 - 1)
STAMPS = st.integers(-(2**60), 2**60).map(lambda ns: pandas.Timestamp(ns, unit="ns"))


def frame_of(rows: list[tuple[int, float, bool, str, pandas.Timestamp]]) -> pandas.DataFrame:
    columns = list(zip(*rows, strict=True))
    dtypes = {"whole": "int64", "real": "float64", "yes": "bool", "text": "str", "at": "datetime64[ns]"}
    return pandas.DataFrame(
        {name: pandas.Series(column, dtype=dtypes[name]) for name, column in zip(dtypes, columns, strict=True)}
    )


def same_array(got: Any, expected: Any) -> None:
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    numpy.testing.assert_array_equal(got, expected)
    numbers = ~numpy.isnan(expected)
    assert (numpy.signbit(got) == numpy.signbit(expected))[numbers].all()


def same(got: Any, expected: Any) -> None:
    assert (type(got), got) == (type(expected), expected)


@dataclass(frozen=True)
class Kind:
    """A kind of values.

    Attributes:
        sample: What the model is saved with.
        values: Any value.
        same: Compares.
    """

    sample: Any
    values: st.SearchStrategy[Any]
    same: Callable[[Any, Any], None]


KINDS = {
    "frame": Kind(
        frame_of(
            [
                (1, 1.5, True, "a", pandas.Timestamp("2026-01-01")),
                (2, 2.5, False, "b", pandas.Timestamp("2026-01-02 03:04:05")),
            ]
        ),
        st.lists(st.tuples(INT64, st.floats(), st.booleans(), TEXT, STAMPS), min_size=1, max_size=5).map(frame_of),
        lambda got, expected: assert_frame_equal(got, expected, check_exact=True),
    ),
    "matrix": Kind(
        numpy.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]]),
        st.integers(1, 5).flatmap(lambda rows: npst.arrays("float64", (rows, 3), elements=st.floats())),
        same_array,
    ),
    "vector": Kind(
        numpy.array([1, -2, 3], dtype="int8"),
        st.integers(1, 20).flatmap(lambda rows: npst.arrays("int8", rows)),
        same_array,
    ),
    "texts": Kind(["a", "b", "c"], st.lists(TEXT, min_size=3, max_size=3), same),
    "nested": Kind(
        {"name": "a", "inner": {"numbers": [1.5, 2.5], "yes": True}, "count": 3},
        st.fixed_dictionaries(
            {
                "name": TEXT,
                "inner": st.fixed_dictionaries(
                    {"numbers": st.lists(st.floats(allow_nan=False), min_size=2, max_size=2), "yes": st.booleans()}
                ),
                "count": INT64,
            }
        ),
        same,
    ),
}


@pytest.fixture(scope="module", params=list(KINDS))
def identity(
    request: Any, shared_starter: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Kind, HttpClient]]:
    """A model that answers what it is asked, for one kind of values."""

    def predict(x: Any) -> Any:
        return x

    kind = KINDS[request.param]
    path = tmp_path_factory.mktemp("identity") / request.param
    save(predict, path, sample_data=kind.sample, model_types=(CallableModel,))
    with HttpClient(url=shared_starter.start(path).url) as client:
        yield kind, client


@settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck)
)  # a request takes as long as the machine is busy
@given(data=st.data())
def test_any_value_comes_back_unchanged(identity: tuple[Kind, HttpClient], data: st.DataObject) -> None:
    kind, client = identity
    method = client.interface.methods["predict"]
    takes = method.args[0].data_type
    values = data.draw(st.lists(kind.values, min_size=1, max_size=4))

    def by_json(value: Any) -> None:
        kind.same(method.returns.decode(client.call_encoded("predict", method.bind((value,), {}))), value)

    def by_client(value: Any) -> None:
        kind.same(client.call("predict", value), value)

    def by_format(media_type: str) -> Callable[[Any], None]:
        def ask(value: Any) -> None:
            content, answered_as = client.call_binary(
                "predict", dump(takes, takes.accept(value), media_type), media_type, media_type
            )
            assert answered_as == media_type
            kind.same(load(method.returns, bytearray(content), answered_as), value)

        return ask

    with ThreadPoolExecutor(4) as pool:
        for ask in (by_json, by_client, *(by_format(form) for form in formats_of(takes) if form in client.formats)):
            ask(values[0])
            list(pool.map(ask, values))
