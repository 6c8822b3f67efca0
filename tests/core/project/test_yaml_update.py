"""YAML files: errors with lines, whole writes, kept comments."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem.project.yaml_update import update_file
from mlem_model.errors import DeclarationError
from mlem_model.objects.yaml_file import dump, parse_mapping

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
documents = st.dictionaries(st.text(), values)


@given(documents)
def test_what_is_written_is_read_back(document: dict[str, object]) -> None:
    if document:
        assert parse_mapping(dump(document), "x") == document


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\nb: 2\n", "x.mlem:2:2: not valid YAML"),
        ("", "x.mlem: the file is empty"),
        ("- a\n", "x.mlem: expected a mapping of fields, got list"),
        ("1: a\n", "x.mlem: expected field names, got the key 1"),
        (b"\xff\xfe\x00", "x.mlem"),
        ("a: !!python/object:os.system {}\n", "x.mlem:1:4: not valid YAML"),
        ("a: *b\n", "x.mlem:1:4: not valid YAML"),
    ],
)
def test_what_can_t_be_read_names_the_place(text: str | bytes, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        parse_mapping(text, "x.mlem")


@given(documents, documents)
def test_an_update_leaves_exactly_the_new_content(before: dict[str, object], after: dict[str, object]) -> None:
    import tempfile

    if not after:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.mlem")
        path.write_bytes(dump(before) if before else b"")
        update_file(path, after)
        assert parse_mapping(path.read_bytes(), "x") == after


def test_a_kill_in_the_middle_of_writes_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    script = (
        "import sys\nfrom pathlib import Path\nfrom mlem_model.objects.files import write_atomic\n"
        "print('ready', flush=True)\n"
        "while True:\n    for c in b'ab': write_atomic(Path(sys.argv[1]), bytes([c]) * 100_000)\n"
    )
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        before = path.stat().st_mtime_ns if path.exists() else 0
        while not path.exists() or path.stat().st_mtime_ns == before:
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert set(path.read_bytes()) in ({ord("a")}, {ord("b")})
        assert path.stat().st_size == 100_000


@pytest.mark.parametrize(
    ("text", "place"),
    [("a: 1\nb: 2\na: 3\n", "x.mlem:3:1"), ("a:\n  b: 1\n  'b': 2\n", "x.mlem:3:3"), ("{a: 1, a: 1}", "x.mlem:1:8")],
)
def test_a_key_that_is_there_twice_is_refused_with_its_line(text: str, place: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(f"{place}: not valid YAML: the key '")):
        parse_mapping(text, "x.mlem")


def test_keys_of_one_spelling_and_other_types_are_two() -> None:
    assert parse_mapping("a: {1: x, '1': y}", "x.mlem") == {"a": {1: "x", "1": "y"}}
