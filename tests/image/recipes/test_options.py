"""Options of images that are refused where they are read."""

from __future__ import annotations

import pytest

from mlem import DeclarationError
from mlem_image.builder import ImageBuilder


@pytest.mark.parametrize(
    "address",
    [
        "https://user:s3cret-word@example.com/x-1.0-py3-none-any.whl",
        "https://s3cret-word@example.com/x-1.0-py3-none-any.whl",
        "git+https://s3cret-word@example.com/x@" + "a" * 40,
        "git+ssh://git:s3cret-word@example.com/x@" + "a" * 40,
    ],
)
def test_a_package_whose_address_has_a_secret_is_refused_without_it(address: str) -> None:
    with pytest.raises(DeclarationError, match="a user or a password") as caught:
        ImageBuilder.from_data({"folder": "out", "packages": [f"x @ {address}"]}, "mlem build image")
    assert "s3cret-word" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["git+ssh://git@example.com/x@" + "a" * 40, "https://example.com/x.whl", "file:///x"]
)
def test_a_package_whose_address_has_none_is_taken(address: str) -> None:
    taken = ImageBuilder.from_data({"folder": "out", "packages": [f"x @ {address}"]}, "mlem build image")
    assert taken.packages == [f"x @ {address}"]
