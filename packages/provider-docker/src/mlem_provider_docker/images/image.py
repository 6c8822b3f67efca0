"""Images on an Engine: built, adopted, pushed, pulled, removed.

Each with the labels that say what is in it and whose it is.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlem import ConflictError, MlemError, Model, PlatformError
from mlem_provider_docker.api.errors import translate
from mlem_provider_docker.images import context, dockerfile, versions, wheels
from mlem_provider_docker.images.options import ImageOptions
from mlem_provider_docker.images.recipe import Recipe, arguments
from mlem_provider_docker.images.supplies import known_pins
from mlem_provider_docker.ownership import IMAGE_LABEL, LINEAGE_LABEL, is_our_image, own_names
from mlem_provider_docker.records import ImageRecord, PushedImageRecord

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine

MODEL_LABEL = "mlem.model_hash"
RECIPE_LABEL = "mlem.recipe"
VERSIONS_LABEL = "mlem.versions"
DEPLOYMENT_LABEL = "mlem.deployment"
BUILT = "build"
"""The lineage of an image that belongs to no deployment: ``mlem build`` made it."""

LAST_LINES = 15
ATTEMPTS = 3
"""Builds, where other commands remove what they use."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_EXIT_CODE = re.compile(r"returned a non-zero code: (\d+)")
_STEP = re.compile(r"^Step (\d+)/(\d+) : (.*)", re.DOTALL)
_MISMATCH = re.compile(r"^mlem: the base image has Python.*$", re.MULTILINE)
_TAKEN_AWAY = re.compile(
    r"unable to find image .?sha256:|no such image: sha256:|layer does not exist|failed to get digest sha256:|failed to set parent sha256:",
    re.IGNORECASE,
)
"""What the Engine says when an image of its cache was removed under a build."""
_OTHER_FILE = re.compile(r"DO NOT MATCH THE HASHES.*?\n\s*(\S+)", re.DOTALL)
"""What pip says of a file that is not the one that was pinned, and the package that it is of."""
_NO_VERSION = re.compile(
    r"Could not find a version that satisfies the requirement (\S+)|No matching distribution found for (\S+)"
)

Report = Callable[[str], None]


def labels_of(recipe: Recipe, model: Model, lineage: str, deployment: str, name: str | None) -> dict[str, str]:
    """Return the labels of a final image.

    Args:
        recipe: What it is made from.
        model: What is in it.
        lineage: Whose it is.
        deployment: The deployment's name.
        name: The name that it gets, with tag; None where somebody else gives it one.
    """
    return {
        **({IMAGE_LABEL: name} if name else {}),
        MODEL_LABEL: model.digest,
        RECIPE_LABEL: recipe.digest,
        VERSIONS_LABEL: f"mlem {recipe.server}" if recipe.published else wheels.versions(recipe.distributions),
        DEPLOYMENT_LABEL: deployment,
        LINEAGE_LABEL: lineage,
    }


def tag_of(recipe: Recipe, model: Model, lineage: str) -> str:
    """Return the tag of a deployment's image.

    It says what is in it and whose it is, so that it is never another one.
    """
    identity = hashlib.sha256(f"{recipe.digest}/{lineage}".encode()).hexdigest()
    return f"{model.digest[:12]}-{identity[:12]}"


def owner(labels: Mapping[str, str] | None, *, made: bool) -> str:
    """Say whose an image or a container is.

    Args:
        labels: Its labels.
        made: Whether mlem made it: labels are inherited.
    """
    labels = labels or {}
    if labels.get(LINEAGE_LABEL) == BUILT:
        return "was made by mlem build"
    if LINEAGE_LABEL in labels and not made:
        return "was made by hand from what mlem made"
    if LINEAGE_LABEL in labels:
        return (
            f'belongs to the mlem deployment "{labels.get(DEPLOYMENT_LABEL, "?")}" of lineage {labels[LINEAGE_LABEL]}'
        )
    if "com.docker.compose.project" in labels:
        return f'belongs to the compose project "{labels["com.docker.compose.project"]}"'
    return "was not made by mlem"


