"""Every block of code of the documentation works, or says why it is not tried."""

from __future__ import annotations

from pathlib import Path

import pytest
import recording
from manual.blocks import HIDDEN, Command, Page, commands, parse
from manual.pages import name_of, written
from manual.reader import PageError, Reader, parse_as

ELSEWHERE = {
    "docs/how-to/image.md": "tests/image does what it says, with a registry",
    "docs/how-to/write-a-provider.md": "its code is that of examples/mlem-provider-folder, whose tests run",
    "docs/how-to/write-a-state-manager.md": "its code is that of examples/mlem-state-cumulus, whose tests run",
}
"""Pages whose blocks are not run here, and why."""
LANGUAGES = {HIDDEN, "bash", "console", "javascript", "json", "nginx", "python", "text", "toml", "typescript", "yaml"}


@pytest.mark.parametrize("path", [path for path in written() if name_of(path) not in ELSEWHERE], ids=name_of)
def test_what_a_page_says_works(path: Path, reader: Reader) -> None:
    reader.read(parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", written(), ids=name_of)
def test_each_block_has_a_language_and_can_be_parsed_as_that(path: Path) -> None:
    for block in parse(path.read_text(encoding="utf-8")).blocks:
        assert block.language in LANGUAGES, f"line {block.line}: {block.language!r}"
        parse_as(block)


@pytest.mark.parametrize("path", [path for path in written() if name_of(path) not in ELSEWHERE], ids=name_of)
def test_a_block_that_is_not_run_says_why(path: Path) -> None:
    for block in parse(path.read_text(encoding="utf-8")).blocks:
        run = block.language in (HIDDEN, "console", "python") or block.title
        looked_at = block.language in ("json", "text", "toml", "yaml")
        assert run or looked_at or len(block.reason) > 10, f"line {block.line}: say why: <!-- not run: REASON -->"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("```console\n$ false\n```\n", "exit code 1: "),
        ("```console\n$ echo 3 rows\n4 lines\n```\n", "and not\n4 lines"),
        ("```python\nassert 1 == 2\n```\n", "AssertionError"),
        ("```python\ndef f(:\n    pass\n```\n", "invalid syntax"),
        ('```yaml title="a.yaml"\na: [\n```\n', "line 1: "),
        ("```json\n{'a': 1}\n```\n", "line 1: "),
        ("<!-- first: exit 3 -->\n", "exit code 3"),
    ],
)
def test_a_block_that_does_not_work_is_found(page: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(PageError, match=said):
        Reader(tmp_path / "page").read(parse(page))


def test_a_page_goes_on_where_its_last_command_left_it(tmp_path: Path) -> None:
    page = """
```console
$ mkdir there && cd there
$ export NAME=something
$ echo "$NAME \\
    else" > said.txt
```

<!-- not run: it would fail -->
```console
$ false
```

```console
$ cat said.txt; pwd
something else
.../there
```

```yaml title="a/b.yaml"
name: b
```

```python
from pathlib import Path

assert Path("a/b.yaml").read_text() == "name: b\\n"
```
"""
    Reader(tmp_path / "page").read(parse(page))


def test_output_belongs_to_the_command_above_it() -> None:
    block = parse("```console\n$ one \\\n    two\nsaid\n$ three\n```\n").blocks[0]
    assert [*commands(block)] == [Command("one two", ("said",)), Command("three")]


def test_the_recorded_session_is_what_the_commands_print(reader: Reader) -> None:
    svg = recording.PLACE.read_text(encoding="utf-8")
    assert [command.line for command in commands(recording.as_block(svg))] == list(recording.COMMANDS)
    reader.read(Page([recording.as_block(svg)], in_project=True))
