"""A model that was saved by this Python, in the hands of others: its compiled code would end them without a word."""

from __future__ import annotations

import json
import operator
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlem import api
from mlem_model.objects.yaml_file import dump, read_mapping

ROOT = Path(__file__).parents[2]
HERE = ".".join(map(str, sys.version_info[:2]))


@pytest.fixture(scope="module", params=[version for version in ("3.11", "3.12", "3.13") if version != HERE])
def other(request: pytest.FixtureRequest, environment_of: Callable[..., Path]) -> tuple[str, Path]:
    packages = [
        argument
        for name in ("model", "core", "server", "provider-local")
        for argument in ("-e", str(ROOT / "packages" / name))
    ]
    return request.param, environment_of(request.param, *packages)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a model of code by value, one like it without the mark, as before, and one without code."""
    api.init(tmp_path)
    api.save(lambda x: x * 2, "code", sample_data=1.0, project=tmp_path)
    api.save(operator.neg, "plain", sample_data=1.0, project=tmp_path)
    data = read_mapping(tmp_path / "code.mlem")
    assert data["artifacts"]["data"].pop("code") == HERE
    (tmp_path / "old.mlem").write_bytes(dump(data))
    assert "code" not in read_mapping(tmp_path / "plain.mlem")["artifacts"]["data"]
    (tmp_path / "data.json").write_text("3.0")
    return tmp_path


def run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
    return subprocess.run(
        [python, "-m", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def words(version: str) -> tuple[str, str]:
    return (
        f"the model has code that Python {HERE} compiled, which Python {version} can't run",
        f"use Python {HERE}, or save the model again with Python {version}",
    )


@pytest.mark.parametrize("name", ["code", "old"])
def test_code_by_value_is_refused_before_it_is_loaded(other: tuple[str, Path], folder: Path, name: str) -> None:
    version, python = other
    done = run(python, folder, "mlem.cli", "apply", name, "data.json", "--output", "json")
    error: dict[str, Any] = json.loads(done.stdout or done.stderr)["error"]
    assert (done.returncode, error["code"], error["message"], error["hint"]) == (3, "other-python", *words(version))
    done = run(python, folder, "mlem_server", name, "--port", "0")
    assert done.returncode == 3
    assert f"error[other-python]: {words(version)[0]}\nhint: {words(version)[1]}" in done.stderr


def test_a_model_without_code_is_loaded_by_any_python(other: tuple[str, Path], folder: Path) -> None:
    done = run(other[1], folder, "mlem.cli", "apply", "plain", "data.json")
    assert (done.returncode, json.loads(done.stdout)) == (0, -3.0), done.stderr


def test_a_deployment_says_why_it_can_not_be(other: tuple[str, Path], folder: Path) -> None:
    version, python = other
    for name, code in (("code", 3), ("old", 8)):
        done = run(python, folder, "mlem.cli", "deployment", "run", "local", f"{name}-app", "--model", name)
        assert done.returncode == code
        assert words(version)[0] in done.stderr
