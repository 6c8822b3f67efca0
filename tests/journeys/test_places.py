"""The folder that a command runs in, its home and its user's name do not change what is declared."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
import yaml

from mlem.testing import Project

NOBODY = (
    "unshare",
    "--user",
    "--map-user=54321",
    "env",
    *(f"-u{name}" for name in ("HOME", "USER", "LOGNAME", "XDG_STATE_HOME")),
)


@pytest.fixture
def numbers(tmp_path: Path) -> Project:
    project = Project.make(tmp_path / "project")
    project.save("double", 2.0)
    return project


def test_a_relative_folder_is_the_declarations(numbers: Project, tmp_path: Path) -> None:
    declared = ("declare", "deployment", "local", "apps/app", "--model", "double", "--env.folder", "out")
    assert numbers.mlem(*declared).returncode == 0
    assert "folder: ../out" in (numbers.folder / "apps" / "app.mlem").read_text()
    elsewhere = replace(numbers, folder=tmp_path)
    done = elsewhere.mlem("deployment", "run", "--load", "apps/app", "--project", "project")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.rglob("server.log")] == ["server.log"]
    assert (numbers.folder / "out" / "local").is_dir()
    assert {change["action"] for change in numbers.json("deployment", "plan", "apps/app")["changes"]} == {"keep"}
    assert numbers.mlem("deployment", "remove", "apps/app").returncode == 0


def test_what_is_typed_in_a_folder_is_meant_there(numbers: Project) -> None:
    inner = replace(numbers, folder=numbers.folder / "inner")
    inner.folder.mkdir()
    assert inner.mlem("declare", "env", "docker", "prod", "--cert_path", "certs").returncode == 0
    typed = ["--model", "../double", "--env", "prod", "--ca_file", "ca.pem"]
    typed += [
        "--volumes",
        "./data:/data:ro",
        "--volumes",
        "named:/cache",
        "--volumes",
        "/srv:/srv",
        "--volumes",
        "..:/up",
    ]
    done = inner.mlem("declare", "deployment", "docker", "../apps/app", *typed)
    assert done.returncode == 0, done.stderr
    declared = yaml.safe_load((numbers.folder / "apps" / "app.mlem").read_text())
    assert (declared["model"], declared["env"], declared["ca_file"]) == ("double", "inner/prod", "../inner/ca.pem")
    assert declared["volumes"] == ["../inner/data:/data:ro", "named:/cache", "/srv:/srv", "..:/up"]
    assert yaml.safe_load((inner.folder / "prod.mlem").read_text())["cert_path"] == "certs"
    done = inner.mlem(
        "declare",
        "deployment",
        "docker",
        "../app",
        "--model",
        "../double",
        "--env.cert_path",
        "certs",
        "--volumes",
        "./data:/data",
    )
    assert done.returncode == 0, done.stderr
    declared = yaml.safe_load((numbers.folder / "app.mlem").read_text())
    assert (declared["env"]["cert_path"], declared["volumes"]) == ("inner/certs", ["./inner/data:/data"])


def test_files_in_the_users_folder_are_no_modules_of_the_server(numbers: Project, tmp_path: Path) -> None:
    for name in ("random", "mlem", "json"):
        (numbers.folder / f"{name}.py").write_text("raise SystemExit('a file of the user')\n")
    here = replace(numbers, environment={"XDG_STATE_HOME": str(tmp_path / "state")})
    done = here.python("-P", "-m", "mlem.cli", "deployment", "run", "local", "app", "--model", "double")
    assert done.returncode == 0, done.stderr
    assert here.python("-P", "-m", "mlem.cli", "deployment", "remove", "app").returncode == 0


def test_without_a_home_and_a_name_of_the_user(numbers: Project, lacking: Callable[[str], NoReturn]) -> None:
    if os.geteuid() or shutil.which("unshare") is None:
        lacking("another user takes root and unshare")
    nobody = replace(numbers, prefix=NOBODY)
    refused = nobody.run("local", "app", "double")
    assert (refused.returncode, "error[no-home]" in refused.stderr, "--env.folder" in refused.stderr) == (
        2,
        True,
        True,
    ), refused.stderr
    done = nobody.run("local", "app", "double", {"env.folder": "out"})
    assert done.returncode == 0, done.stderr
    for command in (
        ["deployment", "status", "app"],
        ["deployment", "list"],
        ["types"],
        ["doctor"],
        ["deployment", "remove", "app"],
    ):
        done = nobody.mlem(*command)
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), (command, done.stderr)
