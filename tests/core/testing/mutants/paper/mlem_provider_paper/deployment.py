"""The provider: an image that is never changed, a service that is, and a client."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from mlem import (
    Builder,
    Change,
    Client,
    Context,
    CredentialsError,
    Deployment,
    Env,
    Model,
    NotFoundError,
    Phase,
    Place,
    PlatformError,
    Record,
    State,
    Status,
    Step,
)
from mlem.provider import (
    TOKENS_VARIABLE,
    Candidate,
    Owner,
    copy_model,
    differences,
    passed_tokens,
    protection,
    seen_protection,
)
from mlem_model.serving.interface import Interface
from mlem_provider_paper.platform import KEY, Paper, expect_service

TOKEN = "MLEM_TOKEN"  # a variable's name


class PaperEnv(Env):
    """The platform."""

    type: ClassVar[str] = "paper"
    deployment_type: ClassVar[str] = "paper_service"
    secret_variables: ClassVar[tuple[str, ...]] = (KEY,)

    region: str = Field(default="here", description="where services are")


class ImageRecord(Record):
    """The files of a model."""

    step: ClassVar[str] = "image"

    model_hash: str | None = None
    image: str | None = None


class ServiceRecord(Record):
    """What serves."""

    step: ClassVar[str] = "service"

    name: str = ""
    model_hash: str | None = None
    image: str | None = None
    size: int = 1
    passed: dict[str, str] = {}
    tokens: str | None = None
    tls: str | None = None
    maintenance: bool = False
    id: str = ""
    starts: int = 0
    note: str = ""


def slug(name: str, lineage: str) -> str:
    """Return a name that the platform takes, and that no other deployment has."""
    return f"{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')[:20]}-{lineage[:12]}"


class ImageStep(Step["PaperService", PaperEnv, ImageRecord]):
    """The image: made once, never changed."""

    record = ImageRecord

    def wanted(self, ctx: Context) -> ImageRecord:
        digest = ctx.model.digest if ctx.model else None
        return ImageRecord(model_hash=digest, image=f"{ctx.lineage}-{digest[:12]}" if digest else None)

    def observe(self, ctx: Context, recorded: ImageRecord) -> ImageRecord | None:
        paper = Paper()
        paper.id()
        return recorded if recorded.image in paper.images_of(ctx.lineage) else None

    def apply(self, ctx: Context, wanted: ImageRecord, recorded: ImageRecord | None) -> ImageRecord:
        if ctx.model is not None:
            Paper().id()
            copy_model(ctx.model, Paper().images / str(wanted.image))
        return wanted

    def remove(self, ctx: Context, recorded: ImageRecord | None) -> None:
        for image in Paper().images_of(ctx.lineage):
            Paper().delete_image(image)

    def prune(self, ctx: Context, keep: Sequence[ImageRecord]) -> None:
        for image in {*Paper().images_of(ctx.lineage)} - {record.image for record in keep}:
            Paper().delete_image(image)


class ServiceStep(Step["PaperService", PaperEnv, ServiceRecord]):
    """The service: changed in place."""

    record = ServiceRecord

    def wanted(self, ctx: Context) -> ServiceRecord:
        image = ImageStep().wanted(ctx)
        return ServiceRecord(
            name=ctx.deployment.service_name or slug(ctx.name, ctx.lineage),
            model_hash=image.model_hash,
            image=image.image,
            size=ctx.deployment.size,
            passed={name: _digest(name, ctx.lineage) for name in ctx.deployment.pass_environment},
            maintenance=False,
            **protection({}),
        )

    def found(self, ctx: Context, name: str) -> dict[str, Any] | None:
        """Return the service of a name, which has to be ours."""
        found = Paper().get(name)
        if found is not None:
            self.expect_ours(ctx, found)
        return found

    def expect_ours(self, ctx: Context, found: Mapping[str, Any]) -> None:
        Owner(found["lineage"] or None).expect(ctx.lineage, f"the service {found['name']}", "choose another name")

    def observe(self, ctx: Context, recorded: ServiceRecord) -> ServiceRecord | None:
        found = Paper().get(recorded.name)
        if found is None or found["lineage"] != ctx.lineage or found["id"] != recorded.id or not found["running"]:
            return None if found is None or not found["over"] else recorded
        seen = seen_protection(recorded, found["variables"])
        return recorded.changed(maintenance=found["maintenance"], size=found["size"], image=found["image"], **seen)

    def change(self, recorded: ServiceRecord, wanted: ServiceRecord) -> Change:
        return Change(self.name, "update", differences(recorded, wanted), "some seconds")

    def check(self, ctx: Context, wanted: ServiceRecord, recorded: ServiceRecord | None) -> None:
        self.found(ctx, wanted.name)

    def apply(self, ctx: Context, wanted: ServiceRecord, recorded: ServiceRecord | None) -> ServiceRecord:
        ctx.report(f"starting {wanted.name}")
        variables = {name: os.environ.get(name, "") for name in wanted.passed} | passed_tokens(wanted)
        self.found(ctx, wanted.name)
        for other in Paper().services(ctx.lineage):
            if other["name"] != wanted.name:
                Paper().delete(other["name"])
        made = Paper().start(
            wanted.name,
            lineage=ctx.lineage,
            image=wanted.image,
            size=wanted.size,
            variables=variables,
            maintenance=False,
            expires=None,
        )
        return wanted.changed(id=made["id"], starts=(recorded.starts if recorded else 0) + 1)

    def restart(self, ctx: Context, recorded: ServiceRecord) -> ServiceRecord | None:
        if Paper().get(recorded.name) is None:
            return None
        variables = {name: os.environ.get(name, "") for name in recorded.passed} | passed_tokens(recorded)
        Paper().start(recorded.name, variables=variables)
        return recorded.changed(starts=recorded.starts + 1)

    def remove(self, ctx: Context, recorded: ServiceRecord | None) -> None:
        for found in Paper().services(ctx.lineage):
            Paper().delete(found["name"])


def _digest(name: str, lineage: str) -> str:
    return hashlib.sha256(f"{lineage} {os.environ.get(name, '')}".encode()).hexdigest()


class PaperService(Deployment):
    """A service on the platform."""

    type: ClassVar[str] = "paper_service"
    env_type: ClassVar[str] = "paper"
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"logs", "previous-logs", "rollback", "restart", "maintenance", "ttl", "recover", "address"}
    )

    service_name: str | None = Field(default=None, description="name of the service (default: made of the name)")
    size: int = Field(default=1, description="how many servers")
    pass_environment: list[str] = Field(default=[], description="variables that the service gets")

    def steps(self, ctx: Context) -> Sequence[Step]:
        return [ImageStep(), ServiceStep()]

    def place(self, ctx: Context) -> Place | None:
        home = Paper().id()
        return Place(id=home, words=f"the platform in {home}")

    def _recorded(self, state: State) -> ServiceRecord:
        found = state.record_of(ServiceRecord)
        if found is None:
            raise NotFoundError("nothing was started", code="not-deployed")
        return found

    def status(self, ctx: Context, state: State) -> Status:
        record = state.record_of(ServiceRecord)
        found = Paper().get(record.name) if record else None
        if found is None:
            return Status(Phase.CRASHED, "the service is gone")
        if found["over"]:
            return Status(Phase.STOPPED, "it has expired")
        if found["maintenance"]:
            return Status(Phase.STOPPED, "in maintenance")
        return Status(Phase.RUNNING) if found["running"] else Status(Phase.CRASHED, "the service has died")

    def logs(self, ctx: Context, state: State, *, follow: bool, tail: int | None) -> Iterator[str]:
        name, shown = self._recorded(state).name, 0
        lines = expect_service(Paper(), name)["log"]
        shown = len(lines)
        yield from lines if tail is None else lines[max(shown - tail, 0) :]
        while follow and (found := Paper().get(name)):
            yield from found["log"][shown:]
            shown = len(found["log"])
            time.sleep(0.02)

    def previous_logs(self, ctx: Context, state: State) -> Iterator[str]:
        lines = expect_service(Paper(), self._recorded(state).name)["previous"]
        if not lines:
            raise NotFoundError("nothing ran before", code="no-previous-log")
        return iter(lines)

    def maintenance(self, ctx: Context, state: State, *, on: bool | None = None) -> bool:
        name = self._recorded(state).name
        if on is not None:
            Paper().put(name, maintenance=on)
        return bool(expect_service(Paper(), name)["maintenance"])

    def expire(self, ctx: Context, state: State, at: str | None) -> None:
        Paper().put(self._recorded(state).name, expires=at)

    def address(self, ctx: Context, state: State) -> str | None:
        record = state.record_of(ServiceRecord)
        return f"https://{record.name}.paper.invalid" if record else None

    def candidates(self, ctx: Context, id_: str | None) -> Sequence[Candidate]:
        paper, found = Paper(), []
        names = [path.stem for path in (paper.home / "services").glob("*.json")]
        for service in filter(None, map(paper.get, names)):
            ours = ctx.deployment.service_name in (None, service["name"]) if id_ is None else False
            if ours or id_ in (service["name"], service["id"]):
                owner = Owner(service["lineage"] or None)
                found.append(Candidate(service["id"], f"the service {service['name']}", owner))
        return found

    def client(self, ctx: Context, state: State) -> Client:
        return PaperClient(service=self._recorded(state).name)


@functools.cache
def _loaded(path: str) -> tuple[Any, Any]:
    from mlem.api.objects import with_object

    return with_object(path, None, served=True)


class PaperClient(Client):
    """Calls a service: it computes here what the platform would there."""

    type: ClassVar[str] = "paper"

    service: str = Field(description="the service")

    def loaded(self) -> tuple[Any, Any]:
        found = expect_service(Paper(), self.service)
        if not found["running"] or found["maintenance"]:
            raise PlatformError(f"{self.service} does not answer")
        tokens = found["variables"].get(TOKENS_VARIABLE)
        if tokens and os.environ.get(TOKEN) not in tokens.split(","):
            raise CredentialsError(f"{self.service} asks for a token", hint=f"export {TOKEN}=...")
        if not (Paper().images / found["image"]).exists():
            raise PlatformError(f"{self.service} has no image")
        return _loaded(str(Paper().images / found["image"] / "model"))

    def fetch_interface(self) -> Interface:
        return Interface.of(self.loaded()[0])

    def call_encoded(self, method: str, payload: Mapping[str, Any]) -> Any:
        model, obj = self.loaded()
        described = model.methods[method]
        return described.returns.encode(described.call(obj, described.decode_args(dict(payload))))


class PaperBuilder(Builder):
    """Copies a model into a folder."""

    type: ClassVar[str] = "paper_bundle"

    target: Path = Field(description="the folder to make")

    def build(self, model: Model, report: Any) -> Mapping[str, Any]:
        made = copy_model(model, self.target)
        return {"folder": str(self.target), "model_hash": made.digest}
