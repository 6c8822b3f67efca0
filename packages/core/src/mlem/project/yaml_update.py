"""YAML files that were edited by hand, rewritten: their comments and the order of their keys stay."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlem_model.errors import DeclarationError
from mlem_model.objects.files import write_atomic
from mlem_model.objects.yaml_file import dump, parse_mapping


def update_file(path: Path, data: Mapping[str, Any]) -> None:
    """Write a mapping to a YAML file; where the file exists, keep its comments and the order of its keys."""
    if not path.exists():
        write_atomic(path, dump(data))
        return
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    rewriter = YAML(typ="rt")
    rewriter.width = 120
    try:
        document = rewriter.load(path.read_bytes())
    except YAMLError:
        document = None  # what can't be parsed can't be kept either
    if not isinstance(document, dict):
        write_atomic(path, dump(data))
        return
    _merge(document, data)
    buffer = io.BytesIO()
    rewriter.dump(document, buffer)
    write_atomic(path, buffer.getvalue() if _says(buffer.getvalue(), data) else dump(data))


def _says(text: bytes, data: Mapping[str, Any]) -> bool:
    """Check a rewritten document: where the rewriter can't keep both, the content is more important than comments."""
    try:
        return parse_mapping(text, "rewritten") == dict(data)
    except DeclarationError:
        return False


def _merge(document: dict[str, Any], data: Mapping[str, Any]) -> None:
    for key in [key for key in document if key not in data]:
        del document[key]
    for key, value in data.items():
        old = document.get(key)
        if isinstance(old, dict) and isinstance(value, Mapping):
            _merge(old, value)
        elif key not in document or old != value:
            document[key] = value
