"""Answers that are awaited, or that come item by item, in this process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mlem import api
from mlem_model.data.types.any import ListType, PrimitiveType
from mlem_model.errors import UserError
from mlem_model.models import calling
from mlem_model.models.calling import finish, finished
from mlem_model.models.loading import load_model
from mlem_model.models.model import Model, Sample


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    api.init(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def double(x: float) -> float:
    await asyncio.sleep(0)
    return x * 2


def words(text: str) -> Iterator[str]:
    yield from text.split()


async def words_later(text: str) -> AsyncIterator[str]:
    for word in text.split():
        await asyncio.sleep(0)
        yield word


async def words_of_a_generator(text: str) -> Iterator[str]:
    return words(text)


def test_an_answer_is_complete_however_it_comes() -> None:
    assert finish(1) == (1, False)
    assert finish([1]) == ([1], False)
    assert finish(double(2)) == (4, False)
    for stream in (
        words("a b"),
        words_later("a b"),
        words_of_a_generator("a b"),
        iter(["a", "b"]),
        map(str.lower, "AB"),
    ):
        assert finish(stream) == (["a", "b"], True)


def test_an_async_function_keeps_its_loop_in_a_thread_and_has_another_in_another() -> None:
    async def loop() -> int:
        return id(asyncio.get_running_loop())

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: (finished(loop()), finished(loop()))).result()
    assert other[0] == other[1]
    assert finished(loop()) == finished(loop())
    assert len({other[0], finished(loop())}) == 2


def test_where_a_loop_is_at_work_another_thread_is_asked() -> None:
    async def thread() -> str:
        return threading.current_thread().name

    async def ask() -> list[Any]:
        return [finished(thread()), finished(words_later("a b")), finished(double(3))]

    name, *rest = asyncio.run(ask())
    assert (name.startswith("mlem-async"), rest) == (True, [["a", "b"], 6])


def test_a_stream_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "MOST_ITEMS", 10)

    def endless() -> Iterator[int]:
        while True:
            yield 1

    async def endless_later() -> AsyncIterator[int]:
        while True:
            yield 1

    for stream in (endless(), endless_later()):
        with pytest.raises(UserError) as caught:
            finished(stream)
        assert caught.value.code == "endless-answer"


FORK = """
import asyncio, os, warnings
from mlem_model.models.calling import finished
warnings.simplefilter("error")
async def answer():
    await asyncio.sleep(0.001)
    return os.getpid()
assert finished(answer()) == os.getpid()
if os.fork() == 0:
    os._exit(0 if finished(answer()) == os.getpid() else 1)
print(os.waitstatus_to_exitcode(os.wait()[1]), finished(answer()) == os.getpid())
"""


def test_a_process_that_was_forked_has_a_loop_of_its_own() -> None:
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, "-c", FORK], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("0 True\n", "")


@pytest.mark.parametrize("function", [words, words_later, words_of_a_generator])
def test_a_generator_is_saved_as_a_stream_of_its_items(folder: Path, function: Any) -> None:
    model = api.save(function, "m", sample_data="a b")
    assert isinstance(model, Model)
    method = model.methods["predict"]
    assert (method.streams, method.rowwise, method.returns) == (True, False, ListType(dtype=PrimitiveType(ptype="str")))
    assert model.samples["predict"] == Sample(args={"text": "a b"}, returns=["a", "b"])
    assert api.load_meta("m") == model
    assert (api.apply("m", "c d"), api.apply(api.load("m"), "c d")) == (["c", "d"], ["c", "d"])
    assert finished(load_model(model, folder)("e")) == ["e"]


def test_an_async_function_is_saved_as_any_other(folder: Path) -> None:
    class Scale:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        async def predict(self, x: float) -> float:
            return x * self.factor

    for obj in (double, Scale(2.0)):
        model = api.save(obj, "m", sample_data=2.0)
        assert isinstance(model, Model)
        method = model.methods["predict"]
        assert (method.streams, method.returns, model.samples["predict"].returns) == (
            False,
            PrimitiveType(ptype="float"),
            4.0,
        )
        assert "streams" not in (folder / "m.mlem").read_text()
        assert api.apply("m", 4.0) == 8.0


def scaler(rows: Any) -> Any:
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit(rows)


def test_a_call_that_names_no_method_is_for_the_first_one_of_a_model_without_predict(folder: Path) -> None:
    rows = [[1.0], [3.0]]
    saved = api.save(scaler(rows), "m", sample_data=rows, methods=["transform", "inverse_transform"])
    assert isinstance(saved, Model)
    assert [*saved.methods] == [*api.load_meta("m").methods] == ["transform", "inverse_transform"]
    assert [api.apply(model, rows).tolist() for model in ("m", api.load("m"))] == [[[-1.0], [1.0]]] * 2
    assert api.apply("m", [[-1.0], [1.0]], "inverse_transform").tolist() == rows


def test_a_method_that_a_model_does_not_have_is_refused_with_those_that_it_has(folder: Path) -> None:
    rows = [[1.0], [3.0]]
    api.save(scaler(rows), "m", sample_data=rows, methods=["transform", "inverse_transform"])
    api.save(words, "words", sample_data="a b")
    for model, method, known in (
        ("m", "predict", ("inverse_transform", "transform")),
        (api.load("m"), "predict", ("inverse_transform", "transform")),
        ("words", "wordz", ("predict",)),
        (api.load("words"), "wordz", ("predict",)),
    ):
        with pytest.raises(UserError) as caught:
            api.apply(model, rows, method)
        assert (caught.value.code, caught.value.message, caught.value.known) == (
            "unknown-method",
            f'the model has no method "{method}"',
            known,
        )
