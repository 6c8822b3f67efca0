"""`mlem plugin new`: a distribution of one's own, which is the example that is tested here, under another name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlem.testing import Project

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import template  # noqa: E402  # a script's module


def files(folder: Path) -> dict[str, str]:
    """Return what a distribution's folder has, but for what tools leave there."""
    left = ("__pycache__", "_cache", ".egg-info")
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and not any(word in str(path.relative_to(folder)) for word in left)
    }


@pytest.mark.parametrize("kind", sorted(template.EXAMPLES))
def test_the_templates_are_made_of_the_examples(kind: str) -> None:
    assert files(template.TARGET / kind) == template.template(kind), "python tools/template.py"


@pytest.mark.parametrize("kind", sorted(template.EXAMPLES))
def test_what_is_made_is_the_example_under_another_name(tmp_path: Path, kind: str) -> None:
    done = Project(tmp_path).mlem("plugin", "new", "stratus7", "--kind", kind)
    assert done.returncode == 0, done.stderr
    made = files(tmp_path / f"mlem-{kind}-stratus7")
    expected = {}
    for name, content in files(ROOT / "examples" / template.EXAMPLES[kind]).items():
        for word, other in zip(template.words(kind), ("stratus7", "Stratus7", "STRATUS7"), strict=True):
            name, content = name.replace(word, other), content.replace(word, other)  # both words
        expected[name] = content
    assert made == expected


@pytest.mark.parametrize("name", ["Bad", "two-words", "../away", "1st", "größe", "a" * 31])
def test_a_word_that_is_none_makes_nothing(tmp_path: Path, name: str) -> None:
    done = Project(tmp_path).mlem("plugin", "new", name)
    assert (done.returncode, "error[bad-name]" in done.stderr, list(tmp_path.iterdir())) == (2, True, []), done.stderr


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "mlem-provider-stratus").mkdir()
    done = Project(tmp_path).mlem("plugin", "new", "stratus")
    assert (done.returncode, "error[exists]" in done.stderr) == (4, True), done.stderr
    assert list((tmp_path / "mlem-provider-stratus").iterdir()) == []
