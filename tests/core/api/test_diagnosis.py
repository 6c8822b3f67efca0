"""What `mlem doctor`, `mlem plugins` and `mlem migrate` say, as values for a program; nothing is printed."""

from __future__ import annotations

import pytest

from mlem import api
from mlem.api import Check, DeclarationError, InstalledPlugin
from mlem.testing import Project


def test_each_check_has_what_was_found_and_what_is_wrong(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    found = {one.name: one for one in api.diagnose(project.folder)}
    assert list(found) == ["installation", "settings", "plugins", "state store"]
    assert all(isinstance(one, Check) for one in found.values())
    assert (found["settings"].error, str(project.folder / ".mlem.yaml") in found["settings"].message) == (None, True)
    (project.folder / ".mlem.yaml").write_text("core: {state: {uri: 3}}")
    broken = {one.name: one for one in api.diagnose(project.folder)}["settings"]
    assert isinstance(broken.error, DeclarationError)
    assert broken.message == broken.error.message
    assert capfd.readouterr() == ("", "")


def test_plugins_are_values_with_their_types(capfd: pytest.CaptureFixture[str]) -> None:
    found = api.plugins()
    assert found != []
    assert all(isinstance(one, InstalledPlugin) and one.import_s >= 0 for one in found)
    assert any("callable" in words for one in found for words in one.types.values())
    assert capfd.readouterr() == ("", "")


def test_a_project_of_this_version_has_nothing_to_migrate(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    assert api.migrate(str(project.folder), dry_run=True) == []
    assert capfd.readouterr() == ("", "")
