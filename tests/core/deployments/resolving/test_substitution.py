"""``${VARIABLE}`` in declarations."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem import api
from mlem.deployments.resolving.substitution import substituted
from mlem.testing import Project
from mlem.testing.fake import FakePlatform
from mlem_model.errors import DeclarationError

DECLARED = """\
env: {region: '${REGION:-here}'}
model: ${MODEL}
size: ${SIZE}  # from CI
object_type: deployment
type: fake_deployment
"""


@pytest.fixture
def declared(project: Project, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch) -> Project:
    (project.folder / "app.mlem").write_text(DECLARED)
    monkeypatch.setenv("MODEL", "double")
    monkeypatch.setenv("SIZE", "4")
    return project


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${NAME}", "iris"),
        ("a-${NAME}-${NAME}", "a-iris-iris"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${UNSET:-}", ""),
        ("${UNSET:-http://h:80/}", "http://h:80/"),
        ("$${NAME}", "${NAME}"),
        ("$NAME", "$NAME"),
        ("$$", "$$"),
        ("{NAME}", "{NAME}"),
        ("${KEYBOARD_LAYOUT}", "us"),
    ],
)
def test_a_reference_stands_for_a_variable(monkeypatch: pytest.MonkeyPatch, text: str, value: str) -> None:
    for name, content in {"NAME": "iris", "EMPTY": "", "KEYBOARD_LAYOUT": "us"}.items():
        monkeypatch.setenv(name, content)
    monkeypatch.delenv("UNSET", raising=False)
    data = {"one": text, "many": [text, {"key": text}], "type": text, "env": {"type": text, "host": text}, "n": 3}
    assert substituted(data, "app.mlem") == {
        "one": value,
        "many": [value, {"key": value}],
        "type": text,
        "env": {"type": text, "host": value},
        "n": 3,
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${UNSET}", "unset-variable"),
        ("${", "bad-reference"),
        ("${1X}", "bad-reference"),
        ("${A:?wrong}", "bad-reference"),
        ("${GITHUB_TOKEN}", "secret-variable"),
        ("${DBPASSWORD:-x}", "secret-variable"),
        ("${aws_secret_access_key}", "secret-variable"),
        ("${OPENAI_API_KEY}", "secret-variable"),
        ("${MLEM_SERVER_TOKENS}", "secret-variable"),
    ],
)
def test_what_cannot_be_replaced_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch, text: str, code: str) -> None:
    monkeypatch.delenv("UNSET", raising=False)
    monkeypatch.setenv("GITHUB_TOKEN", "canary")
    with pytest.raises(DeclarationError) as raised:
        substituted({"labels": {"team": ["x", text]}}, "app.mlem", prefix="env.")
    assert (raised.value.code, raised.value.exit_code) == (code, 2)
    assert raised.value.message.startswith("app.mlem: env.labels.team.1: ")
    assert "canary" not in str(raised.value)


def test_the_state_has_the_value_and_the_file_keeps_the_reference(declared: Project) -> None:
    path = declared.folder / "app.mlem"
    handle = api.deploy("fake", "app", keep_releases=5, project=declared.folder)
    state = handle.state()
    assert state is not None
    assert {name: state.declaration[name] for name in ("model", "size", "env")} == {
        "model": "double",
        "size": 4,
        "env": {"object_type": "env", "type": "fake"},
    }
    assert path.read_text() == DECLARED + "keep_releases: 5\n"


def test_another_value_is_a_change(declared: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    api.load("app", declared.folder, kind="deployment").run()
    monkeypatch.setenv("SIZE", "5")
    changes = api.load("app", declared.folder, kind="deployment").plan()
    assert [(change.step, change.reason) for change in changes if change.action != "keep"] == [
        ("server", "size 4 -> 5")
    ]


def test_a_value_is_checked_as_the_field_is(declared: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIZE", "many")
    with pytest.raises(DeclarationError, match='size: expected an integer, got "many"'):
        api.load("app", declared.folder, kind="deployment")


def test_references_may_be_declared_by_options(declared: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "far")
    api.declare_env("fake", "zone", {"region": "${REGION}"}, declared.folder)
    api.declare_deployment("fake", "other", {"size": "${SIZE}", "env": "zone"}, declared.folder)
    assert (declared.folder / "zone.mlem").read_text() == "region: ${REGION}\nobject_type: env\ntype: fake\n"
    assert "size: ${SIZE}" in (declared.folder / "other.mlem").read_text()
    assert api.load_meta("zone", declared.folder, kind="env").to_data()["region"] == "far"
    target = api.load("other", declared.folder, kind="deployment").target
    assert target.declaration()["env"]["region"] == "far"


def test_an_overlay_may_set_what_the_base_takes_from_a_variable(
    declared: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SIZE")
    (declared.folder / "app.prod.mlem").write_text("size: 2\n")
    assert api.load_meta("app@prod", declared.folder).size == 2
    monkeypatch.chdir(declared.folder)
    (declared.folder / "app.prod.mlem").write_text("size: ${SIZE}\n")
    with pytest.raises(DeclarationError) as raised:
        api.load_meta("app@prod")
    assert raised.value.message == "app.prod.mlem: size: the variable SIZE is not set"
