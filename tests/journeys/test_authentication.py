"""Authentication never falls away by itself: two shells, one with the tokens and one without.

The model is asked as a stranger would.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlem import api
from mlem.testing import Project
from mlem_model.errors import ConflictError, DeclarationError

TOKENS = "MLEM_SERVER_TOKENS"
FILE = "MLEM_SERVER_TOKEN_FILE"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with small models, and a shell without tokens."""
    for name in (TOKENS, FILE, "MLEM_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Project.make(tmp_path / "project")
    made.save("double", 2.0)
    made.save("triple", 3.0)
    yield made
    for name, _ in api.deployments(str(made.folder)):
        made.mlem("deployment", "remove", name)


def with_tokens(project: Project, tokens: str) -> Project:
    """Return the project as a shell with tokens has it."""
    return replace(project, environment={**project.environment, TOKENS: tokens})


def deployed(project: Project, *words: str) -> str:
    done = project.mlem("deployment", *(words or ("run", "local", "app", "--model", "double")))
    assert done.returncode == 0, done.stderr
    return done.stdout


def status_of(project: Project, token: str | None = None) -> int:
    """Return the status of a call to whatever serves now."""
    record = project.handle("app").state()
    assert record is not None
    return call(record.records["process"]["url"], token)


def call(url: str, token: str | None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{url}/interface.json", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def server_of(project: Project) -> int:
    state = project.handle("app").state()
    assert state is not None
    return int(state.records["process"]["pid"])


def test_no_command_of_a_shell_without_the_tokens_opens_it(project: Project) -> None:
    said = deployed(with_tokens(project, "one"))
    assert "tokens: yes" in said
    assert '-H "Authorization: Bearer $MLEM_TOKEN"' in said
    before = server_of(project)
    plan = project.mlem("deployment", "plan", "app")
    assert "tokens: yes -> none" in plan.stdout.splitlines()
    codes = {}
    for words in (
        "run --load app",
        "run --load app --model triple",
        "run local app --model double --port 18080",
        "restart app",
    ):
        done = project.mlem("deployment", *words.split())
        codes[words] = (
            done.returncode,
            (re.search(r"error\[([a-z-]+)\]", done.stderr) or [""])[1],
            f"export {TOKENS}=" in done.stderr,
        )
    assert codes == {
        "run --load app": (4, "tokens-dropped", True),
        "run --load app --model triple": (4, "tokens-dropped", True),
        "run local app --model double --port 18080": (4, "tokens-dropped", True),
        "restart app": (2, "variable-not-set", True),
    }
    assert (server_of(project), status_of(project), status_of(project, "one")) == (before, 401, 200)
    assert project.handle("app").deployment.to_data().get("port") is None  # what was refused is not declared


def test_a_server_that_died_is_not_started_without_its_tokens(project: Project) -> None:
    deployed(with_tokens(project, "one"))
    process = psutil.Process(server_of(project))
    process.kill()
    process.wait(30)
    done = project.mlem("deployment", "run", "--load", "app")
    assert (done.returncode, "error[tokens-dropped]" in done.stderr) == (4, True), done.stderr
    deployed(with_tokens(project, "one"), "run", "--load", "app")
    assert [status_of(project), status_of(project, "one")] == [401, 200]


def test_on_purpose_tokens_are_dropped_and_set_again(project: Project) -> None:
    deployed(with_tokens(project, "one"))
    assert "tokens: none, anybody who reaches it may call it" in deployed(
        project, "run", "--load", "app", "--drop-tokens"
    )
    assert status_of(project) == 200
    assert "tokens: none -> yes" in deployed(with_tokens(project, "two"), "plan", "app")
    deployed(with_tokens(project, "two"), "run", "--load", "app")
    assert [status_of(project, token) for token in (None, "one", "two")] == [401, 401, 200]


def test_other_tokens_are_a_change_that_plan_shows(project: Project) -> None:
    deployed(with_tokens(project, "one"))
    plan = deployed(with_tokens(project, "two"), "plan", "app")
    assert ("the value of MLEM_SERVER_TOKENS" in plan, "tokens: yes" in plan.splitlines(), "two" in plan) == (
        True,
        True,
        False,
    )
    deployed(with_tokens(project, "two"), "run", "--load", "app")
    assert [status_of(project, token) for token in (None, "one", "two")] == [401, 401, 200]
    assert "nothing to change" in deployed(with_tokens(project, "two"), "plan", "app")
    written = b"".join(path.read_bytes() for path in project.folder.rglob("*") if path.is_file())
    assert (b"one\n" in written, b"'two'" in written) == (False, False)


@pytest.mark.parametrize("empty", ["", " ", ",", "\n"])
def test_a_variable_without_a_token_is_no_way_to_have_none(project: Project, empty: str) -> None:
    """What CI makes of a secret that is not there: an empty variable."""
    deployed(with_tokens(project, "one"))
    for words in (["plan", "app"], ["run", "--load", "app"], ["run", "--load", "app", "--drop-tokens"]):
        done = with_tokens(project, empty).mlem("deployment", *words)
        assert (done.returncode, "error[bad-token]" in done.stderr) == (2, True), done.stderr
    assert [status_of(project), status_of(project, "one")] == [401, 200]


def test_a_file_of_tokens_is_on_record_by_its_path_and_does_not_fall_away_either(project: Project) -> None:
    (project.folder / "tokens").write_text("one\n")
    shell = replace(project, environment={FILE: "tokens", "MLEM_TOKEN": "one"})
    assert "tokens: file" in deployed(shell)
    assert "tokens: file -> none" in deployed(project, "plan", "app")
    done = project.mlem("deployment", "run", "--load", "app")
    assert (done.returncode, "error[tokens-dropped]" in done.stderr, FILE in done.stderr) == (4, True, True), (
        done.stderr
    )
    other = replace(project, environment={"MLEM_TOKEN": "one"})
    deployed(other, "restart", "app")  # a path is not a secret: it is on record
    assert [status_of(project), status_of(project, "one")] == [401, 200]
    deployed(with_tokens(project, "two"), "run", "--load", "app")
    assert [status_of(project, token) for token in (None, "one", "two")] == [401, 401, 200]


def test_a_release_that_let_everybody_in_is_put_back_only_on_purpose(project: Project) -> None:
    deployed(project)
    deployed(with_tokens(project, "one"), "run", "--load", "app", "--model", "triple")
    for shell in (project, with_tokens(project, "one")):
        done = shell.mlem("deployment", "rollback", "app")
        assert (done.returncode, "error[tokens-dropped]" in done.stderr, "--drop-tokens" in done.stderr) == (
            4,
            True,
            True,
        ), done.stderr
    assert [status_of(project), status_of(project, "one")] == [401, 200]
    deployed(with_tokens(project, "one"), "rollback", "app", "--drop-tokens")
    assert status_of(project) == 200
    assert "tokens: none -> yes" in deployed(with_tokens(project, "one"), "plan", "app")


def test_a_failed_release_gives_way_to_the_last_good_one_with_its_tokens(project: Project) -> None:
    project.save_wrong("wrong")
    deployed(with_tokens(project, "one"))
    done = with_tokens(project, "one").mlem("deployment", "run", "--load", "app", "--model", "wrong")
    assert (done.returncode, "serves again" in done.stderr) == (8, True), done.stderr
    assert [status_of(project), status_of(project, "one")] == [401, 200]


def test_a_colleague_who_shares_the_state_is_refused_too(project: Project, tmp_path: Path) -> None:
    deployed(project, "list")
    assert project.mlem("config", "set", "core.state.uri", (tmp_path / "states").as_uri()).returncode == 0
    deployed(with_tokens(project, "one"))
    clone = tmp_path / "clone"
    shutil.copytree(project.folder, clone)
    done = replace(project, folder=clone).mlem("deployment", "run", "--load", "app", "--model", "triple")
    assert (done.returncode, "error[tokens-dropped]" in done.stderr) == (4, True), done.stderr
    assert [status_of(project), status_of(project, "one")] == [401, 200]


def test_a_run_that_sets_tokens_and_is_killed_anywhere_leaves_no_open_server_that_is_taken_for_a_secured_one(
    project: Project,
) -> None:
    shell, boundary = with_tokens(project, "one"), 1
    deployed(project)
    while shell.python(
        "-m", "mlem.testing.stores.killer", str(boundary), "deployment", "run", "--load", "app"
    ).returncode:
        deployed(shell, "run", "--load", "app")
        assert [status_of(project), status_of(project, "one")] == [401, 200], boundary
        deployed(project, "run", "--load", "app", "--drop-tokens")
        assert status_of(project) == 200, boundary
        boundary += 1
    assert boundary > 3


def without_a_word_of_protection(project: Project) -> None:
    """Write the state as it was before there was a word for it."""
    path = project.folder / "app.mlem.state"
    path.write_text(re.sub(r"(?m)^ +(tokens|tls): .*\n", "", path.read_text()))


def test_an_older_state_counts_as_what_the_platform_says_and_as_unknown_where_that_says_nothing(
    project: Project,
) -> None:
    deployed(with_tokens(project, "one"))
    without_a_word_of_protection(project)
    assert "nothing to change" in deployed(with_tokens(project, "one"), "plan", "app")
    for words in ("run --load app", "restart app"):
        assert project.mlem("deployment", *words.split()).returncode in (2, 4), words
    assert [status_of(project), status_of(project, "one")] == [401, 200]
    process = psutil.Process(server_of(project))
    process.kill()
    process.wait(30)
    deployed(project, "run", "--load", "app")
    assert status_of(project) == 200


def test_from_python_it_is_the_same(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKENS, "one")
    api.deploy("local", "app", model="double", project=project.folder)
    monkeypatch.delenv(TOKENS)
    with pytest.raises(ConflictError, match="asks its callers for a token"):
        api.deploy("local", "app", project=project.folder)
    with pytest.raises(ConflictError, match="asks its callers for a token"):
        project.handle("app").run()
    api.deploy("local", "app", project=project.folder, options=api.RunOptions(drop=["tokens"]))
    assert status_of(project) == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("tokens", ["one", None])
def test_serving_in_a_terminal_asks_for_the_tokens_of_its_shell_and_says_when_it_asks_nobody(
    project: Project, host: str, tokens: str | None
) -> None:
    environment = {**project.variables, **({TOKENS: tokens} if tokens else {})}
    command = [sys.executable, "-m", "mlem.cli", "serve", "double", "--host", host, "--port", "0"]
    lines = []
    with subprocess.Popen(command, cwd=project.folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                lines.append(line)
                if "ready: POST" in line:
                    break
            port = (re.search(r"listening on http://[0-9.]+:([0-9]+)", "".join(lines)) or [""])[1]
            statuses = [call(f"http://127.0.0.1:{port}", token) for token in (None, "one")]
        finally:
            process.terminate()
    assert statuses == ([401, 200] if tokens else [200, 200])
    assert "".join(lines).count("can call the model") == (0 if tokens or host == "127.0.0.1" else 1)


# Tokens belong in no file

CANARY = "canary-5d2f81"


@pytest.mark.parametrize("type_", ["docker", "heroku", "sagemaker"])
def test_tokens_are_refused_where_others_could_read_them(project: Project, type_: str) -> None:
    option = f"--environment.{TOKENS}={CANARY}"
    declared = project.mlem("declare", "deployment", type_, "app", "--model", "double", option)
    run = project.mlem("deployment", "run", type_, "app", "--model", "double", option)
    path = project.folder / "app.mlem"
    path.write_text(f"model: double\nobject_type: deployment\ntype: {type_}\nenvironment:\n  {TOKENS}: {CANARY}\n")
    loaded = project.mlem("deployment", "plan", "app")
    path.unlink()
    for done in (declared, run, loaded):
        way = "IAM" if type_ == "sagemaker" else f"export {TOKENS}=..."
        assert (done.returncode, TOKENS in done.stderr, way in done.stderr, CANARY in done.stdout + done.stderr) == (
            2,
            True,
            True,
            False,
        )


@pytest.mark.parametrize("type_", ["docker", "heroku", "sagemaker"])
@pytest.mark.parametrize("name", ["", "A B", "A=B", "A\nB", "A\0B", "A\x1b[31m"])
def test_a_name_that_no_environment_takes_is_refused(project: Project, type_: str, name: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        api.declare_deployment(type_, "app", {"model": "double", "environment": {name: "x"}}, project.folder)
    assert ("is not a name" in caught.value.message, caught.value.message.isprintable()) == (True, True)


@pytest.mark.parametrize(
    ("type_", "fields"),
    [
        ("docker", {"environment": {"A": "x\0y"}}),
        ("heroku", {"environment": {"A": "x\0y"}}),
        ("sagemaker", {"environment": {"A": "x\0y"}}),
        ("docker", {"pass_environment": ["A=B"]}),
        ("docker", {"labels": {"a": "x\ny"}}),
        ("docker", {"labels": {"a\nb": "x"}}),
        ("docker", {"labels": {"": "x"}}),
    ],
)
def test_values_and_labels_that_would_leave_their_line_are_refused(
    project: Project, type_: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(DeclarationError, match=r"NUL|not a name|line end"):
        api.declare_deployment(type_, "app", {"model": "double", **fields}, project.folder)
    assert not (project.folder / "app.mlem").exists()
