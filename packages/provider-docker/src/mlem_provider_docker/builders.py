"""The builders of this provider: an image, and a folder to build one from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from mlem import Builder, Model
from mlem.provider import Translation
from mlem_image import ImageOptions
from mlem_provider_docker.env import DockerEnv
from mlem_provider_docker.names import reference


class DockerBuilder(ImageOptions, Builder):
    """Builds an image that serves a model: as a container, on Heroku and on SageMaker."""

    type: ClassVar[str] = "docker"

    image_name: str = Field(description="name of the image, without tag")
    tag: str = Field(default="latest", description="tag of the image")
    env: DockerEnv = Field(default_factory=DockerEnv, description="the Engine that builds, and the registry to push to")
    push: bool = Field(default=True, description="push the image where the env has a registry")

    @classmethod
    def translate_04(cls, fields: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
        """See `MlemObject.translate_04`: ``image`` and ``args``."""
        from mlem_provider_docker.legacy import translate_builder

        return translate_builder(fields, source, prefix)

    @property
    def reference(self) -> str:
        """The image's whole name."""
        return reference(self.image_name, self.tag, self.env.registry)

    def build(self, model: Model, report: Callable[[str], None]) -> Mapping[str, Any]:
        """Build the image, and push it where there is a registry.

        Returns:
            ``image``, ``image_id``, ``size_bytes``, ``model_hash``; ``digest`` where it was pushed.

        Raises:
            ConflictError: An image of this name was not made by ``mlem build``; the versions differ.
            PlatformError: The build failed.
        """
        from mlem_image import BUILT
        from mlem_provider_docker.api.sdk import connect
        from mlem_provider_docker.images import image
        from mlem_provider_docker.images.build import ImageBuild, build

        engine = connect(self.env.endpoint())
        image.expect_ours(engine.image(self.reference), self.reference, BUILT)
        build(engine, ImageBuild.of_nobody(self.reference, self, model), report)
        made = engine.image(self.reference) or {}
        result = {
            "image": self.reference,
            "image_id": made.get("Id"),
            "size_bytes": made.get("Size"),
            "model_hash": model.digest,
        }
        if self.push and self.env.registry is not None:
            result["digest"] = image.push(engine, self.reference, report)
        return result


class DockerDirBuilder(ImageOptions, Builder):
    """Writes a folder with a Dockerfile and all it needs.

    `docker build` makes of it what the builder `docker` makes.
    """

    type: ClassVar[str] = "docker_dir"

    target: Path = Field(description="folder to write; it is empty, or an earlier one of these")

    @classmethod
    def translate_04(cls, fields: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
        """See `MlemObject.translate_04`: ``args``."""
        from mlem_provider_docker.legacy import translate_builder

        return translate_builder(fields, source, prefix)

    def build(self, model: Model, report: Callable[[str], None]) -> Mapping[str, Any]:
        """Write the folder.

        Returns:
            ``folder``, ``model_hash``.

        Raises:
            ConflictError: The folder has other files; the versions differ.
            PluginError: The model has code that the image's Python can't run.
        """
        from mlem_provider_docker.images import context
        from mlem_provider_docker.images.build import ImageBuild

        wanted = ImageBuild.of_nobody("", self, model)
        wanted.expect_versions()
        context.write(self.target, wanted)
        report(f"wrote {self.target}")
        return {"folder": str(self.target), "model_hash": model.digest}
