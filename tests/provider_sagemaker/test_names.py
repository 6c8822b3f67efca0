"""Names and tags are what AWS accepts, whatever a deployment is called, and the same for the same content."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mlem_provider_sagemaker.names import name_of, owner, slug, tags_of

LINEAGE = "0123456789abcdef0123456789abcdef"
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
VALUE = re.compile(r"[\w\s.:/=+@-]{0,256}")


@given(st.text(max_size=300))
def test_names_are_accepted(name: str) -> None:
    made = name_of(name, LINEAGE, {"model": name})
    assert NAME.fullmatch(slug(name))
    assert NAME.fullmatch(made)
    assert made == made.lower()
    assert LINEAGE[:12] in made


@given(st.text(max_size=300))
def test_tags_are_accepted(name: str) -> None:
    assert all(VALUE.fullmatch(tag["Value"]) for tag in tags_of(LINEAGE, name))


def test_equal_content_has_equal_names() -> None:
    assert name_of("a", LINEAGE, {"x": 1, "y": [2]}) == name_of("a", LINEAGE, {"y": [2], "x": 1})
    assert name_of("a", LINEAGE, {"x": 1}) != name_of("a", LINEAGE, {"x": 2})


def test_nobody_takes_the_place_of_our_tags() -> None:
    tags = tags_of(LINEAGE, "iris", {"mlem:lineage": "other", "team": "nlp"})
    assert {tag["Key"]: tag["Value"] for tag in tags} == {
        "team": "nlp",
        "mlem:lineage": LINEAGE,
        "mlem:deployment": "iris",
    }
    assert owner(tags).lineage == LINEAGE
    assert owner([]).lineage is None
    assert str(owner([])) == "was not made by mlem"
    assert str(owner(tags)) == f'belongs to the mlem deployment "iris" of lineage {LINEAGE}'
