"""The HTTP client against the real server."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from mlem.clients.http import HttpClient
from mlem.clients.probe import ready
from mlem.errors import CredentialsError, PlatformError, UserError

FRAME = pandas.DataFrame({"sepal_length": [5.1, 6.3], "sepal_width": [3.5, 3.3], "petal_length": [1.4, 6.0], "petal_width": [0.2, 2.5]})


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


def test_a_body_over_the_limit_tells_what_to_do(client: Any) -> None:
    with pytest.raises(UserError) as caught:
        client.predict(pandas.concat([FRAME] * 10_000, ignore_index=True))
    assert (caught.value.code, caught.value.hint) == ("body-too-large", "send fewer rows at once")


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
