"""The HTTP client against the real server."""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from mlem.clients.http import HttpClient
from mlem.clients.probe import ready
from mlem_model.data.formats.binary import NPY
from mlem_model.errors import CredentialsError, DataError, PlatformError, UserError
from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save

MODEL_TYPES = (CallableModel,)

FRAME = pandas.DataFrame(
    {"sepal_length": [5.1, 6.3], "sepal_width": [3.5, 3.3], "petal_length": [1.4, 6.0], "petal_width": [0.2, 2.5]}
)


@pytest.fixture
def client(iris: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("MLEM_TOKEN", raising=False)
    with HttpClient(url=iris.url) as result:
        yield result


def test_a_frame_becomes_an_array_of_classes(client: Any) -> None:
    answer = client.predict(FRAME)
    assert isinstance(answer, numpy.ndarray)
    assert (answer.tolist(), answer.dtype) == ([0, 2], numpy.dtype("int64"))


def test_the_sample_of_the_interface_is_answered(client: Any) -> None:
    for method, sample in client.interface.samples.items():
        assert client.call_encoded(method, sample.args) == sample.returns


def test_ten_callers_share_one_client(client: Any) -> None:
    def ask(number: int) -> bool:
        rows = FRAME.iloc[::-1] if number % 2 else FRAME
        return bool(client.predict(rows).tolist() == ([2, 0] if number % 2 else [0, 2]))

    with ThreadPoolExecutor(10) as pool:
        assert all(pool.map(ask, range(100)))


def test_more_rows_than_a_body_may_have_are_sent_in_parts(client: Any) -> None:
    answer = client.predict(pandas.concat([FRAME] * 60_000, ignore_index=True))
    assert (answer.shape, answer.dtype) == ((120_000,), numpy.dtype("int64"))
    assert answer[-4:].tolist() == [0, 2, 0, 2]


def test_a_value_over_the_limit_that_has_no_rows_tells_what_to_do(file: Any) -> None:
    with HttpClient(url=file.url) as client, pytest.raises(UserError) as caught:
        client.call("predict", "x" * (65 * 2**20))
    assert (caught.value.code, caught.value.hint) == ("body-too-large", "send fewer rows at once")


def test_a_large_frame_and_its_answer_travel_in_a_binary_format(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str, str]] = []
    original = HttpClient.call_binary

    def noted(self: HttpClient, method: str, body: bytes, media_type: str, accept: str) -> tuple[bytes, str]:
        answer = original(self, method, body, media_type, accept)
        seen.append((media_type, accept, answer[1]))
        return answer

    monkeypatch.setattr(HttpClient, "call_binary", noted)
    many = pandas.concat([FRAME] * 1000, ignore_index=True)
    assert client.predict(many).tolist() == [0, 2] * 1000
    proba = client.predict_proba(many)
    assert (proba.shape, proba[:2].tolist()) == ((2000, 3), [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert client.predict(FRAME).tolist() == [0, 2]  # a small one goes as JSON
    assert [(sent, got) for sent, _, got in seen] == [(NPY, NPY), (NPY, NPY)]
    with pytest.raises(DataError, match="petal"):
        client.predict(many.rename(columns={"petal_width": "petal"}))


def test_calls_may_be_awaited_and_share_connections(client: Any) -> None:
    async def ask() -> list[Any]:
        return list(
            await asyncio.gather(*(client.call_async("predict", FRAME.iloc[[number % 2]]) for number in range(20)))
        )

    assert [answer.tolist() for answer in asyncio.run(ask())] == [[0], [2]] * 10


def test_a_table_of_any_length_is_called_in_parts(client: Any, file: Any) -> None:
    parts = (FRAME.iloc[[number % 2]] for number in range(6))
    assert [answer.tolist() for answer in client.call_in_parts("predict", parts)] == [[0], [2]] * 3
    with HttpClient(url=file.url) as other, pytest.raises(UserError, match="does not answer row by row"):
        list(other.call_in_parts("predict", ["x"]))


def test_a_model_that_fails_is_an_error_of_the_platform(file: Any) -> None:
    with HttpClient(url=file.url) as client, pytest.raises(PlatformError) as caught:
        client.call("predict", "raise")
    assert caught.value.code == "model-failed"


def test_a_call_waits_for_the_model_to_be_loaded(starter: Any, slow_model: tuple[Path, Path]) -> None:
    served = starter.start(slow_model[0], wait=False)
    assert ready(served.url, 60) == (False, "the model is being loaded")
    with HttpClient(url=served.url) as client, ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.call, "predict", 7)
        slow_model[1].touch()
        assert call.result() == 7


def test_a_token_opens_a_server(starter: Any, file_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file_tokens := file_model.with_name("tokens")).write_text("right\n")
    served = starter.start(file_model, "--token-file", str(file_tokens))
    monkeypatch.setenv("MLEM_TOKEN", "right")
    with HttpClient(url=served.url) as client:
        assert client.call("predict", os.devnull) == os.devnull
        monkeypatch.setenv("MLEM_TOKEN", "wrong")
        with pytest.raises(CredentialsError, match="the bearer token is not valid"):
            client.call("predict", os.devnull)


@pytest.fixture
def echo(starter: Any, tmp_path: Path) -> Any:
    def predict(text: str) -> str:
        return text

    save(predict, tmp_path / "echo", sample_data="x", model_types=MODEL_TYPES)
    return starter.start(tmp_path / "echo")


FORK = """
import multiprocessing, sys
from concurrent.futures import ThreadPoolExecutor
from mlem.clients.http import HttpClient

def ask(client, name, count):
    return [text for text in (f"{name}-{number}" for number in range(count)) if client.predict(text) != text]

def child(client, name, results):
    if name % 2:  # a process that the child forks has connections of its own, too
        grandchild = fork.Process(target=child, args=(client, name * 10, results))
        grandchild.start()
    results.put(ask(client, name, 100))
    if name % 2:
        grandchild.join()

client = HttpClient(url=sys.argv[1], timeout_s=30)
with ThreadPoolExecutor(4) as threads:  # so there are several connections to take along
    assert not any(threads.map(lambda number: ask(client, number, 5), range(4)))
fork = multiprocessing.get_context("fork")
results = fork.Queue()
children = [fork.Process(target=child, args=(client, number, results)) for number in range(1, 5)]
for process in children:
    process.start()
wrong = ask(client, "parent", 100)
print(wrong, [results.get() for _ in range(6)], client.predict("still here"))
for process in children:
    process.join()
"""


def test_processes_that_are_forked_from_one_that_has_called_get_their_own_answers(echo: Any, tmp_path: Path) -> None:
    (tmp_path / "fork.py").write_text(FORK)
    done = subprocess.run(
        [sys.executable, "fork.py", echo.url], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout == "[] [[], [], [], [], [], []] still here\n", done.stderr


def test_a_client_that_was_used_is_copied_and_pickled_without_connections_and_token(
    echo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLEM_TOKEN", "s3cret-token")
    with HttpClient(url=echo.url) as client:
        assert client.predict("a") == "a"
        pickled = pickle.dumps(client)
        copies = [copy.copy(client), copy.deepcopy(client), client.model_copy(), pickle.loads(pickled)]
        assert b"s3cret" not in pickled
        assert copies == [client] * 4
        assert [found.methods for found in copies] == [("predict",)] * 4
        for found in copies:
            assert found.predict("b") == "b"
            found.close()
        assert client.predict("c") == "c"


def test_a_client_that_was_used_works_in_processes_that_are_started_anew(echo: Any) -> None:
    with HttpClient(url=echo.url) as client, ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        assert client.predict("a") == "a"
        texts = [str(number) for number in range(20)]
        assert list(pool.map(client.predict, texts)) == texts


def test_several_event_loops_share_one_client(echo: Any) -> None:
    with HttpClient(url=echo.url) as client:

        async def ask(name: int) -> list[str]:
            return list(
                await asyncio.gather(*(client.call_async("predict", f"{name}-{number}") for number in range(20)))
            )

        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda name: asyncio.run(ask(name)), range(3)))
        assert answers == [[f"{name}-{number}" for number in range(20)] for name in range(3)]
