"""Names of images, and the copy of Docker Hub that some are taken from."""

from __future__ import annotations

import pytest

from mlem import UserError
from mlem_image.registry.reference import Reference, mirrored


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        ("", "registry-1.docker.io/library/python:3.11-slim"),
        ("registry.example.com/hub/", "registry.example.com/hub/library/python:3.11-slim"),
        ("127.0.0.1:5000", "127.0.0.1:5000/library/python:3.11-slim"),
    ],
)
def test_an_image_without_a_registry_in_its_name_comes_from_the_copy_of_docker_hub(mirror: str, expected: str) -> None:
    assert str(mirrored(Reference.parse("python:3.11-slim"), {"MLEM_IMAGE_MIRROR": mirror})) == expected


def test_an_image_of_another_registry_does_not() -> None:
    found = Reference.parse("ghcr.io/team/base@sha256:" + "0" * 64)
    assert mirrored(found, {"MLEM_IMAGE_MIRROR": "registry.example.com"}) == found


@pytest.mark.parametrize("mirror", ["https://registry.example.com", "hub", "registry.example.com/a\nb"])
def test_what_is_no_registry_is_refused(mirror: str) -> None:
    with pytest.raises(UserError, match="MLEM_IMAGE_MIRROR is no registry"):
        mirrored(Reference.parse("python"), {"MLEM_IMAGE_MIRROR": mirror})
