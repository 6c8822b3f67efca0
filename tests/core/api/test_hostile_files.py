"""What a stranger's file says is refused where it would be more than it seems.

Lines, paths, options, values, signs for a terminal.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlem.testing import Project
from mlem_model.errors import DeclarationError
from mlem_model.models.model import Model
from mlem_model.objects.yaml_file import MOST_BYTES, parse_mapping, read_mapping

GOOD: dict[str, Any] = {
    "model_type": "callable",
    "methods": {},
    "python": "3.11.7",
    "requirements": [{"module": "sklearn", "version": "1.6.1+cpu", "package_name": "scikit-learn"}],
    "artifacts": {"model": {"uri": "m/model.pkl", "size_bytes": 1}},
}
BREAKS = [
    "x\ny",
    "x\r",
    "x\x00",
    "x\x1b[2J",
    "x\u2028y",
    "x y",
    "",
    "x\\",
    "x;y",
    "$(id)",
    "${HOME}",
    "`id`",
    "--index-url=http://h",
    "x'",
    'x"',
]


def changed(**requirement: str) -> dict[str, Any]:
    return {**GOOD, "requirements": [{**GOOD["requirements"][0], **requirement}]}


def test_what_packages_are_really_called_is_accepted() -> None:
    for fields in (
        {"version": "2.0.0rc1.post2.dev3+cu128"},
        {"version": "1!2024.1"},
        {"package_name": "ruamel.yaml", "module": "ruamel.yaml"},
        {"package_name": "shop", "url": "git+ssh://git@github.com/o/shop.git@v1.0#subdirectory=a-b&egg=shop"},
        {"package_name": "w", "url": "https://h:8080/w-1.0-py3-none-any.whl#sha256=00ff"},
    ):
        Model.from_data(changed(**fields), "m.mlem")
    for python in ("3.11.7", "3.13.0rc2", "3.12.1+", ""):
        Model.from_data({**GOOD, "python": python}, "m.mlem")


@pytest.mark.parametrize("text", BREAKS, ids=repr)
@pytest.mark.parametrize("field", ["package_name", "version", "module", "url"])
def test_a_requirement_is_one_name_one_version_one_address(field: str, text: str) -> None:
    value = f"https://h/{text}" if field == "url" and text else text
    if field == "url" and text == "--index-url=http://h":
        return  # part of a path there
    with pytest.raises(DeclarationError, match=rf"requirements\.0\.{field}"):
        Model.from_data(changed(**{field: value}), "m.mlem")


@pytest.mark.parametrize(
    "python", ["3.11-slim AS builder\nRUN id\n#", "3", "latest", "3.11 AS x", "3.11\n", "$X", "3.11/../x"]
)
def test_a_python_is_a_version(python: str) -> None:
    with pytest.raises(DeclarationError, match="python"):
        Model.from_data({**GOOD, "python": python}, "m.mlem")


@pytest.mark.parametrize(
    "uri",
    [
        "/etc/hostname",
        "../m",
        "a/../../m",
        "..",
        ".",
        "",
        "a//b",
        "a/",
        "s3://b/m",
        "file:///etc/x",
        "a\\b",
        "a\nb",
        "a\x00",
    ],
)
def test_an_artifact_is_in_the_folder_of_its_metadata(uri: str) -> None:
    with pytest.raises(DeclarationError, match=r"artifacts\.model\.uri"):
        Model.from_data({**GOOD, "artifacts": {"model": {"uri": uri, "size_bytes": 1}}}, "m.mlem")


def bombs() -> dict[str, str]:
    lists = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    merges = "a: &a {x: 1}\n"
    for one, other in zip("abcdefghijkl", "bcdefghijklm", strict=True):
        lists += f"{other}: &{other} [{', '.join([f'*{one}'] * 9)}]\n"
        merges += f"{other}: &{other} {{<<: [{', '.join([f'*{one}'] * 9)}]}}\n"
    return {
        "lists": lists,
        "merges": merges,
        "itself": "a: &a {b: *a}\n",
        "deep": f"a: &a 1\nb: *a\nc: {'[' * 900}{']' * 900}\n",
    }


@pytest.mark.parametrize("name", [*bombs()])
def test_aliases_have_a_budget(name: str) -> None:
    # in a process with 1 GB: what is refused too late is killed
    program = (
        "import sys; from mlem_model.objects.yaml_file import parse_mapping; parse_mapping(sys.stdin.read(), 'bomb')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=bombs()[name],
        text=True,
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
    )
    assert "DeclarationError: bomb:" in done.stderr, done.stderr


def test_lines_may_be_shared() -> None:
    text = "base: &base {x: 1, y: [1, 2]}\nsame: *base\nmore: {<<: *base, z: 1}\nplain: 2 * 3\n"
    assert parse_mapping(text, "shared")["more"] == {"x": 1, "y": [1, 2], "z": 1}


def test_a_file_is_not_read_further_than_one_can_be_long(tmp_path: Path) -> None:
    path = tmp_path / "long.mlem"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(DeclarationError, match="more than 32 MiB"):
        read_mapping(path)


def test_a_link_does_not_lead_out_of_the_project(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    project.save("double", 2.0)
    [artifact] = [
        path for path in project.folder.iterdir() if path.name.startswith("double") and path.suffix != ".mlem"
    ]
    cache = project.folder / ".dvc" / "cache"
    cache.mkdir(parents=True)
    for target, expected in ((cache / "file", 0), (tmp_path / "outside", 2)):
        artifact.rename(target)
        artifact.symlink_to(target)
        done = project.mlem("apply", "double", "-", "--format", "json", stdin="[1.0]")
        assert (done.returncode, "error[outside]" in done.stderr) == (expected, expected == 2), done.stderr
        artifact.unlink()
        target.rename(artifact)


def test_a_file_without_a_digest_is_used_where_that_is_asked_for(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    project.save("double", 2.0)
    path = project.folder / "double.mlem"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "sha256" not in line))
    done = project.mlem("apply", "double", "-", "--format", "json", stdin="[1.0]")
    assert (done.returncode, "error[no-digest]" in done.stderr, "core.trust.unverified" in done.stderr) == (
        2,
        True,
        True,
    ), done.stderr
    assert project.mlem("config", "set", "core.trust.unverified", "true").returncode == 0
    done = project.mlem("apply", "double", "-", "--format", "json", stdin="[1.0]")
    assert (done.returncode, done.stdout) == (0, "[2.0]\n"), done.stderr


ESCAPES = "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m\x9b31m\x08\x7f\u202e end"


@pytest.mark.parametrize(
    "words", ["deployment status app", "deployment list", "apply broken data.json", "deployment run --load app"]
)
@pytest.mark.parametrize("output", ["text", "json"])
def test_a_terminal_obeys_no_file(tmp_path: Path, words: str, output: str) -> None:
    project = Project.make(tmp_path / "project")
    project.save("double", 2.0)
    declared = {"object_type": "deployment", "type": "fake" + ESCAPES, "model": "double"}
    (project.folder / "app.mlem").write_text(json.dumps(declared), encoding="utf-8")
    method = {"name": "predict", "returns": {"type": "unspecified"}}
    broken = {**GOOD, "object_type": "model", "methods": {"sum" + ESCAPES: method}}
    (project.folder / "broken.mlem").write_text(json.dumps(broken), encoding="utf-8")
    (project.folder / "data.json").write_text("[1.0]")
    done = project.mlem(*words.split(), "--output", output)
    said = done.stdout + done.stderr
    assert "end" in said
    assert [sign for sign in "\x1b\x07\x08\x7f\x9b\u202e" if sign in said] == []
    if output == "json":
        json.loads(done.stdout)
