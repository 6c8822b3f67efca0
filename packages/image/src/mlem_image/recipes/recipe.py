"""`Recipe`: all that goes into an image but the model's own files; two equal recipes make the same image."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlem import Model
from mlem.provider import unusable
from mlem_image.recipes import versions, wheels
from mlem_image.recipes.options import ImageOptions
from mlem_image.recipes.versions import minor_of, stands_for

FORMAT = 2
"""Part of the digest: a change of the Dockerfile's text makes other images."""

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
"""Build arguments that every Engine knows and keeps out of the history. Source:
https://docs.docker.com/reference/dockerfile/#predefined-args (read 2026-11)."""

_VCS = re.compile(r"@\s*(git|hg|svn|bzr)\+")
"""A package from a repository: pip needs its program, which the slim images of Python lack."""

PIP_VARIABLES = (
    "INDEX_URL",
    "EXTRA_INDEX_URL",
    "TRUSTED_HOST",
    "FIND_LINKS",
    "DEFAULT_TIMEOUT",
    "TIMEOUT",
    "RETRIES",
    "PROXY",
)
PIP_VARIABLES_OF_CHOICE = ("PRE", "NO_INDEX", "PREFER_BINARY", "ONLY_BINARY", "NO_BINARY", "USE_DEPRECATED")
"""What tells pip where packages are and which to take; paths of this machine mean nothing in a container."""


@dataclass(frozen=True)
class Recipe:
    """What an image is made from.

    Attributes:
        python: ``3.11``.
        base_image: The image to start from.
        builder_image: The image of the build stage.
        requirements: Lines for pip, in order: the model's packages, then the user's.
        distributions: The distributions of ours that are in the image.
        own: Lines for pip for what of ours comes from an index: what our packages need, or a published version of them.
        pip_arguments: Further arguments for pip.
        build_arguments: The user's build arguments.
        passed: Names of pip's variables that are passed on; their values are not part of the recipe.
        ca_digest: SHA-256 of the CA certificates; empty without.
        platform: The image's platform; empty for the Engine's own.
        server: What of ours is installed: a digest of the installed packages, or a published version.
        published: Whether ``server`` is a published version.
        any_python: Whether the base image's Python may differ from ``python``.
        resolution: A word of the user's: another one has the packages chosen again.
        system_packages: Debian packages, sorted.
        hashes: Packages of which only some files may be taken, by their normalized names, with the SHA-256 of these.
    """

    python: str
    base_image: str
    builder_image: str
    requirements: tuple[str, ...]
    distributions: tuple[str, ...]
    own: tuple[str, ...]
    pip_arguments: tuple[str, ...]
    build_arguments: tuple[tuple[str, str], ...]
    passed: tuple[str, ...]
    ca_digest: str
    platform: str
    server: str
    published: bool
    any_python: bool
    resolution: str
    system_packages: tuple[str, ...] = ()
    hashes: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, options: ImageOptions, model: Model) -> Recipe:
        """Say what the image of a model is made from.

        Raises:
            NotFoundError: The CA file is not there.
        """
        python = options.python_version or minor_of(model.python or _own_python())
        base = options.base_image or f"python:{python}-slim"
        replaced = {stands_for(Requirement(package).name) for package in options.packages}
        kept = [item for item in model.requirements if stands_for(item.package_name) not in replaced]
        needed = (*(item.pip for item in kept), *options.packages)
        distributions = wheels.distributions(needed)
        requirements = tuple(line for line in needed if canonicalize_name(Requirement(line).name) not in distributions)
        builder = base if options.base_image or not _from_repositories(requirements) else f"python:{python}"
        return cls(
            python=python,
            base_image=base,
            builder_image=options.builder_image or builder,
            requirements=requirements,
            distributions=distributions,
            own=wheels.published(options.mlem_version, distributions)
            if options.mlem_version
            else wheels.needed(distributions),
            pip_arguments=tuple(options.pip_arguments),
            build_arguments=tuple(sorted(options.build_arguments.items())),
            passed=tuple(sorted(pip_environment(os.environ))) if options.pass_pip_environment else (),
            ca_digest=hashlib.sha256(read_ca(options.declared_path(options.ca_file))).hexdigest()
            if options.ca_file
            else "",
            platform=options.platform or "",
            server=options.mlem_version or wheels.digest(distributions),
            published=options.mlem_version is not None,
            any_python=options.accept_version_differences,
            resolution=options.resolution,
            system_packages=_system_packages(options, model),
            hashes=_hashes({item.package_name: item.hashes for item in kept}, distributions),
        )

    @property
    def versions(self) -> str:
        """The versions of our packages, in words."""
        return f"mlem {self.server}" if self.published else wheels.versions(self.distributions)

    def wheels(self) -> list[wheels.Wheel]:
        """Make wheels of our packages; none where a published version is installed."""
        return [] if self.published else wheels.pack(self.distributions)

    @property
    def has_repositories(self) -> bool:
        """Whether packages come from repositories, which pip can't compare with hashes."""
        return _from_repositories(self.requirements)

    @property
    def digest(self) -> str:
        """The identity of the recipe: 32 hex digits."""
        fields = {key: value for key, value in asdict(self).items() if key != "passed"}
        for later in ("system_packages", "hashes"):  # images that were made before these fields stay
            if not fields[later]:
                del fields[later]
        return _digest({"format": FORMAT, **fields})

    @property
    def requirements_digest(self) -> str:
        """The identity of the part that comes before our own packages.

        Layers of equal ones are shared, and so are pins.
        """
        own = ["server", "published", "any_python", "passed", *([] if self.hashes else ["hashes"])]
        return _digest({"format": FORMAT, **{key: value for key, value in asdict(self).items() if key not in own}})