def expect_ours(found: Mapping[str, Any] | None, name: str, lineage: str) -> None:
    """Refuse to take the name of a stranger's image.

    Raises:
        ConflictError: An image with the name is somebody else's.
    """
    if found is None:
        return
    labels = found["Config"].get("Labels") or {}
    made = is_our_image(labels, found.get("RepoTags"))
    if labels.get(LINEAGE_LABEL) != lineage or not (made or lineage == BUILT):
        raise ConflictError(
            f"the image {name} is there already, and {owner(labels, made=made)}",
            code="not-ours",
            hint="choose another name: --image_name; or take its name off: docker rmi " + name,
        )


def expect_versions(recipe: Recipe, options: ImageOptions, model: Model) -> None:
    """Check that an image would have the versions that a model was saved with, as far as they matter.

    Raises:
        ConflictError: They differ.
        PluginError: The model has code that the image's Python can't run.
    """
    if options.accept_version_differences:
        versions.expect_python(model, recipe.python)
    else:
        versions.check(model, recipe.python, options.packages)


def build(
    engine: Engine,
    name: str,
    recipe: Recipe,
    options: ImageOptions,
    labels: Mapping[str, str],
    model: Model,
    model_location: str,
    report: Report,
    guard: Callable[[], None] = lambda: None,
    recorded: ImageRecord | PushedImageRecord | None = None,
) -> None:
    """Build the image of a model.

    Args:
        engine: Where.
        name: Its name with tag.
        recipe: What it is made from.
        options: Build arguments and platform.
        labels: Its labels.
        model: The model's metadata.
        model_location: Path or URL of the model's ``.mlem`` file.
        report: Called with lines of progress.
        guard: Called between steps; what it raises ends the build.
        recorded: The record of the deployment's last image: the packages that were chosen for it are taken again where
            they fit.

    Raises:
        ConflictError: The versions differ from those that the model was saved with.
        PluginError: The model has code that the image's Python can't run.
        PlatformError: The build failed; the message has the step and the last lines.
    """
    expect_versions(recipe, options, model)
    with tempfile.TemporaryDirectory(prefix="mlem-build-") as folder:
        path = Path(folder)
        context.write(path, recipe, options, labels, model, model_location, known_pins(engine, recipe, recorded))
        settings: dict[str, Any] = {"buildargs": arguments(recipe, options, os.environ)}
        if recipe.platform:
            settings["platform"] = recipe.platform
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _build_once(engine, name, path, (recipe.builder_image, recipe.base_image), settings, report, guard)
                return
            except MlemError as error:
                if attempt == ATTEMPTS or not _TAKEN_AWAY.search(error.message):
                    raise
                report("another command removed a layer that this build used: building again")


def _build_once(
    engine: Engine,
    name: str,
    folder: Path,
    images: Sequence[str],
    settings: Mapping[str, Any],
    report: Report,
    guard: Callable[[], None],
) -> None:
    messages = engine.build(context.stream(folder), name, images, **settings)
    with closing(messages):  # type: ignore[type-var]  # a generator: closing it ends the build
        _follow(messages, name, report, guard)


def _follow(messages: Iterable[Mapping[str, Any]], name: str, report: Report, guard: Callable[[], None]) -> None:
    step, command, lines = "", "", deque[str](maxlen=LAST_LINES)
    for message in messages:
        if "error" in message:
            raise _build_failed(name, step, command, lines, str(message["error"]).strip())
        text = _COLOURS.sub("", str(message.get("stream") or ""))
        found = _STEP.match(text)
        if found:
            guard()
            step, command = f"{found[1]}/{found[2]}", " ".join(found[3].split())
            lines.clear()
            if command.startswith(("FROM", "RUN", "COPY")):
                report(f"step {step}: {command[:100]}")
            continue
        for line in text.splitlines():
            if line.strip():
                lines.append(line.rstrip())
                if line.lstrip().startswith(("Collecting ", "Installing collected")):
                    report(f"  {line.strip()[:100]}")
        if message.get("status") and not message.get("progress"):
            report(f"  {message.get('id', '')} {message['status']}".rstrip())


