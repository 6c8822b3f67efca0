"""An image that is promoted is copied with what is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlem_image.attached.referrers import attached
from mlem_image.builder import ImageBuilder
from mlem_image.registry.connecting import connect
from mlem_image.registry.reference import Reference
from mlem_image.registry.repository import Repository
from mlem_image.targets.copying import copy


def repository_of(name: str) -> Repository:
    reference = Reference.parse(name)
    return Repository(connect(reference), reference.repository)


def test_a_copy_has_the_documents_of_the_image(doubles: Any, base: str, push_registry: str, tmp_path: Path) -> None:
    first, second = (f"{push_registry}/{tmp_path.name.lower()}/{word}:1" for word in ("first", "second"))
    made = ImageBuilder(name=first, base_image=base).build(doubles, lambda _line: None)
    digest = copy(f"{first.rpartition(':')[0]}@{made['digest']}", second, None, lambda _line: None, lambda: None)
    assert digest == made["digest"]
    documents = {document.digest: document.content for document in attached(repository_of(second), digest)}
    assert documents.keys() == {made["sbom"], made["provenance"]}
    assert b"pkg:pypi/" in documents[made["sbom"]]
    assert documents == {one.digest: one.content for one in attached(repository_of(first), digest)}


def test_an_image_without_documents_is_copied_all_the_same(
    doubles: Any, base: str, push_registry: str, tmp_path: Path
) -> None:
    first, second = (f"{push_registry}/{tmp_path.name.lower()}/{word}:1" for word in ("first", "second"))
    told: list[str] = []
    builder = ImageBuilder(name=first, base_image=base, sbom=False, provenance=False)
    made = builder.build(doubles, lambda _line: None)
    assert copy(first, second, None, told.append, lambda: None) == made["digest"]
    assert not list(attached(repository_of(second), made["digest"]))
    assert not [line for line in told if "without" in line]
