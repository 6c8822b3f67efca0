"""A state that somebody edited by hand is told, and its deployment can still be removed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlem.testing import Project


@pytest.mark.parametrize("edit", ["pid: abc", "pid: -1", "pid: 99999999999", "started: soon", "url: [1]"])
def test_a_record_that_names_no_process_is_told(
    plain: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert plain.run("local", "app", "double").returncode == 0
    state = plain.folder / "app.mlem.state"
    state.write_text(re.sub(rf"(?m)^(\s+){edit.partition(':')[0]}: .*$", rf"\g<1>{edit}", state.read_text()))
    for command in ("status", "plan", "logs"):
        done = plain.mlem("deployment", command, "app")
        assert "Traceback" not in done.stderr
        if command != "logs":
            assert (done.returncode, "error[bad-state]" in done.stderr) == (2, True), done.stderr
    assert plain.mlem("deployment", "remove", "app").returncode == 0
