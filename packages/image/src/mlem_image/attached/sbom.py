"""The SBOM of an image: all that is in its layers, as a document of CycloneDX.

Source: https://cyclonedx.org/docs/1.6/json/ (read 2026-11).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import is_expression, is_supported_id
from packageurl import PackageURL

from mlem_image.attached.artifact import Described
from mlem_image.attached.parts import Package, Parts
from mlem_image.images.image import CREATED

_OWN = "mlem:content_sha256"
_SYSTEMS = {"debian": "deb", "ubuntu": "deb", "alpine": "apk"}
"""The kind of the packages of a system, as package URLs have it."""


def sbom(parts: Parts, image: Described) -> bytes:
    """Return the SBOM of an image: the same bytes for the same image, by the same version of this package.

    It has the image's own time, and a serial number that is made from the image's digest.

    Args:
        parts: What is in it.
        image: The image.
    """
    whole = Component(
        type=ComponentType.CONTAINER,
        name="image",
        version=image.digest,
        bom_ref=f"image:{image.digest}",
        hashes=[_hash(image.digest.partition(":")[2])],
    )
    components = [*_model(parts), *map(_package, parts.packages), *_base(parts)]
    bom = Bom(
        components=components,
        serial_number=uuid.uuid5(uuid.NAMESPACE_OID, image.digest),
        metadata=BomMetaData(
            component=whole,
            timestamp=datetime.fromisoformat(CREATED).astimezone(UTC),
            tools=ToolRepository(
                components=[
                    Component(
                        type=ComponentType.APPLICATION,
                        name="mlem-image",
                        version=version("mlem-image"),
                        bom_ref="tool:mlem-image",
                    )
                ]
            ),
        ),
    )
    bom.register_dependency(whole, components)
    return JsonV1Dot6(bom).output_as_string(indent=2).encode()


def _model(parts: Parts) -> Iterator[Component]:
    digest = parts.plan.wanted.model.digest
    yield Component(type=ComponentType.MACHINE_LEARNING_MODEL, name="model", version=digest, bom_ref=f"model:{digest}")


def _package(package: Package) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        purl=PackageURL.from_string(package.purl),
        bom_ref=package.purl,
        hashes=[_hash(package.sha256)] if package.sha256 else [],
        licenses=list(_licences(package.licences)),
        properties=[Property(name=_OWN, value=package.content)] if package.content else [],
    )


def _base(parts: Parts) -> Iterator[Component]:
    """Yield the base image, and what is in it: the system, its packages, Python, and packages of that."""
    base, contents = parts.plan.base, parts.plan.contents
    yield Component(
        type=ComponentType.CONTAINER,
        name=base.name,
        version=base.digest,
        bom_ref=f"base:{base.digest}",
        hashes=[_hash(base.digest.partition(":")[2])],
    )
    system, _, release = contents.system.partition(" ")
    if system:
        yield Component(
            type=ComponentType.OPERATING_SYSTEM, name=system, version=release or None, bom_ref=f"system:{system}"
        )
    kind = _SYSTEMS.get(system, "deb" if contents.packages else "apk")
    distro = {"distro": f"{system}-{release}"} if release else {}
    for name, number, architecture in contents.installed:
        yield _found(PackageURL(kind, system or None, name, number, {"arch": architecture, **distro}))
    python = base.variables.get("PYTHON_VERSION", "")
    if python.startswith(f"{parts.plan.target.python}.") and len(python) < 20:
        yield _found(PackageURL("generic", name="python", version=python))
    for name, number in contents.distributions:
        yield _found(PackageURL("pypi", name=name, version=number), "base:")


def _found(purl: PackageURL, prefix: str = "") -> Component:
    where = [Property(name="mlem:layer", value="base image")]
    return Component(
        type=ComponentType.LIBRARY,
        name=purl.name,
        version=purl.version,
        purl=purl,
        bom_ref=f"{prefix}{purl.to_string()}",
        properties=where,
    )


def _licences(said: tuple[str, ...]) -> Iterator[DisjunctiveLicense | LicenseExpression]:
    for words in said:
        if is_supported_id(words):
            yield DisjunctiveLicense(id=words)
        elif len(said) == 1 and is_expression(words):
            yield LicenseExpression(words)
        else:
            yield DisjunctiveLicense(name=words)


def _hash(hexadecimal: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=hexadecimal)
