"""Neural networks behind a real server: the answers of the framework itself, in JSON and in a binary format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from framework_matrix.answers import CLOSE, EXACT, DifferentError, agreement
from framework_matrix.calls import JsonClient
from framework_matrix.kind import Kind, Trained
from framework_matrix.kinds.networks import KINDS

from mlem import api
from mlem.api import HttpClient
from mlem.testing import Project
from mlem_model.data.formats.binary import NPY


class NotingClient(HttpClient):
    """A client that notes what it sends in a binary format, and what is answered."""

    def call_binary(self, method: str, body: bytes, media_type: str, accept: str) -> tuple[bytes, str]:
        answer = super().call_binary(method, body, media_type, accept)
        NOTED.append((media_type, answer[1]))
        return answer


NOTED: list[tuple[str, str]] = []


@pytest.fixture
def deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Kind], tuple[Trained, str]]]:
    """Save a small model of a kind, start a server of it, and return the model and the server's address."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    project = Project.make(tmp_path)
    NOTED.clear()

    def deployed(kind: Kind) -> tuple[Trained, str]:
        (tmp_path / "made").mkdir()
        trained = kind.train(tmp_path / "made")
        api.save(trained.obj, "net", sample_data=trained.sample, **trained.options)
        done = project.run("local", "app", "net")
        assert done.returncode == 0, done.stderr
        return trained, project.handle("app").get_client().url  # type: ignore[attr-defined]  # an HttpClient

    yield deployed
    project.mlem("deployment", "remove", "app")


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if "torch" not in kind.variables.values()], ids=lambda kind: kind.name
)
def test_what_is_served_answers_as_the_framework_in_json_and_in_a_binary_format(
    deploy: Callable[[Kind], tuple[Trained, str]], kind: Kind
) -> None:
    trained, url = deploy(kind)
    with JsonClient(url=url) as in_json, NotingClient(url=url) as in_binary:
        one, other = in_json.predict(trained.sample), in_binary.predict(trained.sample)
    assert NOTED == [(NPY, NPY)]
    assert type(one) is type(other) is type(trained.answer)
    assert agreement(one, other) == EXACT
    assert agreement(trained.answer, one) in (EXACT, CLOSE)


@pytest.mark.parametrize("kind", KINDS[:1], ids=lambda kind: kind.name)
def test_a_small_tensor_is_sent_as_json(deploy: Callable[[Kind], tuple[Trained, str]], kind: Kind) -> None:
    trained, url = deploy(kind)
    with NotingClient(url=url) as client:
        agreement(trained.answer[:3], client.predict(trained.sample[:3]))
    assert NOTED == []


def test_answers_agree_as_far_as_single_precision_goes() -> None:
    one = np.array([1.0, 100.0], "float32")
    assert agreement(one, one.copy()) == EXACT
    assert agreement({"a": one}, {"a": one * (1 + 1e-6)}) == CLOSE
    for other in (one * 1.01, one[:1], one.astype("int64") + 1, np.array(["1", "100"]), one * np.nan):
        with pytest.raises(DifferentError):
            agreement(one, other)
    with pytest.raises(DifferentError):
        agreement({"a": one}, {"b": one})
    words: Any = np.array(["a", "b"])
    assert agreement(words, words) == EXACT
