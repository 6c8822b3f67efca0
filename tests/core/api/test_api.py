"""The Python API, as a program uses it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import mlem_model.errors
from mlem import api
from mlem.api import HttpClient
from mlem.deployments.handle import DeploymentHandle
from mlem.testing import Project
from mlem.testing.fake import FakePlatform
from mlem_model.errors import DeclarationError, NotFoundError, UserError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    api.init(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def double(x: int) -> int:
    return x * 2


def test_objects_are_named_by_paths_as_by_words(folder: Path) -> None:
    for name, project in ((Path("models/double"), None), (Path("other.mlem"), folder), (folder / "third", Path("."))):
        saved = api.save(double, name, sample_data=2, project=project)
        assert api.load_meta(name, project) == saved
        assert api.load(name, project)(3) == 6
        assert api.apply(name, 4, project=project) == 8
    api.save([1, 2], Path("numbers"))
    assert api.load(Path("numbers")) == [1, 2]
    assert sorted(path.name for path in folder.rglob("*.mlem")) == [
        "double.mlem",
        "numbers.mlem",
        "other.mlem",
        "third.mlem",
    ]


def test_deployments_are_named_by_paths_as_by_words(
    platform: FakePlatform, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    api.declare_env("fake", Path("prod"), {})
    api.declare_deployment(
        "fake", Path("apps/one"), {"model": project.folder / "double", "env": Path("prod")}, project.folder
    )
    api.deploy("fake", Path("apps/one"), model=Path("double"), env=Path("prod"))
    handle: Any = api.load(Path("apps/one"))
    assert (handle.deployment.model, handle.deployment.env, handle.status().phase) == ("double", "prod", "running")
    assert [name for name, _ in api.deployments(project.folder)] == ["apps/one"]


@pytest.mark.parametrize(
    "name", [Path("s3://bucket/iris"), Path("memory://iris"), Path("."), Path(".."), Path(), "", "iris/"]
)
def test_a_path_that_is_no_name_is_refused(folder: Path, name: Any) -> None:
    for attempt in (
        lambda: api.save(double, name, sample_data=1),
        lambda: api.load(name),
        lambda: api.declare_env("local", name, {}),
    ):
        with pytest.raises(UserError):
            attempt()
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", ".mlem.yaml"]


OURS = {
    'object_type: "deployment"\ntype: fake\n': True,
    "object_type:  'deployment'  # what it is\ntype: fake\n": True,
    '"object_type": deployment\ntype: fake\n': True,
    "{object_type: deployment, type: fake}\n": True,
    "  object_type: deployment\n  type: fake\n": True,
    "object_type:\n  deployment\ntype: fake\n": True,
    "%YAML 1.1\n---\nobject_type: deployment\ntype: fake\n": True,
    "object_type: deployment\n\tbroken: [\n": True,  # told by who opens it
    "# object_type: deployment\nobject_type: env\ntype: fake\n": False,
    "object_type: env\nabout: \"a note on object_type: deployment\"\n": False,
    "object_type: model\nparams:\n  object_type: deployment\n": False,
    "object_type: deployments\n": False,
    "object_type: [deployment]\n": False,
    "": False,
    "- deployment\n- object_type\n": True,
    "\x00\x01": False,
}  # fmt: skip


def test_deployments_are_found_by_what_their_yaml_says(project: Project, platform: FakePlatform) -> None:
    for number, content in enumerate(OURS):
        (project.folder / f"d{number:02}.mlem").write_text(content)
    (project.folder / "nobody.mlem").symlink_to("nowhere")
    (project.folder / "folder.mlem").mkdir()
    found = {name for name, _ in api.deployments(project.folder)}
    assert found == {f"d{number:02}" for number, is_one in enumerate(OURS.values()) if is_one}
    for number, (content, is_one) in enumerate(OURS.items()):
        if is_one and "broken" not in content and not content.startswith("- "):
            handle = api.load(f"d{number:02}", project.folder, kind="deployment")
            assert isinstance(handle, DeploymentHandle)


def test_an_object_of_another_kind_than_asked_for_is_refused(project: Project, platform: FakePlatform) -> None:
    api.save([1, 2], "rows", project=project.folder)
    with pytest.raises(DeclarationError, match="expected a deployment, got a model") as caught:
        api.load("double", project.folder, kind="deployment")
    assert caught.value.code == "wrong-object"
    assert api.load_meta("double", project.folder, kind="model").model_type == "callable"
    assert (api.load("rows", project.folder, kind="data"), api.load("double", project.folder, kind="model")([2.0])) == (
        [1, 2],
        [4.0],
    )


def test_every_public_name_is_there() -> None:
    assert sorted(api.__all__) == api.__all__ or {name: getattr(api, name) for name in api.__all__}
    errors = {name for name in vars(mlem_model.errors) if name.endswith("Error")}
    assert errors <= set(api.__all__)
    for name in api.__all__:
        assert getattr(api, name).__doc__, name
    with pytest.raises(AttributeError, match="nothing"):
        _ = api.nothing


def test_settings_are_read_and_written_as_by_the_command_line(project: Project) -> None:
    api.set_config("core.state.lock_timeout_s", 5, project.folder)
    api.set_config("core.trust.formats", ["pickle", "skops"], project.folder)
    assert (
        api.get_config("core.state.lock_timeout_s", project.folder),
        api.get_config("core.trust.formats", project.folder),
    ) == (
        5.0,
        ["pickle", "skops"],
    )
    assert {setting.key: setting.origin for setting in api.list_config(project.folder)}[
        "core.trust.formats"
    ] == "project"
    states = project.folder / "states"
    api.set_config("core.state.uri", states.as_uri(), project.folder)
    assert api.get_config("core.state.uri", project.folder) == states.as_uri()
    assert (api.unset_config("core.state.uri", project.folder), api.unset_config("core.state.uri", project.folder)) == (
        True,
        False,
    )
    with pytest.raises(NotFoundError):
        api.get_config("core.nothing", project.folder)
    with pytest.raises(UserError):
        api.set_config("core.state.lock_timeout_s", "soon", project.folder)


def test_a_state_is_moved_as_by_the_command_line(project: Project, platform: FakePlatform, tmp_path: Path) -> None:
    handle = api.deploy("fake", "app", model="double", project=project.folder)
    uri = (tmp_path / "states").as_uri()
    assert handle.move_state(uri)[1].startswith(uri)
    api.set_config("core.state.uri", uri, project.folder)
    assert api.load("app", project.folder, kind="deployment").status().phase == "running"


def test_types_and_their_fields_are_listed(platform: FakePlatform) -> None:
    assert (list(api.types()["env"]), list(api.types()["deployment"])) == (["fake"], ["fake_deployment"])
    assert [field.name for field in api.fields("env", "fake")] == ["region"]
    assert "size" in [field.name for field in api.fields("deployment", "fake")]
    with pytest.raises(UserError) as caught:
        api.fields("envs", "fake")
    assert (caught.value.code, "env" in caught.value.known) == ("unknown-kind", True)


def test_a_client_gets_options_of_its_own(project: Project, platform: FakePlatform) -> None:
    handle = api.deploy("fake", "app", model="double", project=project.folder)
    with pytest.raises(UserError) as caught:
        handle.get_client(token="s3cret")
    assert (caught.value.message, caught.value.code) == ('a client of type fake has no "token"', "unknown-option")
    given = {"timeout_s": 3.0, "token": "s3cret", "ca_file": Path("ca.pem"), "headers": {"x-key": "hidden"}}
    client = HttpClient(url="http://127.0.0.1:1").with_options(**given)
    assert (client.timeout_s, client.ca_file) == (3.0, str(Path("ca.pem").absolute()))
    assert client._headers(None, "", "*/*") == {"x-key": "hidden", "accept": "*/*", "authorization": "Bearer s3cret"}
    shown = [repr(client), str(client), str(client.to_data()), client.model_dump_json()]
    assert not any(word in text for text in shown for word in ("s3cret", "hidden"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"url": "http://h", "timeout": 3}, "HttpClient: timeout: unknown field"),
        ({"url": "h:8080"}, 'HttpClient: url: expected a URL like "http://host:8080"'),
        ({}, "HttpClient: url: required field is missing"),
        ({"url": "http://h", "timeout_s": -1}, "HttpClient: timeout_s: expected a number"),
        ({"url": "http://h", "token": "s3cret\n"}, "HttpClient: token: expected one token"),
        ({"url": "http://h", "headers": {"Host": "x"}}, "HttpClient: headers: expected names of headers"),
        ({"url": "http://h", "headers": {"x-key": "s3cret\r\nx: y"}}, "HttpClient: headers: x-key has a character"),
        ({"url": "http://h", "headers": {"x-key": 3}}, "HttpClient: headers.x-key: "),
    ],
)
def test_a_wrong_argument_of_a_client_is_our_error(fields: Any, message: str) -> None:
    for make in (
        lambda: HttpClient(**fields),
        lambda: HttpClient(url="http://h").with_options(**{**fields, "url": fields.get("url", "h")}),
    ):
        with pytest.raises(UserError) as caught:
            make()
        assert "s3cret" not in str(caught.value)
    with pytest.raises(DeclarationError) as first:
        HttpClient(**fields)
    assert first.value.message.startswith(message)
    with pytest.raises(UserError, match="takes its fields by name"):
        HttpClient("http://h")


def test_what_is_shown_of_an_object_fits_on_a_line(project: Project, platform: FakePlatform) -> None:
    handle = api.deploy("fake", "app", model="double", project=project.folder)
    shown = [
        handle,
        api.load_meta("double", project.folder),
        handle.get_client(),
        HttpClient(url="http://h/" + "p" * 200),
        HttpClient(url="http://h", token="s3cret", headers={"x-key": "s3cret"}),
        handle.run(),
        handle.state(),
        *handle.releases(),
    ]
    for one in shown:
        for text in (repr(one), str(one)):
            assert (len(text) <= 120, "\n" in text, "s3cret" in text) == (True, False, False), text
    assert repr(handle).startswith('DeploymentHandle("app", fake_deployment, ')
    assert repr(shown[1]).startswith("Model(callable, methods: predict, digest: ")


def test_the_types_that_a_checker_sees(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "from mlem.api import DeploymentHandle, LockOptions, Model, Dataset, deploy, load, load_meta, save\n"
        "def double(x: int) -> int:\n    return 2 * x\n"
        "model: Model = save(double, 'double', sample_data=1)\n"
        "rows: Dataset = save([1, 2], 'rows')\n"
        "handle: DeploymentHandle = load('app', kind='deployment')\n"
        "digest: str = load_meta('double', kind='model').digest\n"
        "other: DeploymentHandle = deploy('local', 'app', model=model, lock=LockOptions(timeout_s=1), port=8080)\n"
        "answer: int = load('double')(3)\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if "No module named mypy" in done.stderr:
        pytest.skip("mypy is in the environment of the linters")
    assert done.returncode == 0, done.stdout


def test_a_model_that_uses_mlem_needs_it_where_only_the_server_is(folder: Path) -> None:
    def checked(x: int) -> int:
        from mlem import DataError

        if x < 0:
            raise DataError("x", "a positive number", str(x))
        return x

    saved: Any = api.save(checked, "checked", sample_data=1)
    assert f"mlem-core=={version('mlem-core')}" in [requirement.pip for requirement in saved.requirements]
