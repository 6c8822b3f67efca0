"""What the instructions of a Dockerfile do, in words: from what is known of the image, not from the instructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlem import Model
from mlem.provider import size_in_words
from mlem_image import Recipe
from mlem_provider_docker.images import dockerfile

_NAMED = 2
_FOUNDATIONS = ("numpy", "scipy")
"""What other packages stand on says little of a model: it is named last."""


def words_of(recipe: Recipe, model: Model, number: int | None) -> dict[str, str]:
    """Return what the instructions do that take time: instruction -> words.

    Args:
        recipe: What the image is made from.
        model: What is in it.
        number: How many packages there are with all that is needed; None where they are not chosen yet.
    """
    libraries = (
        {dockerfile.installing_libraries(recipe): f"installing {', '.join(recipe.system_packages)} of Debian"}
        if recipe.system_packages
        else {}
    )
    return libraries | {
        dockerfile.choosing(recipe): f"choosing packages for {packages(recipe.requirements, 0)}",
        dockerfile.installing(recipe): f"installing {packages(recipe.requirements, number)}",
        dockerfile.installing_own(recipe): f"installing {', '.join(recipe.distributions)} from this machine",
        dockerfile.COPY_PACKAGES: "copying the packages into the image",
        dockerfile.hardening(): "taking away what a server has no use for",
        dockerfile.COPY_MODEL: f"copying the model into the image ({size_in_words(size_of(model))})",
    }


def size_of(model: Model) -> int:
    """Return the size of a model's files in bytes."""
    return sum(artifact.size_bytes for artifact in model.artifacts.values())


def packages(requirements: Sequence[str], number: int | None) -> str:
    """Return the first packages with their versions, and how many more there are: ``pandas 3.1.1 and 12 more``.

    Args:
        requirements: The packages that were asked for, as pip takes them.
        number: How many there are with all that these need; None where that is not known yet.
    """
    asked = sorted(map(Requirement, requirements), key=lambda one: canonicalize_name(one.name) in _FOUNDATIONS)
    named = [_named(one) for one in asked[:_NAMED]]
    if number is None:
        return " and ".join([", ".join(named), "what they need"] if named else ["packages"])
    more = max(number, len(asked)) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "") if named else f"{number} packages"


def _named(requirement: Requirement) -> str:
    version = next((each.version for each in requirement.specifier if each.operator in ("==", "===")), "")
    return f"{requirement.name} {version}".rstrip()


def numbered(text: str, words: Mapping[str, str]) -> list[str]:
    """Return what each step of a build does, in the Engine's order; empty for one that is not worth a line.

    Args:
        text: The Dockerfile.
        words: What its instructions do.
    """
    return [words.get(line, "") for line in dockerfile.instructions(text)]
