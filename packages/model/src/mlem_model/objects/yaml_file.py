"""YAML files: parsed with the line of a syntax error, and written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from mlem_model.errors import DeclarationError
from mlem_model.objects.fetched_later import expect_fetched
from mlem_model.objects.files import unusable
from mlem_model.objects.yaml_aliases import expect_few

# The C loader and dumper are some ten times faster; a build of PyYAML without libyaml has only the pure ones.
_Loader: type[yaml.SafeLoader] = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
_BaseDumper: type[yaml.SafeDumper] = cast("type[yaml.SafeDumper]", getattr(yaml, "CSafeDumper", yaml.SafeDumper))
MOST_BYTES = 32 << 20
"""The longest file that is read: the metadata of a table with ten thousand columns has 2 MB."""


class _Strict(_Loader):  # type: ignore[valid-type,misc]  # the base is chosen at run time, see above
    """Refuses a key that is there twice: YAML forbids it, and PyYAML takes the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in getattr(node, "value", ()):
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} is there twice", problem_mark=key.start_mark
                    )
                seen.add((key.tag, key.value))
        made: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return made


class _Dumper(_BaseDumper):  # type: ignore[valid-type,misc]  # the base is chosen at run time, see above
    """Writes no anchors: a file is read by people."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def parse_mapping(text: str | bytes, source: str, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Parse a YAML document whose root is a mapping.

    Args:
        text: The document.
        source: Its file name or URL, for messages.
        may_be_empty: Whether a document with nothing in it is an empty mapping.

    Raises:
        DeclarationError: It is empty, invalid YAML (the message has line and column), or not a mapping.
    """
    try:
        data = _load(text)
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{source}: not a text file: {error.reason} at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise DeclarationError(f"{source}{where}: not valid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise DeclarationError(f"{source}: not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise DeclarationError(f"{source}: not valid YAML: nested too deeply") from error
    except ValueError as error:  # a date that does not exist, a number with too many digits
        raise DeclarationError(f"{source}: not valid YAML: {error}") from error
    if data is None and may_be_empty:
        return {}
    if data is None:
        raise DeclarationError(f"{source}: the file is empty")
    if not isinstance(data, dict):
        expect_fetched(text.encode() if isinstance(text, str) else text, source)
        raise DeclarationError(f"{source}: expected a mapping of fields, got {type(data).__name__}")
    wrong = next((key for key in data if not isinstance(key, str)), None)
    if wrong is not None:
        raise DeclarationError(f"{source}: expected field names, got the key {wrong!r}")
    return data


def _load(text: str | bytes) -> Any:
    """Build the document; aliases are counted before what they stand for is made."""
    loader = _Strict(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if ("*" if isinstance(text, str) else b"*") in text:  # type: ignore[operator]  # of its own type
            expect_few(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def read_document(path: Path) -> bytes:
    """Read a YAML file whose size is bounded.

    Args:
        path: The file.

    Raises:
        DeclarationError: It has more than `MOST_BYTES`.
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise DeclarationError(
            f"{path}: more than {MOST_BYTES >> 20} MiB: declarations and the metadata of models are never that long",
            code="too-large",
        )
    return content


def read_mapping(path: Path, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Read a YAML file whose root is a mapping; see `parse_mapping`.

    Raises:
        NotFoundError: There is no such file.
        UserError: It can't be read.
        DeclarationError: See `parse_mapping`.
    """
    try:
        data = read_document(path)
    except OSError as error:
        raise unusable(path, error, "read") from error
    return parse_mapping(data, str(path), may_be_empty=may_be_empty)


def dump(data: Mapping[str, Any]) -> bytes:
    """Write a mapping as YAML, keys in the order given."""
    text: str = yaml.dump(dict(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text.encode()
