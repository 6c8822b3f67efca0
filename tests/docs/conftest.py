"""What the tests of the documentation share: its pages, and the project that the tutorial makes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from manual.blocks import parse
from manual.pages import DOCS
from manual.reader import Reader


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that the tutorial has before its first deployment."""
    folder = tmp_path_factory.mktemp("tutorial")
    page = parse((DOCS / "tutorial.md").read_text(encoding="utf-8"))
    end = next(at for at, block in enumerate(page.blocks) if "deployment run" in block.text)
    page.blocks = page.blocks[:end]
    Reader(folder).read(page)
    return folder / "here"


@pytest.fixture
def reader(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    for name in ("MLEM_TOKEN", "MLEM_SERVER_TOKENS", "MLEM_OVERLAY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AUTHOR", "COMMITTER"):  # of the team's git
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ada@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    return Reader(tmp_path / "page", project=project)


@pytest.fixture(scope="session", autouse=True)
def git() -> None:
    assert shutil.which("git"), "the pages for teams need git"
