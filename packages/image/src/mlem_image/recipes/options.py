"""`ImageOptions`: how an image is made; the same fields for deployments and for builders."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import Field, field_validator

from mlem import Value

IMAGE_PATTERN = (
    r"^[0-9A-Za-z][0-9A-Za-z._-]*(:[0-9]+)?(/[0-9A-Za-z._-]+)*(:[0-9A-Za-z_][0-9A-Za-z._-]*)?"
    r"(@[0-9A-Za-z+._-]+:[0-9a-fA-F]+)?$"
)
"""A reference of an image. Source: https://pkg.go.dev/github.com/distribution/reference, its grammar (read 2026-11)."""


_HAS_SECRET = re.compile(r"^([a-z]+\+)?https?://[^/]*@|://[^/@]*:[^/@]*@")
"""An address with a user, who may be a token, or with a password; ``git+ssh://git@host`` has neither."""


class ImageOptions(Value):
    """How the image of a model is made."""

    base_image: str | None = Field(
        default=None,
        pattern=IMAGE_PATTERN,
        description="image to start from; it has a Python with venv and pip (default: python:<python_version>-slim)",
    )
    builder_image: str | None = Field(
        default=None,
        pattern=IMAGE_PATTERN,
        description="image of the build stage, for packages that need a compiler; "
        "its Python is at the base image's path "
        "(default: the base image)",
    )
    python_version: str | None = Field(
        default=None,
        pattern=r"^3\.\d+$",
        description="Python of the image, for example 3.12 (default: the one that saved the model)",
    )
    platform: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9_]+(/[a-z0-9._]+){1,2}$",
        description="platform of the image, for example linux/arm64 (default: the Engine's)",
    )
    packages: list[str] = Field(
        default=[], description="further packages, as pip takes them; one that the model has is replaced"
    )
    system_packages: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+(=[0-9A-Za-z.+:~-]+)?$")]] = Field(
        default=[],
        description="Debian packages to install beside those that the model needs, for example libgl1; "
        "the base image has apt-get",
    )
    pip_arguments: list[str] = Field(
        default=[],
        description="further arguments for pip install, for example --prefer-binary; without Docker those "
        "that say where packages are",
    )
    build_arguments: dict[str, str] = Field(
        default={}, description="build arguments: variables of the build stage, which are not in the final image"
    )
    pass_pip_environment: bool = Field(
        default=False,
        description="pass this command's PIP_* variables and proxies to the build stage; "
        "they are not in the final image, and count in any case where it is made without Docker",
    )
    ca_file: Path | None = Field(
        default=None, description="CA certificates (PEM) that are trusted where packages are from, for a proxy"
    )
    mlem_version: str | None = Field(
        default=None,
        pattern=r"^[0-9][0-9A-Za-z.!+_-]*$",
        description="published version of mlem-model and mlem-server to install (default: the ones installed here)",
    )
    resolution: str = Field(
        default="",
        pattern=r"^[0-9A-Za-z._-]*$",
        max_length=100,
        description="any word, such as a date: another one has the versions chosen again of packages that nothing "
        "pins; else they stay",
    )
    accept_version_differences: bool = Field(
        default=False,
        description="build even if the image gets another Python or other ABI-relevant packages "
        "than the model was saved with",
    )

    @field_validator("pip_arguments")
    @classmethod
    def _check_arguments(cls, arguments: list[str]) -> list[str]:
        wrong = next((argument for argument in arguments if not argument.isprintable()), None)
        if wrong is not None:
            raise ValueError(f"expected arguments of pip, each on one line; got {wrong!r}")
        return arguments

    @field_validator("packages")
    @classmethod
    def _check_packages(cls, packages: list[str]) -> list[str]:
        for package in packages:
            try:
                wanted = Requirement(package if package.isprintable() else "")
            except InvalidRequirement as error:
                raise ValueError(
                    f'expected a package as pip takes it, for example numpy==2.1.0; got "{package}"'
                ) from error
            if wanted.url and _HAS_SECRET.search(wanted.url):  # it would be in the declaration and in every state
                raise ValueError(
                    f"the address of {wanted.name} has a user or a password; that belongs into ~/.netrc, "
                    "or into what git knows"
                )
        return packages

    @field_validator("build_arguments")
    @classmethod
    def _check_names(cls, arguments: dict[str, str]) -> dict[str, str]:
        for name in arguments:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError(f'"{name}" is not a name for a variable')
        return arguments


class WheelsOptions(Value):
    """Wheels of the user's own."""

    wheels: Path | None = Field(default=None, description="folder with wheels of packages that no index has")

    @property
    def wheels_folder(self) -> Path | None:
        """Where they are; None for nowhere."""
        return self.declared_path(self.wheels) if self.wheels is not None else None


class AttachedOptions(Value):
    """What is kept beside an image in its registry; no part of what the image is."""

    sbom: bool = Field(
        default=True, description="keep a list of all that is in the image (SBOM, CycloneDX) beside it in the registry"
    )
    provenance: bool = Field(
        default=True, description="keep what the image was made from and by (in-toto, SLSA) beside it in the registry"
    )
    sign: Path | None = Field(
        default=None,
        description="key that signs the pushed image, as cosign generate-key-pair or openssl writes it (PEM, ECDSA "
        "P-256); its password is in COSIGN_PASSWORD",
    )

    @property
    def sign_path(self) -> Path | None:
        """Where the key is; None for no signature."""
        return self.declared_path(self.sign) if self.sign is not None else None


class BuildOptions(WheelsOptions, ImageOptions):
    """How the image of a deployment is made, and by what; what makes it is no part of what it is."""

    builder: str | None = Field(
        default=None,
        pattern=r"^[a-z][a-z0-9_-]*$",
        description="what makes the image: image, which needs no Docker, or engine, a Docker Engine, where something "
        "has to run in it (default: the setting core.images.builder, else image; on an Engine, what the image needs)",
    )


class PushedImageOptions(AttachedOptions, BuildOptions):
    """The same for a deployment whose image is in a platform's registry, with what may be beside it there."""
