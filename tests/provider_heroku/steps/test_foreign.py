"""What releases that somebody else made tell of the model that serves."""

from __future__ import annotations

from typing import Any

import pytest

from mlem_provider_heroku.steps.foreign import Foreign


def releases(first: int, *descriptions: str) -> list[dict[str, Any]]:
    """Return releases as Heroku lists them, newest first."""
    found = [
        {"version": first + number, "description": text, "user": {"email": "me@x.org"}}
        for number, text in enumerate(descriptions)
    ]
    return found[::-1]


@pytest.mark.parametrize(
    ("descriptions", "same_model"),
    [
        (["Set A config vars"], True),
        (["Set A, B config vars", "Remove A config vars"], True),
        (["Deployed web (0123456789ab)"], False),
        (["Deployed web (0123456789ab)", "Set A config vars"], False),
        (["Rollback to v3"], False),
        (["Rollback to v3", "Set A config vars"], False),
        (["Rollback to v3", "Rollback to v5"], True),
        (["Set A config vars", "Rollback to v3", "Rollback to v6"], True),
        (["Rollback to v3", "Set A config vars", "Rollback to v7"], False),
        (["Attach DATABASE"], False),
    ],
)
def test_the_model_is_the_same_where_only_config_vars_changed(descriptions: list[str], same_model: bool) -> None:
    found = Foreign.of(releases(6, *descriptions), 5)
    assert found is not None
    assert (found.version, found.same_model) == (5 + len(descriptions), same_model)


def test_what_was_done_is_told_newest_first() -> None:
    assert Foreign.of([], 5) is None
    assert Foreign.of(releases(6, "A", "B", "C", "D", "E"), 5) == Foreign(
        10, '"E" by me@x.org, after "D" by me@x.org, after "C" by me@x.org, after 2 more', False
    )
    assert Foreign.of([{"version": 6, "description": "A"}], 5) == Foreign(6, '"A"', False)
