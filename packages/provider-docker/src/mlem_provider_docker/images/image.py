"""Images on an Engine: built, adopted, pushed, pulled, removed.

Each with the labels that say what is in it and whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlem.provider import Owner, size_in_words
from mlem_image import BUILT, DEPLOYMENT_LABEL, LINEAGE_LABEL
from mlem_provider_docker.api.errors import translate
from mlem_provider_docker.images import dockerfile
from mlem_provider_docker.images.progress.layers import Layers
from mlem_provider_docker.images.promoted import names_for, promoted_to
from mlem_provider_docker.ownership import is_our_image, own_names

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine

Report = Callable[[str], None]


def owner(labels: Mapping[str, str] | None, *, made: bool) -> Owner:
    """Return whose an image or a container is.

    Args:
        labels: Its labels.
        made: Whether mlem made it: labels are inherited.
    """
    labels = labels or {}
    if labels.get(LINEAGE_LABEL) == BUILT:
        return Owner(BUILT, note="was made by mlem build")
    if LINEAGE_LABEL in labels and not made:
        return Owner(note="was made by hand from what mlem made")
    if LINEAGE_LABEL in labels:
        return Owner(labels[LINEAGE_LABEL], labels.get(DEPLOYMENT_LABEL))
    if "com.docker.compose.project" in labels:
        return Owner(note=f'belongs to the compose project "{labels["com.docker.compose.project"]}"')
    return Owner()


def expect_ours(found: Mapping[str, Any] | None, name: str, lineage: str) -> None:
    """Refuse to take the name of a stranger's image.

    Raises:
        ConflictError: An image with the name is somebody else's.
    """
    if found is None:
        return
    labels = found["Config"].get("Labels") or {}
    if names_for(found, labels, lineage):
        return
    made = is_our_image(labels, found.get("RepoTags"))
    hint = f"choose another name: --image_name; or take its name off: docker rmi {name}"
    owner(labels, made=made).expect(lineage, f"the image {name}", hint)


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
    size_bytes = (engine.image(name) or {}).get("Size")
    report(f"pushing {name}" + (f" ({size_in_words(size_bytes)})" if size_bytes else ""))
    return _transfer(engine.push(name, credentials), f"push {name}", report)


def pull(engine: Engine, name: str, report: Report) -> None:
    """Pull an image, with docker's own credentials; the arguments are those of `push`.

    Raises:
        NotFoundError: The registry does not have it.
    """
    report(f"pulling {name}")
    _transfer(engine.pull(name), f"pull {name}", report)


def _transfer(messages: Iterable[Mapping[str, Any]], what: str, report: Report) -> str | None:
    digest, layers = None, Layers(report)
    for message in messages:
        if "error" in message:
            raise translate(what, str(message["error"]).strip())
        aux = message.get("aux")
        if isinstance(aux, Mapping) and aux.get("Digest"):
            digest = str(aux["Digest"])
        layers.take(message)
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
    for found, names in promoted_to(engine, lineage):
        if not kept & set(names):
            stages.add((found.get("Labels") or {}).get(dockerfile.BUILDER_LABEL, ""))
            for name in names:
                engine.remove_image(name)
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
