"""A quick model is called by the event loop itself, which nobody notices: neither the model nor other callers."""

from __future__ import annotations

import contextlib
import http.client
import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from mlem_model.frameworks.callable import CallableModel, ObjectModel
from mlem_model.models.saving import save

MODEL_TYPES = (ObjectModel, CallableModel)
CALLS = 40
"""More than the server needs to see that a model is quick."""


@pytest.fixture(scope="module")
def moody_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is quick, unless it is told to wait for a file; it belongs to its thread."""

    class Moody:
        def __setstate__(self, state: dict[str, Any]) -> None:
            self.database = sqlite3.connect(":memory:")  # refuses every thread but this one
            self.thread = threading.get_ident()

        def predict(self, path: str) -> str:
            import asyncio
            import os
            import time

            if "database" in vars(self):
                self.database.execute("select 1")
            if path:
                open(f"{path}.started", "w").close()
            while path and not os.path.exists(path):
                time.sleep(0.001)
            return asyncio.run(asyncio.sleep(0, path))  # a loop of its own, as libraries make them

        def items(self, path: str) -> Any:
            for letter in path:
                self.predict("")
                yield letter

        async def later(self, path: str) -> str:
            return path

    path = tmp_path_factory.mktemp("moody") / "moody"
    save(Moody(), path, sample_data="", methods=("predict", "items", "later"), model_types=MODEL_TYPES)
    return path


def ask(connection: http.client.HTTPConnection, method: str, path: str) -> Any:
    connection.request(
        "POST",
        f"/{method}",
        json.dumps({"path": path}),
        {"content-type": "application/json", "accept": "application/json"},
    )
    response = connection.getresponse()
    body = response.read()
    assert response.status == 200, body
    return json.loads(body)


def test_others_are_answered_while_a_quick_model_takes_long_for_once(
    starter: Any, moody_model: Path, tmp_path: Path
) -> None:
    served = starter.start(moody_model)
    kept = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    for round_ in range(3):
        for _ in range(CALLS):
            assert ask(kept, "predict", "") == ""
        slow = tmp_path / f"slow-{round_}"
        with ThreadPoolExecutor() as threads:
            answer = threads.submit(ask, kept, "predict", str(slow))
            wait_until(Path(f"{slow}.started").exists)
            assert [served.get(path).status for path in ("/healthz", "/readyz", "/metrics", "/")] == [200] * 4
            assert not answer.done()
            slow.touch()
            assert answer.result() == str(slow)
    kept.close()


def test_streams_and_awaited_calls_come_between(starter: Any, moody_model: Path) -> None:
    served = starter.start(moody_model)
    kept = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    for _ in range(CALLS):
        assert ask(kept, "predict", "") == ""
    assert ask(kept, "items", "a stream") == list("a stream")
    for _ in range(CALLS):
        assert ask(kept, "predict", "") == ""
    for _ in range(CALLS):
        assert ask(kept, "later", "now") == "now"
    kept.close()


def test_it_ends_in_order_while_a_quick_model_is_asked(starter: Any, moody_model: Path) -> None:
    served = starter.start(moody_model)
    with ThreadPoolExecutor() as threads:

        def many() -> list[Any]:
            answers = []
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)) as kept:
                try:
                    while True:
                        answers.append(ask(kept, "predict", ""))
                except (OSError, http.client.HTTPException):
                    return answers

        askers = [threads.submit(many) for _ in range(3)]
        try:
            wait_until(lambda: b'code="200",method="predict",model="moody"} 1' in served.get("/metrics").body)
        finally:
            served.process.terminate()
        assert served.process.wait(60) == 0, served.log
        assert all(set(asker.result()) == {""} for asker in askers)