def _from_repositories(requirements: Iterable[str]) -> bool:
    return any(_VCS.search(line) for line in requirements)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def _own_python() -> str:
    import platform

    return platform.python_version()


def read_ca(path: Path) -> bytes:
    """Read the CA certificates.

    Raises:
        NotFoundError: They are not there.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise unusable(path, error, "read the CA certificates of") from error


def pip_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return pip's variables that mean something in a container."""
    names = [f"PIP_{name}" for name in (*PIP_VARIABLES, *PIP_VARIABLES_OF_CHOICE)]
    found = {name: environment[name] for name in names if environment.get(name)}
    if "://" not in found.get("PIP_FIND_LINKS", "://") or "file://" in found.get("PIP_FIND_LINKS", ""):
        del found["PIP_FIND_LINKS"]
    return found


def proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the proxy variables, in upper and lower case as they are set."""
    names = [name for upper in PROXIES for name in (upper, upper.lower())]
    return {name: environment[name] for name in names if environment.get(name)}


def build_arguments(recipe: Recipe, options: ImageOptions, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the values of all build arguments."""
    passed = {**pip_environment(environment), **proxies(environment)} if options.pass_pip_environment else {}
    return {**passed, **dict(recipe.build_arguments)}


def expect_versions(recipe: Recipe, options: ImageOptions, model: Model) -> None:
    """Check that an image would have the versions that a model was saved with, as far as they matter.

    Raises:
        ConflictError: They differ.
        PluginError: The model has code that the image's Python can't run.
    """
    if options.accept_version_differences:
        model.expect_python(recipe.python)
    else:
        versions.check(model, recipe.python, options.packages)


def _hashes(saved: Mapping[str, tuple[str, ...]], ours: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    named = ((canonicalize_name(name), hashes) for name, hashes in saved.items() if hashes)
    return tuple(sorted((name, hashes) for name, hashes in named if name not in ours))


def _system_packages(options: ImageOptions, model: Model) -> tuple[str, ...]:
    """Return the Debian packages that a model needs, and the user's; a version of the user's counts."""
    chosen = {package.partition("=")[0] for package in options.system_packages}
    return tuple(sorted({*options.system_packages, *(name for name in model.system_packages if name not in chosen)}))
