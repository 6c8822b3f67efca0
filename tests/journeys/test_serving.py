"""``mlem serve``: one model, several, a folder of them, and what can't be served."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mlem import UserError, api
from mlem.testing import Project


@pytest.fixture
def several(project: Project) -> Project:
    for name, factor in (("triple", 3), ("models/one", 1), ("models/two", 2)):
        api.save(lambda x, factor=factor: x * factor, name, sample_data=1, project=project.folder)
    return project


@contextmanager
def serving(project: Project, words: list[str], models: int) -> Iterator[str]:
    """Serve in a terminal; the URL, as soon as all models are ready."""
    command = [sys.executable, "-m", "mlem.cli", "serve", *words, "--port", "0"]
    log = ""
    with subprocess.Popen(
        command, cwd=project.folder, env=project.variables, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            while log.count("ready: POST") < models:
                line = process.stderr.readline()
                assert line, log
                log += line
            yield re.findall(r"listening on (http://\S+)", log)[0]
        finally:
            process.terminate()


def asked(url: str, **arguments: Any) -> Any:
    request = urllib.request.Request(
        url, json.dumps(arguments).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["triple", "models/two"], {"triple": 15, "two": 10}),
        (["models"], {"one": 5, "two": 10}),
        (["models/", "triple"], {"one": 5, "two": 10, "triple": 15}),
    ],
)
def test_several_and_folders(several: Project, words: list[str], names: dict[str, int]) -> None:
    with serving(several, words, len(names)) as url:
        assert {name: asked(f"{url}/models/{name}/predict", x=5) for name in names} == names


def test_what_can_not_be_served_is_told(several: Project) -> None:
    (several.folder / "empty").mkdir()
    for words, code, told in (
        (["empty"], 3, "there is no model in the folder"),
        (["models", "nobody"], 3, "nobody"),
        ([], 2, "MODEL"),
    ):
        done = several.mlem("serve", *words)
        assert (done.returncode, told in done.stderr, "Traceback" in done.stderr) == (code, True, False), done.stderr


def test_models_of_projects_that_trust_other_formats_are_not_served_together(
    several: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / ".mlem.yaml").write_text("core:\n  trust:\n    formats: [skops]\n")
    api.save(lambda x: x, "same", sample_data=1, project=other)
    with pytest.raises(UserError, match="trust different formats"):
        api.serve("triple", other / "same", project=several.folder)
