"""Packages that were chosen before are taken again, on whatever machine."""

from __future__ import annotations

import pytest

from mlem import ConflictError
from mlem_image.cache.cache import Cache
from mlem_image.packages.choosing import choose
from mlem_image.packages.target import Target
from mlem_image.recipes.pins import Pins

TARGET = Target("3.11", "amd64", "glibc 2.36")


def test_a_version_that_was_chosen_before_is_taken_though_there_is_a_newer_one(cache: Cache) -> None:
    [older] = choose(cache, ["idna<3.8"], TARGET)
    [newest] = choose(cache, ["idna"], TARGET)
    assert older.version != newest.version
    assert choose(cache, ["idna"], TARGET, pins=Pins.of([older.line])) == [older]


def test_another_file_of_the_same_version_is_refused(cache: Cache) -> None:
    [found] = choose(cache, ["idna"], TARGET)
    pins = Pins.of([f"idna=={found.version} --hash=sha256:{'0' * 64}"])
    with pytest.raises(ConflictError, match="another file of idna"):
        choose(cache, ["idna"], TARGET, pins=pins)


def test_packages_that_exclude_what_was_chosen_before_are_chosen_anew(cache: Cache) -> None:
    [older] = choose(cache, ["idna<3.8"], TARGET)
    [chosen] = choose(cache, ["idna>=3.8"], TARGET, pins=Pins.of([older.line]))
    assert chosen.version != older.version
