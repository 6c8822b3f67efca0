"""Settings: typed, with their origin, under environment variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem.project.config import Setting, get_setting, load_config, set_setting, settings, unset_setting
from mlem_model.errors import DeclarationError, NotFoundError, UserError


def file_of(root: Path) -> str:
    return (root / ".mlem.yaml").read_text()


def test_a_setting_is_written_read_and_unset(tmp_path: Path) -> None:
    assert set_setting(tmp_path, "core.state.lock_timeout_s", "5").value == 5.0
    assert file_of(tmp_path) == "core:\n  state:\n    lock_timeout_s: 5\n"
    assert load_config(tmp_path).core.state.lock_timeout_s == 5.0
    assert unset_setting(tmp_path, "core.state.lock_timeout_s")
    assert not unset_setting(tmp_path, "core.state.lock_timeout_s")
    assert load_config(tmp_path).core.state.lock_timeout_s == 600.0


def test_the_environment_goes_before_the_file_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_setting(tmp_path, "core.state.uri", "s3://file/path")
    monkeypatch.setenv("MLEM_CORE__STATE__URI", "s3://environment/path")
    assert get_setting(tmp_path, "core.state.uri") == Setting(
        "core.state.uri", "s3://environment/path", "environment", "MLEM_CORE__STATE__URI"
    )
    monkeypatch.delenv("MLEM_CORE__STATE__URI")
    assert get_setting(tmp_path, "core.state.uri") == Setting(
        "core.state.uri", "s3://file/path", "project", str(tmp_path / ".mlem.yaml")
    )


def test_every_setting_is_listed_with_its_default(tmp_path: Path) -> None:
    listed = {setting.key: (setting.value, setting.origin) for setting in settings(tmp_path)}
    assert listed["core.state.lock_timeout_s"] == (600.0, "default")
    assert listed["core.state.uri"] == (None, "default")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("core.state.lock_timeout_s", "soon", 'expected a number of at least 0, got "soon"'),
        ("core.stat.uri", "x", "core.stat: unknown field"),
        ("core.state.lock_timeout_s", "-1", "got -1"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused_and_nothing_is_written(
    tmp_path: Path, key: str, value: str, message: str
) -> None:
    with pytest.raises(DeclarationError, match=message):
        set_setting(tmp_path, key, value)
    assert not (tmp_path / ".mlem.yaml").exists()


def test_a_section_is_no_setting(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        set_setting(tmp_path, "core", "x")
    with pytest.raises(NotFoundError) as caught:
        get_setting(tmp_path, "core.state.ur")
    assert caught.value.hint == 'did you mean "core.state.uri"?'


def test_a_variable_that_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLEM_CORE__STATE__LOCK_TIMEOUT_S", "soon")
    with pytest.raises(DeclarationError, match="MLEM_CORE__STATE__LOCK_TIMEOUT_S"):
        load_config(tmp_path)


def test_comments_in_the_file_survive(tmp_path: Path) -> None:
    (tmp_path / ".mlem.yaml").write_text("# ours\ncore:\n  state:\n    uri: s3://a/b # shared\n")
    set_setting(tmp_path, "core.state.lock_timeout_s", "9")
    assert file_of(tmp_path) == "# ours\ncore:\n  state:\n    uri: s3://a/b # shared\n    lock_timeout_s: 9\n"


def test_the_empty_file_of_mlem_04_is_a_project_with_defaults(tmp_path: Path) -> None:
    (tmp_path / ".mlem.yaml").touch()
    assert load_config(tmp_path).core.state.uri is None


@pytest.mark.parametrize("content", ["", "\n", "# nothing yet\n", "---\n"])
def test_an_empty_file_has_no_settings(tmp_path: Path, content: str) -> None:
    (tmp_path / ".mlem.yaml").write_text(content)
    assert load_config(tmp_path) == load_config(tmp_path / "nowhere")


def test_an_empty_variable_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".mlem.yaml").write_text("core:\n  state:\n    uri: s3://states/x\n")
    monkeypatch.setenv("MLEM_CORE__STATE__URI", "")
    assert load_config(tmp_path).core.state.uri == "s3://states/x"
