"""`mlem migrate` without a platform: what is read, what is kept, and what is refused.

Providers' translations are with the providers.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mlem.migrating.old_file import OldFile, parsed
from mlem.migrating.project import migrate
from mlem.project.predecessor import version_beside, warning
from mlem.state.state import State
from mlem.testing import Project
from mlem_model.errors import DeclarationError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
STATE_04 = "declaration: {object_type: deployment, type: %s}\nmodel_hash: 9623ee9c98640ab1ee60e15ea05ee10f\ntype: %s\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "project")


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "a: " + "[" * 5000,
        "a: " + "[" * 200 + "]" * 200,
        "a: " + "x" * 2**22,
        "a: !!python/object:os.system {}",
        "a: 2023-99-99",
        "- 1",
    ],
    ids=["aliases", "unclosed", "deep", "long", "code", "no date", "a list"],
)
def test_a_hostile_file_is_refused_in_bounded_work(text: str) -> None:
    with pytest.raises(DeclarationError):
        parsed(text.encode(), "hostile.mlem")


def test_one_bad_file_hinders_no_other(project: Project) -> None:
    (project.folder / "bad.mlem").write_text(f"object_type: env\n{BOMB}")
    (project.folder / "cluster.mlem").write_text("object_type: env\ntype: kubernetes\n")
    (project.folder / "app.mlem").write_text("object_type: deployment\ntype: flyio\norg: me\n")
    (project.folder / "build.mlem").write_text("object_type: builder\ntype: pip\ntarget: x\n")
    (project.folder / "link.mlem").write_text("object_type: link\nlink_type: model\npath: models/rf.mlem\n")
    (project.folder / ".mlem.yaml").write_text("pandas: {default_format: csv}\n")
    done = project.mlem("migrate", "--output", "json")
    result = json.loads(done.stdout)
    said = {file["path"]: (file["action"], (file["error"] or {}).get("code")) for file in result["files"]}
    assert said == {
        ".mlem.yaml": ("rewritten", None),
        "bad.mlem": ("failed", "bad-declaration"),
        "cluster.mlem": ("failed", "no-counterpart"),
        "app.mlem": ("failed", "no-counterpart"),
        "build.mlem": ("failed", "no-counterpart"),
        "link.mlem": ("failed", "no-counterpart"),
    }
    first = next(file["error"] for file in result["files"] if file["error"])
    hints = [(file["error"] or {"hint": "x"})["hint"] for file in result["files"] if "bad" not in file["path"]]
    assert (done.returncode, result["ok"], all(hints)) == (first["exit_code"], False, True)


@pytest.mark.parametrize("text", ["a: " + "[" * 5000 + "]" * 5000, "a: 2023-99-99", "a: 0x" + "f" * 9, "\x00"])
def test_no_file_ends_the_command(project: Project, text: str) -> None:
    (project.folder / "bad.mlem").write_text(f"object_type: deployment\n{text}\n")
    done = project.mlem("migrate")
    assert (done.returncode in (2, 3), "Traceback" in done.stderr) == (True, False), done.stderr


def test_settings_of_0_4_keep_what_they_say_of_states(project: Project) -> None:
    state = "{uri: states, locking: true, lock_timeout: '30'}"
    old = f"core:\n  # where they are\n  state: {state}\n  emojis: 'false'\nheroku: {{api_key: canary-77}}\n"
    path = project.folder / ".mlem.yaml"
    path.write_text(old)
    assert project.mlem("migrate", "--dry-run").returncode == 0
    assert path.read_text() == old
    done = project.mlem("migrate")
    assert done.returncode == 0, done.stdout
    assert project.json("config", "get", "core.state.uri")["value"] == "states"
    assert project.json("config", "get", "core.state.lock_timeout_s")["value"] == 30.0
    assert project.json("config", "get", "project.id")["value"], "states that are shared need to say whose they are"
    assert "# where they are" in path.read_text()
    assert ("canary" in done.stdout + done.stderr + path.read_text(), "export HEROKU_API_KEY=" in done.stdout) == (
        False,
        True,
    )
    backup = project.folder / ".mlem.yaml.04"
    assert (backup.read_text(), backup.stat().st_mode & 0o777) == (old, 0o600)
    assert project.mlem("migrate").stdout == "nothing to do\n"


def test_an_old_file_is_never_written_over_another(tmp_path: Path) -> None:
    path = tmp_path / "app.mlem"
    path.write_text("type: a\n")
    (tmp_path / "app.mlem.04").write_text("somebody's\n")
    assert [OldFile.read(path).keep().name for _ in range(2)] == ["app.mlem.04-2"] * 2
    path.write_text("type: b\n")
    assert OldFile.read(path).keep().name == "app.mlem.04-3"
    assert [(tmp_path / f"app.mlem{suffix}").read_text() for suffix in (".04", ".04-2", ".04-3")] == [
        "somebody's\n",
        "type: a\n",
        "type: b\n",
    ]


def test_a_link_is_migrated_where_it_leads(project: Project, tmp_path: Path) -> None:
    (tmp_path / "shared.mlem").write_text("object_type: env\ntype: docker\n")
    (project.folder / "prod.mlem").symlink_to(tmp_path / "shared.mlem")
    [result] = migrate(str(project.folder))
    assert (result.action, result.error and result.error.code) == ("failed", "linked")


def test_files_of_this_version_are_left_alone(project: Project) -> None:
    project.save("double", 2.0)
    state = State(type="fake", lineage="a" * 32)
    (project.folder / "app.mlem.state").write_bytes(state.to_bytes())
    before = {path: path.read_bytes() for path in project.folder.iterdir() if path.is_file()}
    assert migrate(str(project.folder)) == []
    assert {path: path.read_bytes() for path in project.folder.iterdir() if path.is_file()} == before


def test_a_state_without_a_counterpart_is_named_and_stays(project: Project) -> None:
    (project.folder / "app.mlem.state").write_text(STATE_04 % ("kubernetes", "kubernetes"))
    [result] = migrate(str(project.folder))
    assert result.error is not None
    assert (result.error.code, "Kubernetes" in str(result.error.hint)) == ("no-counterpart", True)
    assert (project.folder / "app.mlem.state").exists()


def test_a_path_that_is_not_there_is_an_error(project: Project) -> None:
    done = project.mlem("migrate", "nothing")
    assert (done.returncode, "error[not-found]" in done.stderr) == (3, True)


def test_the_predecessor_is_known_by_its_metadata(tmp_path: Path) -> None:
    package = tmp_path / "mlem"
    assert version_beside(package) is None
    for name in ("mlem_core-0.5.0.dist-info", "mlem-0.5.0.dist-info", "mlem-x.dist-info"):
        (tmp_path / name).mkdir()
    assert version_beside(package) is None
    (tmp_path / "mlem-0.4.14.dist-info").mkdir()
    assert version_beside(package) == "0.4.14"
    assert warning("0.4.14", "0.5.0").count("\n") == 0


def test_a_lineage_of_what_is_taken_over_follows_from_its_state(tmp_path: Path) -> None:
    from mlem.migrating.states import find_local
    from mlem.project.project import locate

    content = STATE_04 % ("heroku", "heroku")
    (tmp_path / "app.mlem.state").write_text(content)
    found = find_local(locate("app", tmp_path))
    assert found is not None
    assert found.lineage == hashlib.sha256(b"mlem 0.4\n" + content.encode()).hexdigest()[:32]