def _build_failed(name: str, step: str, command: str, lines: Iterable[str], error: str) -> MlemError:
    """Say why a build failed: a cause that we know, else the step and its last lines."""
    kept = [
        line
        for line in lines
        if line.strip() and not line.lstrip().startswith(("--->", "Removing intermediate container"))
    ]
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
        known = translate(f"build the image {name}, step {step} ({command})", error)
        if known.code not in ("platform", "refused"):
            return known
    if "No space left on device" in output:
        return translate(f"build the image {name}, step {step}", "no space left on device" + shown)
    other_file = _OTHER_FILE.search(output)
    if other_file:
        return ConflictError(
            f"the index has another file of {other_file[1]} than the one that was chosen for this deployment{shown}",
            code="hashes-differ",
            hint="find out who replaced it; with another resolution in the declaration, such as a date, packages are chosen again",
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
        f"the build of the image {name} failed in step {step} ({command[:120]}): {why}{shown}",
        code="build-failed",
        hint=hint,
    )


def push(engine: Engine, name: str, report: Report, credentials: Mapping[str, str] | None = None) -> str | None:
    """Push an image.

    Args:
        engine: Where it is.
        name: The image, with registry and tag.
        report: Called with lines of progress.
        credentials: ``username`` and ``password``; docker's own configuration and credential helpers when None.

    Returns:
        Its digest in the registry; None when the registry did not say.

    Raises:
        CredentialsError: The registry refuses.
        PlatformError: It does not answer.
    """
    report(f"pushing {name}")
    return _transfer(engine.push(name, credentials), f"push {name}", "pushed", report)


def pull(engine: Engine, name: str, report: Report, credentials: Mapping[str, str] | None = None) -> None:
    """Pull an image; the arguments are those of `push`.

    Raises:
        NotFoundError: The registry does not have it.
    """
    report(f"pulling {name}")
    _transfer(engine.pull(name, credentials), f"pull {name}", "pulled", report)


def _transfer(messages: Iterable[Mapping[str, Any]], what: str, done: str, report: Report) -> str | None:
    digest, layers = None, dict[str, bool]()
    for message in messages:
        if "error" in message:
            raise translate(what, str(message["error"]).strip())
        aux = message.get("aux")
        if isinstance(aux, Mapping) and aux.get("Digest"):
            digest = str(aux["Digest"])
        status, layer = str(message.get("status", "")), message.get("id")
        if layer is None or message.get("progress"):
            continue
        finished = status.startswith(("Pushed", "Layer already exists", "Mounted", "Pull complete", "Already exists"))
        if finished and not layers.get(layer):
            layers[layer] = True
            report(f"  {done} {sum(layers.values())} of {len(layers)} layers")
        else:
            layers.setdefault(layer, finished)
    return digest


def made_for(engine: Engine, lineage: str) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """Yield the images that were made for a deployment, each with the names that it got from us.

    Others inherit their labels.
    """
    for found in engine.images(f"{LINEAGE_LABEL}={lineage}"):
        names = own_names(found.get("Labels") or {}, found.get("RepoTags"))
        if names:
            yield found, names


def remove_old(engine: Engine, lineage: str, keep: Iterable[str], nameless: Iterable[str] = ()) -> None:
    """Remove a deployment's images but some, and the build stages that no image needs any more.

    Args:
        engine: Where.
        lineage: Whose.
        keep: Names of images that stay.
        nameless: Ids of images that are known to be the deployment's, and go when somebody took their names.
    """
    kept = set(keep)
    stages = set()
    for found, names in made_for(engine, lineage):
        if kept & set(names):
            continue
        stages.add((found.get("Labels") or {}).get(dockerfile.BUILDER_LABEL, ""))
        for name in names:
            engine.remove_image(name)
    for id_ in nameless:
        there = engine.image(id_)
        if there is not None and not there.get("RepoTags"):
            stages.add((there["Config"].get("Labels") or {}).get(dockerfile.BUILDER_LABEL, ""))
            engine.remove_image(id_)
    _remove_stages(engine, stages - {""})


def _remove_stages(engine: Engine, digests: Iterable[str]) -> None:
    for digest in digests:
        label = f"{dockerfile.BUILDER_LABEL}={digest}"
        used = {_stage(found) for found in engine.images(label, dangling=False)}
        for found in engine.images(label, dangling=True):
            if _stage(found) not in used and LINEAGE_LABEL not in (
                found.get("Labels") or {}
            ):  # else somebody's copy of a container
                engine.remove_image(found["Id"])


def _stage(image: Mapping[str, Any]) -> tuple[str | None, str | None]:
    labels = image.get("Labels") or {}
    return labels.get(dockerfile.BUILDER_LABEL), labels.get(dockerfile.SERVER_LABEL)
