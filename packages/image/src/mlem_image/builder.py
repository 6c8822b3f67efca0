"""`ImageBuilder`: makes the image of a model without Docker, and pushes it to a registry or writes it to a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from mlem import Builder, ConflictError, Model
from mlem_image.recipes.options import IMAGE_PATTERN, AttachedOptions, ImageOptions, WheelsOptions

_UNNAMED = "model"
"""What an image is called that has no name in a registry."""


class ImageBuilder(AttachedOptions, WheelsOptions, ImageOptions, Builder):
    """Makes an image that serves a model: as a container, on Heroku and on SageMaker. It needs no Docker."""

    type: ClassVar[str] = "image"

    name: str | None = Field(
        default=None,
        pattern=IMAGE_PATTERN,
        description="name in a registry to push the image to, with its tag: registry.example.com/team/iris:1",
    )
    folder: Path | None = Field(default=None, description="folder to write the image to, as an OCI image layout")
    archive: Path | None = Field(default=None, description="file to write the image to, for docker load and others")
    check: str | None = Field(
        default=None,
        pattern=r"^sha256:[0-9a-f]{64}$",
        description="digest that the image has to have: nothing is pushed or written otherwise",
    )

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if self.name is None and self.folder is None and self.archive is None and self.check is None:
            raise ValueError("say where the image goes: --name, --folder or --archive, or --check its digest")
        if self.sign is not None and self.name is None:
            raise ValueError("a signature is pushed beside its image: --sign needs --name")
        return self

    def build(self, model: Model, report: Callable[[str], None]) -> Mapping[str, Any]:
        """Make the image.

        Returns:
            ``digest``, ``image_id``, ``size_bytes``, ``layers``, ``model_hash``; ``image`` where it was pushed, and
            ``sbom`` and ``provenance``, the digests of what was attached to it, and ``signature``, its name.

        Raises:
            ConflictError: It has another digest than ``check``, or the versions differ.
            CredentialsError: The key has another password, or the registry refuses.
            MlemError: A package has no wheel, or an index or a registry refuses.
        """
        from mlem_image.attached.attaching import documents, push_documents
        from mlem_image.cache.cache import Cache
        from mlem_image.images.labels import labels_of
        from mlem_image.images.making import make
        from mlem_image.images.plan import Plan, Wanted
        from mlem_image.recipes.recipe import Recipe
        from mlem_image.registry.connecting import connect
        from mlem_image.registry.reference import Reference
        from mlem_image.registry.repository import Repository
        from mlem_image.signing.key import Key
        from mlem_image.signing.signature import signed
        from mlem_image.targets.layout import write_archive, write_folder
        from mlem_image.targets.registry import push

        key = Key.of(self)  # before anything is made: a wrong password costs nothing
        recipe, cache = Recipe.of(self, model), Cache()
        with cache.used():
            plan = Plan.of(Wanted(recipe, self, model, labels_of(recipe, model)), cache, connect)
            image = make(plan, cache, report)
            if self.check is not None and self.check != image.digest:
                raise ConflictError(
                    f"the image has the digest {image.digest}, not {self.check}",
                    code="hashes-differ",
                    hint="packages, base image, mlem or the Python that compiles differ",
                )
            size_bytes = sum(layer.size_bytes for layer in image.all_layers)
            result = {
                "digest": image.digest,
                "image_id": image.config_digest,
                "size_bytes": size_bytes,
                "layers": len(image.all_layers),
                "model_hash": model.digest,
            }
            artifacts = documents(self, plan, image, cache, self._place) if self.name or self.folder else {}
            if self.name is not None:
                reference = Reference.parse(self.name)
                repository = Repository(connect(reference), reference.repository)
                push(image, cache, repository, reference.version, report)
                attached = push_documents(artifacts, repository, report)
                result |= {"image": self.name, **attached}
                if key is not None:
                    result["signature"] = signed(repository, [image.digest, *attached.values()], key)
            if self.folder is not None:
                write_folder(image, cache, self.declared_path(self.folder), self._shown, list(artifacts.values()))
            if self.archive is not None:
                write_archive(image, cache, self.declared_path(self.archive), self._shown)
        return result

    @property
    def _place(self) -> str:
        """The name of the image in its registry, without tag."""
        from mlem_image.registry.reference import Reference

        if self.name is None:
            return _UNNAMED
        reference = Reference.parse(self.name)
        return f"{reference.host}/{reference.repository}"

    @property
    def _shown(self) -> str:
        """The name of the image in a file."""
        return self.name or f"{_UNNAMED}:latest"
