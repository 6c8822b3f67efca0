"""`Schema`: Heroku's own JSON hyper-schema, as the judge of requests and answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from mlem_heroku_simulator.api.schema.taken import taken

EXTENSIONS = {"docker_image"}
"""What the variant ``3.docker-releases`` adds to an update of the formation; it is not in the schema. Source: Dev
Center, "Container Registry & Runtime", section "Releasing an image", part "API" (read 2026-11)."""


@dataclass(frozen=True)
class Link:
    """One operation of the schema.

    Attributes:
        method: The HTTP method.
        path: What the path matches.
        title: Its name.
        request: The schema of the body, or None.
        answer: The schema of the answer, or None.
    """

    method: str
    path: re.Pattern[str]
    title: str
    request: Mapping[str, Any] | None
    answer: Mapping[str, Any] | None


class Schema:
    """Validates exchanges.

    Args:
        document: The hyper-schema.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._definitions = document["definitions"]
        self._links = list(self._read())

    @classmethod
    def load(cls, path: Path) -> Schema:
        """Read it from a file."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def _read(self) -> Iterator[Link]:
        for resource in self._definitions.values():
            for link in resource.get("links", []):
                parts = re.split(r"\{[^}]*\}", link["href"])
                pattern = re.compile("[^/]+".join(map(re.escape, parts)))
                yield Link(
                    link.get("method", "GET"),
                    pattern,
                    link.get("title", ""),
                    link.get("schema"),
                    link.get("targetSchema"),
                )

    def faults_of_request(self, method: str, path: str, body: Any, *, as_taken: bool = False) -> list[str]:
        """Return what is wrong with a request.

        The list is empty when an operation takes it.

        Args:
            method: The HTTP method.
            path: The path, without a query.
            body: The body; None without.
            as_taken: Judge as Heroku itself does, which is milder than its schema, see `taken`; what a text looks like
                is left to the operation, which says it in Heroku's words.
        """
        links = self._of(method, path)
        if not links:
            return [f"{method} {path}: no operation of the schema"]
        found: list[str] = []
        for link in links:
            if link.request is None:
                faults = [] if body is None or as_taken else [f"{method} {path}: takes no body"]
            else:
                read = taken(link.request, body, self._definitions) if as_taken else _without_extensions(body)
                faults = self._faults(
                    f"{method} {path} (request, {link.title})", link.request, read, patterns=not as_taken
                )
            if not faults:
                return []
            found += faults
        return found

    def faults_of_answer(self, method: str, path: str, body: Any) -> list[str]:
        """Return what is wrong with an answer.

        The list is empty when an operation gives it.
        """
        found: list[str] = []
        for link in self._of(method, path):
            faults = self._faults(f"{method} {path} (answer, {link.title})", link.answer, body) if link.answer else []
            if not faults:
                return []
            found += faults
        return found or [f"{method} {path}: no operation of the schema"]

    def _of(self, method: str, path: str) -> list[Link]:
        return [link for link in self._links if link.method == method and link.path.fullmatch(path)]

    def _faults(self, where: str, schema: Mapping[str, Any], value: Any, *, patterns: bool = True) -> list[str]:
        validator = jsonschema.Draft4Validator(
            {**schema, "definitions": self._definitions}, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER
        )
        return [
            f"{where}: {error.json_path}: {error.message}"
            for error in validator.iter_errors(value)
            if patterns or error.validator != "pattern"
        ]


def _without_extensions(body: Any) -> Any:
    if not isinstance(body, Mapping) or not isinstance(body.get("updates"), list):
        return body
    return {
        **body,
        "updates": [
            {key: value for key, value in update.items() if key not in EXTENSIONS} for update in body["updates"]
        ],
    }
