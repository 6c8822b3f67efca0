"""The pages for authors show the examples as they are, which tests prove."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    "write-a-provider.md": "mlem-provider-folder",
    "write-a-state-manager.md": "mlem-state-cumulus",
    "write-a-model-type.md": "mlem-plane",
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_its_example_as_it_is(page: str) -> None:
    text = (ROOT / "docs/how-to" / page).read_text(encoding="utf-8")
    blocks = [
        ast.parse(textwrap.dedent(block))
        for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]
    modules = [
        ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "examples" / PAGES[page] / "src").rglob("*.py")
    ]
    there = {ast.dump(node) for module in modules for node in ast.walk(module)}
    parts = [
        part
        for block in blocks[:-1]
        for one in block.body
        for part in (one.body if isinstance(one, ast.ClassDef) else [one])
    ]
    assert [ast.unparse(part) for part in parts if ast.dump(part) not in there] == []
    assert "mlem.testing" in ast.unparse(blocks[-1])
