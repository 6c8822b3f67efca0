"""Each public name has a sentence, an example that runs, and somebody who uses it."""

from __future__ import annotations

import ast
import importlib
import runpy
from pathlib import Path

import public_names
import pytest

import mlem.testing

ROOT = Path(__file__).parents[2]
UNUSED = {
    "DataError": "a client may raise it, and `check_response` does",
    "LockedError": "the guard of a context raises it",
    "AdaptedType": "our own data types are in the core",
    "DataType": "our own data types are in the core",
    "ModelType": "our own frameworks are in the core",
    "Release": "a state has them; no provider of ours looks at one",
    "parse_type": "what a data type of a plugin travels as",
    "__version__": "for people, and for what a plugin writes into its messages",
}
"""Names that no plugin of ours uses, with what they are for."""


def test_every_name_has_an_example_and_a_sentence() -> None:
    examples = public_names.examples()
    names = [(door, name) for door in public_names.DOORS for name in public_names.names_of(door)]
    assert [name for _, name in names if not examples.get(name)] == []
    assert [name for door, name in names if not public_names.summary(door, name).endswith((".", "``.", "``"))] == []


def test_no_name_is_behind_both_doors() -> None:
    assert not {*importlib.import_module("mlem").__all__} & {*importlib.import_module("mlem.provider").__all__}


def test_an_example_of_no_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "test_some.py").write_text("def test_Gone_was_a_name():\n    assert True\n")
    monkeypatch.setattr(public_names, "EXAMPLES", tmp_path)
    with pytest.raises(LookupError, match="test_Gone_was_a_name: no public name begins it"):
        public_names.examples()


def test_an_example_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "test_some.py").write_text(
        "import os\nfrom mlem import Env, Value\n\n\nclass Here(Env):\n    path = 1\n\n\n"
        "def test_Env_is_here():\n    assert Here().path\n\n\ndef test_Value_is_there():\n    assert os.name, Here\n"
    )
    monkeypatch.setattr(public_names, "EXAMPLES", tmp_path)
    assert public_names.examples() == {
        "Env": ["from mlem import Env\n\nclass Here(Env):\n    path = 1\n\nassert Here().path"],
        "Value": ["import os\n\n# Here: see the example of Env\n\nassert os.name, Here"],
    }


def test_the_page_shows_every_name() -> None:
    page = runpy.run_path(str(ROOT / "tools" / "reference.py"))["plugins_page"]()
    headings = {
        line.removeprefix("### `").partition("(")[0].rstrip("`")
        for line in page.splitlines()
        if line.startswith("### ")
    }
    assert headings == {name for door in public_names.DOORS for name in public_names.names_of(door)}
    suites = {line.partition("`")[2].partition("`")[0] for line in page.splitlines() if line.startswith("- `")}
    assert suites == {name for name in mlem.testing.__all__ if name.endswith("Suite")}


def test_every_name_has_somebody_who_uses_it() -> None:
    used = set(UNUSED)
    for path in [
        path for kind in ("image", "provider-*", "state-*") for path in ROOT.glob(f"packages/{kind}/src/**/*.py")
    ]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in public_names.DOORS:
                used |= {alias.name for alias in node.names}
    assert {name for door in public_names.DOORS for name in public_names.names_of(door)} - used == set()
