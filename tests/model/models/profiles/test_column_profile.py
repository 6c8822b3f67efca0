"""The bins of a column: each value of the sample is in one of them, and what was never there is told apart."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem_model.models.profiles.column_profile import ColumnProfile

JSON_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**400), 10**400),
    st.floats(allow_nan=False),
    st.text(max_size=120),
    st.sampled_from(["NaN", "Infinity", "-Infinity"]),
)


@given(st.lists(JSON_VALUES, max_size=60))
def test_the_sample_itself_has_not_drifted(values: list[Any]) -> None:
    profile = ColumnProfile.of(values)
    counts, expected = profile.count(values), profile.expected
    assert sum(counts.values()) == len(values)
    assert counts.keys() <= expected.keys()
    if values:
        finite = [v for v in values if v not in ("Infinity", "-Infinity")]
        assert all(math.isclose(expected[name], counts[name] / len(values), abs_tol=1e-8) for name in expected) or (
            len(finite) < len(values) or any(isinstance(v, int) and abs(v) > 10**300 for v in values)
        )
    assert ColumnProfile.model_validate(json.loads(profile.model_dump_json())) == profile


@pytest.mark.parametrize(
    ("sample", "value", "found"),
    [
        ([1.0, 2.0, 3.0], 2.5, "(2, 3]"),
        ([1.0, 2.0, 3.0], 1, "[1, 2]"),
        ([1.0, 2.0, 3.0], 0.99, "below"),
        ([1.0, 2.0, 3.0], "Infinity", "above"),
        ([1.0, 2.0, 3.0], 10**400, "above"),
        ([1.0, 2.0, 3.0], "NaN", "missing"),
        ([7, 7, 7], 7, "[7]"),
        ([7, 7, 7], 8, "above"),
        (["a", "b", None], "b", '"b"'),
        (["a", "b", None], "missing", "unknown"),
        (["missing", "b"], "missing", '"missing"'),
        ([True, True], False, "unknown"),
        ([str(number) for number in range(60)], "anything", "text"),
        ([None, None], 1, "text"),
        ([1000000.1, 1000000.2], 1000000.15, "[1000000.1, 1000000.2]"),
    ],
)
def test_a_value_is_in_its_bin(sample: list[Any], value: Any, found: str) -> None:
    assert ColumnProfile.of(sample).count([value]) == {found: 1}


def test_bins_have_about_as_many_values_each() -> None:
    profile = ColumnProfile.of([float(number**3) for number in range(1000)])
    assert len(profile.shares) == 10
    assert all(0.09 < share < 0.11 for share in profile.shares)


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "number", "edges": [2, 1], "shares": [1]},
        {"kind": "number", "edges": [1, 2], "shares": [0.5, 0.5]},
        {"kind": "number", "edges": list(range(100)), "shares": [0.01] * 99},
        {"kind": "number", "edges": ["NaN", 2], "shares": [1]},
        {"kind": "category", "categories": ["x" * 10_000], "shares": [1]},
        {"kind": "text", "shares": [-1]},
        {"kind": "other", "shares": [1]},
    ],
)
def test_what_is_no_profile_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        ColumnProfile.model_validate(content)
