"""A deployment as a SageMaker endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from mlem import Context, Deployment, NotFoundError, Phase, Place, Status, Step
from mlem.provider import (
    BY_OTHERS,
    PROTECTION_FILES,
    TOKENS_VARIABLE,
    Adopted,
    Candidate,
    Translation,
    Unit,
    VariableError,
    served_by_others,
)
from mlem_image import PushedImageOptions
from mlem_provider_sagemaker.names import endpoint_name
from mlem_provider_sagemaker.records import EndpointRecord, ModelRecord, RepositoryRecord
from mlem_provider_sagemaker.serving_options import Autoscaling, DataCapture, Serverless, UpdatePolicy
from mlem_provider_sagemaker.steps.wanted_records import account_of

if TYPE_CHECKING:
    from mlem import Client, State
    from mlem_provider_sagemaker.env import SagemakerEnv

    SagemakerContext: TypeAlias = Context["SagemakerDeployment", SagemakerEnv]

_LONGEST_PAUSE_S = 90.0
_DEFAULT_INSTANCE_TYPE = "ml.m5.large"
_OF_SERVERS = (TOKENS_VARIABLE, *PROTECTION_FILES)


class SagemakerDeployment(PushedImageOptions, Deployment):
    """An endpoint of Amazon SageMaker, on instances or serverless, with an image that is built from the model."""

    type: ClassVar[str] = "sagemaker"
    env_type: ClassVar[str] = "sagemaker"
    capabilities: ClassVar[frozenset[str]] = frozenset({"adopt", "logs", "previous-logs", "recover", "rollback"})

    endpoint_name: str | None = Field(
        default=None,
        pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$",
        description="name of the endpoint (default: the deployment's name)",
    )
    instance_type: str | None = Field(
        default=None,
        pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$",
        description=f"type of the instances (default: {_DEFAULT_INSTANCE_TYPE}, or none if serverless)",
    )
    instance_count: Annotated[int, Field(ge=1)] = Field(
        default=1, description="number of instances; the initial number if they scale"
    )
    serverless: Serverless | None = Field(default=None, description="serve without instances")
    autoscaling: Autoscaling | None = Field(default=None, description="let the number of instances follow the calls")
    data_capture: DataCapture | None = Field(default=None, description="record calls on S3")
    update_policy: UpdatePolicy | None = Field(
        default=None, description="how an update replaces the instances (default: all at once)"
    )
    environment: dict[str, str] = Field(
        default={},
        description="variables of the container; SageMaker shows them to everybody who may describe the model, "
        "so do not put secrets here",
    )
    volume_gib: Annotated[int, Field(ge=1, le=512), Unit("GiB")] | None = Field(
        default=None, description="size of the volume of each instance (default: SageMaker's)"
    )
    startup_timeout_s: Annotated[int, Field(ge=60, le=3600), Unit("s")] | None = Field(
        default=None, description="time that a container has until it is healthy (default: SageMaker's)"
    )
    wire_format: Literal["json", "npy", "parquet"] = Field(
        default="json",
        description="how clients send a method's only argument, if its type has the format: "
        "npy for arrays, parquet for frames",
    )
    gate_timeout_s: Annotated[float, Field(gt=0, le=86400), Unit("s")] = Field(
        default=1800.0, description="how long a new release may take until it gives the right answer to the sample row"
    )
    poll_s: Annotated[float, Field(gt=0, le=60), Unit("s")] = Field(
        default=30.0,
        description="first pause between checks of the endpoint while it is made; doubled each time, up to 90 s",
    )

    @classmethod
    def translate_04(cls, fields: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
        """See `MlemObject.translate_04`: ``initial_instance_count`` has another name, other fields are left out."""
        from mlem_provider_sagemaker.legacy import translate_deployment

        return translate_deployment(fields, source, prefix)

    def words_04(self, old: Mapping[str, Any]) -> str:
        """See `Deployment.words_04`."""
        from mlem_provider_sagemaker.steps.adoption import words

        return words(old)

    def adopt_04(self, ctx: SagemakerContext, old: Mapping[str, Any]) -> Adopted:
        """See `Deployment.adopt_04`: the endpoint on record, with its configuration and model, which get our tags."""
        from mlem_provider_sagemaker.steps.adoption import adopt

        return adopt(ctx, old)

    def candidates(self, ctx: SagemakerContext, id_: str | None) -> Sequence[Candidate]:
        """See `Deployment.candidates`: the endpoint of this name, or of the deployment's."""
        from mlem_provider_sagemaker.steps.adoption import candidates

        return candidates(ctx, id_ or endpoint_name(self.endpoint_name, ctx.name))

    def adopt(self, ctx: SagemakerContext, id_: str) -> Adopted:
        """See `Deployment.adopt`: an endpoint, with its configuration and model, which get our tags."""
        from mlem_provider_sagemaker.steps.adoption import adopt

        return adopt(ctx, {"endpoint_name": id_}, BY_OTHERS)

    @field_validator("environment")
    @classmethod
    def _check_variables(cls, environment: dict[str, str]) -> dict[str, str]:
        # Source: API reference, SageMaker runtime, "InvokeEndpoint": calls are signed, and no header reaches the
        # container but a few of SageMaker's own;
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html (read 2026-11)
        given = next((name for name in _OF_SERVERS if name in environment), None)
        if given is not None:
            raise VariableError(
                f"{given}: an endpoint's callers sign with their AWS credentials, "
                "and can send neither a token nor TLS to a container",
                "leave it out, and let IAM say who may call: sagemaker:InvokeEndpoint",
            )
        return environment

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.serverless is not None:
            given = [
                name
                for name in ("instance_type", "autoscaling", "data_capture", "update_policy", "volume_gib")
                if getattr(self, name)
            ]
            if given:  # Source: developer guide, "Serverless Inference", "Feature exclusions" (read 2026-11)
                raise ValueError(f"a serverless endpoint has no {given[0]}")
        return self

    @property
    def on_instances(self) -> str | None:
        """The type of the instances; None when it is serverless."""
        return None if self.serverless else self.instance_type or _DEFAULT_INSTANCE_TYPE

    def pauses(self) -> Iterator[float]:
        """Yield growing pauses: an endpoint takes minutes, and AWS limits the number of calls."""
        pause_s = self.poll_s
        while True:
            yield pause_s
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def steps(self, ctx: SagemakerContext) -> Sequence[Step[SagemakerDeployment, SagemakerEnv, Any]]:
        """Return the repository, the image, the model, its configuration, the endpoint, and how it scales."""
        from mlem_provider_sagemaker.steps.all import steps

        return steps()

    def place(self, ctx: SagemakerContext) -> Place | None:
        """Return the AWS account that the credentials are of, in the region on record, else the env's."""
        account = account_of(
            ctx, ctx.record_of(RepositoryRecord) or ctx.record_of(ModelRecord) or ctx.record_of(EndpointRecord)
        )
        number = account.identity["Account"]
        return Place(id=f"aws {number} {account.region}", words=f"the AWS account {number} in {account.region}")

    def status(self, ctx: SagemakerContext, state: State) -> Status:
        """Describe the endpoint."""
        from mlem_provider_sagemaker.api import hosting

        record = state.record_of(EndpointRecord)
        if record is None:
            return Status(Phase.STOPPED, "no endpoint was made")
        return hosting.status(account_of(ctx, record).just_seen(record.endpoint), record)

    def client(self, ctx: SagemakerContext, state: State) -> Client:
        """Return a client through SageMaker's runtime; where the model is at hand, only its answers count."""
        from mlem_provider_sagemaker.client import SagemakerClient

        record = _endpoint(ctx, state)
        if record.adopted:
            raise served_by_others(ctx.name, record.adopted)
        client = SagemakerClient(
            endpoint_name=record.endpoint, region=record.region, profile=ctx.env.profile, wire_format=self.wire_format
        )
        if ctx.model is not None:
            from mlem import Interface

            client.expect(Interface.of(ctx.model))
        return client

    def logs(self, ctx: SagemakerContext, state: State, *, follow: bool, tail: int | None) -> Iterator[str]:
        """Yield what the containers wrote, from CloudWatch Logs."""
        from mlem_provider_sagemaker.api import logs

        record = _endpoint(ctx, state)
        return logs.lines(account_of(ctx, record), record.endpoint, follow=follow, tail=tail)

    def previous_logs(self, ctx: SagemakerContext, state: State) -> Iterator[str]:
        """Yield what the instances of earlier releases wrote, from CloudWatch Logs."""
        from datetime import datetime

        from mlem_provider_sagemaker.api import logs

        record = _endpoint(ctx, state)
        if len(state.releases) > 1:
            released = datetime.fromisoformat(state.releases[1].created)
            lines = list(logs.previous(account_of(ctx, record), record.endpoint, record.config, released))
            if lines:
                return iter(lines)
        raise NotFoundError(
            "nothing is kept of instances before the present release: this is the first, or its logs are deleted",
            code="no-previous-log",
        )


def _endpoint(ctx: SagemakerContext, state: State) -> EndpointRecord:
    record = state.record_of(EndpointRecord)
    if record is None:
        raise NotFoundError(
            f'"{ctx.name}" has no endpoint', code="not-deployed", hint=f"mlem deployment run --load {ctx.name}"
        )
    return record
