"""`ImageBuild`: an image that is to be made; its build on an Engine, and what a failure of one means."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mlem import ConflictError, MlemError, Model, PlatformError
from mlem.provider import size_in_words
from mlem_image import ImageOptions, ModelImageRecord, Pins, Recipe, build_arguments, expect_versions, labels_of
from mlem_provider_docker.api.errors import translate
from mlem_provider_docker.images import context
from mlem_provider_docker.images.progress.build_log import BuildLog
from mlem_provider_docker.images.progress.layers import sending
from mlem_provider_docker.images.progress.words import numbered, words_of
from mlem_provider_docker.images.supplies import known_pins

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine

ATTEMPTS = 3
"""Builds, where other commands remove what they use."""
_EXIT_CODE = re.compile(r"returned a non-zero code: (\d+)")
_MISMATCH = re.compile(r"^mlem: the base image has Python.*$", re.MULTILINE)
_TAKEN_AWAY = re.compile(
    r"unable to find image .?sha256:|no such image: sha256:|layer does not exist|failed to get digest sha256:"
    r"|unknown parent image ID sha256:|parent snapshot \S+ does not exist",
    re.IGNORECASE,
)
"""What the Engine says when an image of its cache was removed under a build: Engine 20.10 as met beside ``docker rmi``
(moby's issue 39547), and with containerd's images as told of Engine 29 (ddev's issue 8136)."""
_REPLACED = re.compile(r"mlem: the index has another file of \S.* than it had when the model was saved")
_OTHER_FILE = re.compile(r"DO NOT MATCH THE HASHES.*?\n\s*(\S+)", re.DOTALL)
"""What pip says of a file that is not the one that was pinned, and the package that it is of."""
_NO_VERSION = re.compile(
    r"Could not find a version that satisfies the requirement (\S+)|No matching distribution found for (\S+)"
)

Report = Callable[[str], None]


@dataclass(frozen=True)
class ImageBuild:
    """An image that is to be made.

    Attributes:
        name: Its name with tag.
        recipe: What it is made from.
        options: Build arguments, the CA file and the platform.
        model: The model's metadata.
        labels: Its labels.
    """

    name: str
    recipe: Recipe
    options: ImageOptions
    model: Model
    labels: Mapping[str, str]

    @classmethod
    def of_deployment(cls, name: str, options: ImageOptions, model: Model, lineage: str, deployment: str) -> Self:
        """Return the image of a deployment.

        Args:
            name: Its name with tag.
            options: How it is made.
            model: What is in it.
            lineage: Whose it is.
            deployment: The deployment's name.
        """
        recipe = Recipe.of(options, model)
        return cls(name, recipe, options, model, labels_of(recipe, model, lineage, deployment, name))

    @classmethod
    def of_nobody(cls, name: str, options: ImageOptions, model: Model) -> Self:
        """Return an image that belongs to no deployment: ``mlem build`` makes it."""
        recipe = Recipe.of(options, model)
        return cls(name, recipe, options, model, labels_of(recipe, model))

    def expect_versions(self) -> None:
        """Check that the image would have the versions that the model was saved with, as far as they matter.

        Raises:
            ConflictError: They differ.
            PluginError: The model has code that the image's Python can't run.
        """
        expect_versions(self.recipe, self.options, self.model)


def build(
    engine: Engine,
    wanted: ImageBuild,
    report: Report,
    guard: Callable[[], None] = lambda: None,
    recorded: ModelImageRecord | None = None,
) -> None:
    """Build the image of a model.

    Args:
        engine: Where.
        wanted: The image.
        report: Called with lines of progress.
        guard: Called between steps; what it raises ends the build.
        recorded: The record of the deployment's last image: the packages that were chosen for it are taken again where
            they fit.

    Raises:
        ConflictError: The versions differ from those that the model was saved with.
        PluginError: The model has code that the image's Python can't run.
        PlatformError: The build failed; the message has the step and the last lines.
    """
    wanted.expect_versions()
    with tempfile.TemporaryDirectory(prefix="mlem-build-") as folder:
        pins = known_pins(engine, wanted.recipe, recorded)
        context.write(Path(folder), wanted, pins)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _build_once(engine, wanted, pins, Path(folder), report, guard)
                return
            except MlemError as error:
                if attempt == ATTEMPTS or not _TAKEN_AWAY.search(error.message):
                    raise
                report("another command removed a layer that this build used: building again")


def _build_once(
    engine: Engine, wanted: ImageBuild, pins: Pins | None, folder: Path, report: Report, guard: Callable[[], None]
) -> None:
    recipe = wanted.recipe
    settings: dict[str, Any] = {"buildargs": build_arguments(recipe, wanted.options, os.environ)}
    if recipe.platform:
        settings["platform"] = recipe.platform
    images = (recipe.builder_image, recipe.base_image)
    size_bytes = context.size_of(folder)
    report(f"sending the model and the server to the Engine ({size_in_words(size_bytes)})")
    messages = engine.build(context.stream(folder, sending(report, size_bytes)), wanted.name, images, **settings)
    log = _log(wanted, (folder / context.DOCKERFILE).read_text(encoding="utf-8"), pins, report)
    with closing(messages):  # type: ignore[type-var]  # a generator: closing it ends the build
        error = log.follow(messages, guard)
    if error is not None:
        raise _build_failed(wanted.name, log.step, log.words, log.lines, error)


def _log(wanted: ImageBuild, text: str, pins: Pins | None, report: Report) -> BuildLog:
    def steps(number: int | None) -> list[str]:
        return numbered(text, words_of(wanted.recipe, wanted.model, number))

    return BuildLog(steps(len(pins.lines) if pins is not None else None), report, steps)


def _build_failed(name: str, step: str, words: str, lines: Iterable[str], error: str) -> MlemError:
    """Say why a build failed: a cause that we know, else the step and its last lines."""
    kept = list(lines)
    shown = "".join(f"\n    | {line}" for line in kept)
    output = "\n".join(kept)
    mismatch = _MISMATCH.search(output)
    if mismatch:
        return ConflictError(
            mismatch[0].removeprefix("mlem: "),
            code="versions-differ",
            hint="another base image or --python_version; or accept it: --accept_version_differences",
        )
    # a command that failed says why in its output; what the Engine itself could not do is in the error
    exit_code = _EXIT_CODE.search(error)
    if exit_code is None:
        known = translate(f"build the image {name}, step {step} ({words})", error)
        if known.code not in ("platform", "refused"):
            return known
    if "No space left on device" in output:
        return translate(f"build the image {name}, step {step}", "no space left on device" + shown)
    other_file = _OTHER_FILE.search(output)
    if other_file:
        return ConflictError(
            f"the index has another file of {other_file[1]} than the one that was chosen for this deployment{shown}",
            code="hashes-differ",
            hint="find out who replaced it; with another resolution in the declaration, such as a date, "
            "packages are chosen again",
        )
    replaced = _REPLACED.search(output)
    if replaced:
        return ConflictError(
            replaced[0].removeprefix("mlem: "),
            code="hashes-differ",
            hint="find out who replaced it; save the model again if that is right",
        )
    missing = _NO_VERSION.search(output)
    if re.search(r"Failed to establish a new connection|name resolution|ProxyError|ConnectTimeout", output):
        hint = "the Engine's containers don't reach the package index; through a proxy? --pass_pip_environment"
    elif missing:
        hint = (
            f"no index has {missing[1] or missing[2]} for this Python; is it in your own index? --pass_pip_environment"
        )
    elif re.search(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed", output):
        hint = "a proxy with its own certificates? --ca_file FILE"
    elif re.search(r"Cannot find command '(git|hg|svn|bzr)'", output):
        hint = "a package comes from a repository: --builder_image with the program for it, for example python:3.11"
    elif re.search(r"gcc|error: command|Failed building wheel", output):
        hint = "a package has to be compiled: --builder_image with a compiler, for example python:3.11"
    elif "ResolutionImpossible" in output or "conflicting dependencies" in output:
        hint = "the versions that the model was saved with exclude each other, or those of mlem: see the lines above"
    else:
        hint = "the same by hand: mlem build docker_dir MODEL --target DIR && docker build DIR"
    why = f"exit code {exit_code[1]}" if exit_code else error
    return PlatformError(
        f"the build of the image {name} failed in step {step} ({words}): {why}{shown}",
        code="build-failed",
        hint=hint,
    )
