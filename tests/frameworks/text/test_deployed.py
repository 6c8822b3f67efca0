"""Models of texts are deployed: the gate asks them, and callers who come together get their own answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlem import api
from mlem.testing import Project
from mlem_model.data.formats.binary import ARROW, dump
from mlem_model.data.types.any import infer

transformers = pytest.importorskip("transformers")
pytest.importorskip("mlem_provider_local")

TEXTS = ["Beautiful is better than ugly.", "Now is better than never.", "Special cases aren't special enough."]


@pytest.fixture
def deployed(here: Project, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A pipeline, served by this machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = transformers.pipeline(
        "text-classification", model=tiny.model("BertForSequenceClassification"), tokenizer=tiny.tokenizer
    )
    api.save(made, "model", sample_data=TEXTS)
    handle: Any = api.deploy("local", "app", model="model")
    yield handle
    handle.remove()


def test_a_pipeline_passes_the_gate_and_answers_callers_who_come_together(deployed: Any) -> None:
    assert str(deployed.status().phase) == "running"
    expected = api.apply("model", TEXTS)
    with deployed.get_client() as client:

        async def together() -> list[Any]:
            return await asyncio.gather(*(client.call_async("predict", texts=[text]) for text in TEXTS * 5))

        answers = asyncio.run(together())
        assert [one[0]["label"] for one in answers] == [one["label"] for one in expected] * 5
        assert np.allclose([one[0]["score"] for one in answers], [one["score"] for one in expected] * 5)
        assert client.call("predict", TEXTS) == expected


def test_a_pipeline_takes_texts_as_arrow(deployed: Any) -> None:
    import http.client

    address = str(deployed.address()).removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("POST", "/predict", dump(infer(TEXTS), TEXTS, ARROW), {"content-type": ARROW})
    response = connection.getresponse()
    content = response.read()
    assert response.status == 200, content
    assert content.count(b"label") == len(TEXTS)
    connection.close()
