"""Documents beside an image in a registry: found by whoever asks, in registries old and new, whatever others do."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from mlem import ConflictError, MlemError
from mlem_image.attached.artifact import Artifact, Described
from mlem_image.attached.referrers import attach
from mlem_image.backends.backend import Order
from mlem_image.backends.own import OwnBackend
from mlem_image.builder import ImageBuilder
from mlem_image.recipes.engine_address import EngineAddress
from mlem_image.recipes.options import PushedImageOptions
from mlem_image.registry.repository import INDEX, MANIFEST, Repository

Repositories = Callable[..., Repository]


def document(words: str, subject: str) -> Artifact:
    return Artifact("application/vnd.example+json", json.dumps(words).encode(), subject_of(subject))


def subject_of(words: str) -> Described:
    return Described.of(MANIFEST, words.encode())


def listed(repository: Repository, subject: Described) -> list[Any]:
    _, kind, index = repository.manifest(subject.digest.replace(":", "-"), "list")
    assert kind == INDEX
    return list(index["manifests"])


def test_a_registry_without_a_list_of_its_own_gets_one_under_a_tag(through: Repositories) -> None:
    repository, one, two = through(), document("one", "s"), document("two", "s")
    attach([one, two], repository)
    assert listed(repository, one.subject) == [one.described, two.described]
    attach([two, document("three", "s")], repository)
    assert listed(repository, one.subject) == [one.described, two.described, document("three", "s").described]
    _, _, manifest = repository.manifest(one.digest, "one")
    assert (manifest["subject"], manifest["artifactType"]) == (one.subject.data, one.kind)
    assert repository.read(manifest["layers"][0]["digest"], 100) == b'"one"'


def test_what_is_listed_is_not_sent_again(through: Repositories, proxy: Any) -> None:
    repository, one = through(), document("one", "s")
    attach([one], repository)
    proxy.seen.clear()
    attach([one], repository)
    assert [seen.path.rpartition("/")[2] for seen in proxy.of("PUT")] == [one.digest]
    assert proxy.of("PATCH") == []


def test_a_registry_that_lists_by_itself_gets_no_tag(through: Repositories, proxy: Any, answering: Any) -> None:
    def rules(seen: Any) -> Any:
        if seen.method == "PUT" and "/manifests/sha256:" in seen.path:
            return answering(status=201, headers={"OCI-Subject": subject_of("s").digest})
        return None

    proxy.rules = rules
    attach([document("one", "s")], through())
    assert [seen.path for seen in proxy.seen if "/manifests/sha256-" in seen.path] == []


def test_somebody_who_writes_the_list_at_the_same_time_takes_nothing_from_it(
    through: Repositories, proxy: Any, push_registry: str
) -> None:
    """The other one has read the list before ours came, and writes it after."""
    repository, ours, theirs = through(), document("ours", "s"), document("theirs", "s")
    attach([theirs], repository)
    tag = ours.subject.digest.replace(":", "-")
    old = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [theirs.described]}).encode()
    reads: list[str] = []

    def rules(seen: Any) -> None:
        if seen.method == "GET" and seen.path.endswith(tag):
            reads.append(seen.path)
            if len(reads) == 2:
                repository.push_manifest(tag, INDEX, old)

    proxy.rules = rules
    attach([ours], repository)
    assert listed(repository, ours.subject) == [theirs.described, ours.described]


def test_what_is_no_list_is_left_alone(through: Repositories) -> None:
    repository, one = through(), document("one", "s")
    config = b"{}"
    digest = Described.of("", config).digest
    repository.push(digest, len(config), lambda offset: io.BytesIO(config[offset:]), lambda _bytes: None)
    other = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": Described.of("application/vnd.oci.image.config.v1+json", config).data,
        "layers": [],
    }
    tag = one.subject.digest.replace(":", "-")
    repository.push_manifest(tag, MANIFEST, json.dumps(other).encode())
    with pytest.raises(ConflictError, match="is no list"):
        attach([one], repository)
    assert repository.manifest(tag, "other")[2] == other


@pytest.fixture
def refusing(proxy: Any, answering: Any) -> str:
    """A name in a registry that takes no manifest that has a subject."""

    def rules(seen: Any) -> Any:
        if seen.method == "PUT" and "/manifests/sha256" in seen.path:
            body = json.dumps({"errors": [{"code": "MANIFEST_INVALID", "message": "no artifacts here"}]}).encode()
            return answering(status=400, body=body)
        return None

    proxy.rules = rules
    return f"{proxy.host}/mlem-test/refusing"


def test_an_image_is_pushed_to_a_registry_that_takes_no_documents(doubles: Any, base: str, refusing: str) -> None:
    lines: list[str] = []
    made = ImageBuilder(name=f"{refusing}:1", base_image=base).build(doubles, lines.append)
    assert (made["image"], "sbom" in made, "provenance" in made) == (f"{refusing}:1", False, False)
    assert "without its SBOM and provenance" in lines[-1]
    assert "no artifacts here" in lines[-1]


def pushed(options: PushedImageOptions, doubles: Any, name: str, report: Callable[[str], None]) -> str:
    def fits(platform: str, layers: int) -> None:
        assert (platform, layers > 1) == ("linux/amd64", True)

    order = Order(options, doubles, "l1n", "app", EngineAddress(), report, lambda: None)
    return str(OwnBackend().push(order, name, None, fits)["digest"])


def test_a_deployments_image_has_its_documents_too(doubles: Any, base: str, proxy: Any, through: Repositories) -> None:
    repository = through()
    digest = pushed(
        PushedImageOptions(base_image=base), doubles, f"{proxy.host}/{repository.name}:1", lambda _line: None
    )
    subject = repository.manifest("1", "image")
    assert subject[0] == digest
    for found in listed(repository, Described(subject[1], digest, 0)):
        manifest = repository.manifest(found["digest"], "document")[2]
        assert manifest["subject"]["digest"] == digest
        assert manifest["subject"]["mediaType"] == subject[1]
        [layer] = manifest["layers"]
        text = repository.read(layer["digest"], 2**20).decode()
        assert digest.partition(":")[2] in text
        if found["artifactType"] == "application/vnd.in-toto+json":
            assert json.loads(text)["subject"][0]["name"] == f"{proxy.host}/{repository.name}"


def test_a_deployment_whose_registry_takes_no_documents_goes_on(doubles: Any, base: str, refusing: str) -> None:
    lines: list[str] = []
    assert pushed(PushedImageOptions(base_image=base), doubles, f"{refusing}:2", lines.append).startswith("sha256:")
    assert "without its SBOM and provenance" in lines[-1]


def test_a_run_that_lost_its_lock_attaches_nothing(doubles: Any, base: str, proxy: Any, through: Repositories) -> None:
    repository, lost = through(), False

    def guard() -> None:
        if lost:
            raise MlemError("lost")

    def rules(seen: Any) -> None:
        nonlocal lost
        lost = lost or (seen.method == "PUT" and seen.path.endswith("/manifests/1"))

    proxy.rules = rules
    order = Order(
        PushedImageOptions(base_image=base), doubles, "l1n", "app", EngineAddress(), lambda _line: None, guard
    )
    with pytest.raises(MlemError, match="lost"):
        OwnBackend().push(order, f"{proxy.host}/{repository.name}:1", None, lambda _platform, _layers: None)
    assert proxy.of("PUT", "/manifests/sha256") == []
