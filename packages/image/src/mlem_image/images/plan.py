"""`Plan`: an image that can be made: its base was looked at, and its packages are chosen; nothing is fetched yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlem import ConflictError, DeclarationError, Model
from mlem_image.base.base_image import BaseImage
from mlem_image.base.contents import Contents
from mlem_image.cache.cache import Cache
from mlem_image.packages.choosing import choose
from mlem_image.packages.indexes import Indexes
from mlem_image.packages.libraries import expect_system_packages
from mlem_image.packages.locked import LockedWheel
from mlem_image.packages.sources import expect_buildable
from mlem_image.packages.target import Target
from mlem_image.recipes.options import ImageOptions, WheelsOptions
from mlem_image.recipes.pins import Pins
from mlem_image.recipes.pip_arguments import needs_a_run
from mlem_image.recipes.recipe import Recipe, expect_versions

DEFAULT_PLATFORM = "linux/amd64"


@dataclass(frozen=True)
class Wanted:
    """An image that is to be made.

    Attributes:
        recipe: What it is made from.
        options: The user's options.
        model: The model's metadata.
        labels: Its labels.
        pins: Packages that were chosen before, and are to be taken again; None where they are still to be chosen.
    """

    recipe: Recipe
    options: ImageOptions
    model: Model
    labels: Mapping[str, str]
    pins: Pins | None = None

    @property
    def wheels(self) -> Path | None:
        """A folder of wheels that no index has; None for none."""
        return self.options.wheels_folder if isinstance(self.options, WheelsOptions) else None


@dataclass(frozen=True)
class Plan:
    """What is known of an image before it is made.

    Attributes:
        wanted: The image.
        base: What it starts from.
        contents: What is in that.
        python: The program of its Python: ``/usr/local/bin/python3.11``.
        target: What its packages are for.
        chosen: Its packages.
        indexes: Where they are taken from, beyond the user's settings.
    """

    wanted: Wanted
    base: BaseImage
    contents: Contents
    python: str
    target: Target
    chosen: list[LockedWheel]
    indexes: Indexes

    @classmethod
    def of(cls, wanted: Wanted, cache: Cache, connect: Callable[[Any], Any]) -> Plan:
        """Look at the base image, and choose the packages.

        Args:
            wanted: The image.
            cache: What is known already; it has to be in use.
            connect: Makes a connection to a registry.

        Raises:
            ConflictError: The versions differ from those that the model was saved with, or the base image's do.
            NotFoundError: There is no such base image, or a package has no wheel.
            DeclarationError: Something needs a run in the image.
            MlemError: An index or a registry refuses, or does not answer.
        """
        indexes, recipe = _expect_possible(wanted), wanted.recipe
        base = BaseImage.find(recipe.base_image, recipe.platform or DEFAULT_PLATFORM, connect)
        return cls._on(wanted, base, cache, indexes)

    @classmethod
    def on(cls, wanted: Wanted, base: BaseImage, cache: Cache) -> Plan:
        """Choose the packages of an image on a base image that is known; the rest is as in `of`."""
        indexes, recipe = _expect_possible(wanted), wanted.recipe
        if recipe.platform and recipe.platform != base.platform:
            raise DeclarationError(
                f"{base.name} is for {base.platform}, and the image is to be for {recipe.platform}",
                code="bad-platform",
                hint="another base image: --base_image, or another --platform",
            )
        return cls._on(wanted, base, cache, indexes)

    @classmethod
    def _on(cls, wanted: Wanted, base: BaseImage, cache: Cache, indexes: Indexes) -> Plan:
        contents = Contents.of(base, cache)
        recipe = _with_python(wanted.recipe, contents)
        wanted, python = replace(wanted, recipe=recipe), contents.pythons[recipe.python]
        expect_system_packages(contents, recipe)
        target = Target(recipe.python, str(base.config["architecture"]), contents.libc)
        chosen = choose(
            cache,
            [*recipe.requirements, *recipe.own],
            target,
            resolution=recipe.resolution,
            folder=wanted.wheels,
            pins=wanted.pins,
            indexes=indexes,
            allowed=dict(recipe.hashes),
        )
        return cls(wanted, base, contents, python, target, chosen, indexes)

    @property
    def platform(self) -> str:
        """The platform of the image: ``linux/amd64``."""
        return self.base.platform


def _expect_possible(wanted: Wanted) -> Indexes:
    """Refuse what can't be made, before anybody is asked; return where packages are taken from."""
    expect_versions(wanted.recipe, wanted.options, wanted.model)
    for option in ("builder_image", "build_arguments"):
        if getattr(wanted.options, option):
            needs_a_run(option)
    expect_buildable(wanted.recipe.requirements)
    return Indexes.of(wanted.options)


def _with_python(recipe: Recipe, contents: Contents) -> Recipe:
    """Return a recipe with a Python that the base image has: another one where that is accepted."""
    if recipe.python in contents.pythons:
        return recipe
    if recipe.any_python and contents.pythons:
        return replace(recipe, python=max(contents.pythons, key=lambda version: int(version.partition(".")[2])))
    known = ", ".join(contents.pythons) or "none"
    raise ConflictError(
        f"the base image {recipe.base_image} has Python {known}, the model needs {recipe.python}",
        code="versions-differ",
        hint="another base image or --python_version; or accept it: --accept_version_differences",
    )
