"""The state manager's fields: where the bucket is, and how to talk to its server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mlem import DeclarationError, Store
from mlem.provider import LeasedStateManager, Translation, Unit


class S3StateManager(LeasedStateManager):
    """S3, or a server with S3's conditional writes. Credentials come from boto3's own chain."""

    type: ClassVar[str] = "s3"

    endpoint_url: str | None = Field(
        default=None, description="server, where it is not AWS (boto3 also reads AWS_ENDPOINT_URL_S3)"
    )
    region: str | None = Field(default=None, description="region of the bucket (default: boto3's own)")
    profile: str | None = Field(default=None, description="profile in ~/.aws/config (default: boto3's own)")
    path_style: bool | None = Field(
        default=None,
        description="address the bucket in the path instead of the host name (default: where there is an endpoint_url)",
    )
    sse: Literal["AES256", "aws:kms"] | None = Field(
        default=None, description="encryption at rest (default: the bucket's own)"
    )
    kms_key_id: str | None = Field(default=None, description="KMS key, with sse: aws:kms (default: the account's)")
    connect_timeout_s: Annotated[float, Field(gt=0), Unit("s")] = Field(default=5.0, description="time to connect")
    read_timeout_s: Annotated[float, Field(gt=0), Unit("s")] = Field(default=15.0, description="time for an answer")
    bare_etags: bool = Field(
        default=False, description="send ETags without quotes, as some servers want; config set finds out"
    )
    conditional_delete: bool = Field(
        default=True,
        description="the server honours If-Match on DELETE; without it an erased state stays; config set finds out",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        bucket = self.uri.removeprefix("s3://").partition("/")[0]
        if not self.uri.startswith("s3://") or not bucket:
            raise DeclarationError(f"{self.uri} is not s3://bucket/path", hint="for example s3://bucket/path")
        return self

    def open_store(self, root: Path) -> Store:
        """Return the bucket as a store; see `LeasedStateManager.open_store`."""
        from mlem_state_s3.store import FOLDER, S3Store

        bucket, _, path = self.uri.removeprefix("s3://").partition("/")
        prefix = f"{path.strip('/')}/{FOLDER}/".lstrip("/")
        store: Store = S3Store(self, bucket, prefix)
        if self.conditional_delete:
            return store
        from mlem.provider import ErasingStore

        return ErasingStore(store)

    @classmethod
    def translate_04(cls, fields: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
        """See `StateManager.translate_04`: MLEM 0.4 had options of s3fs."""
        from mlem_state_s3.legacy import translate

        found = super().translate_04(fields, source, prefix)
        return translate(found)

    def read_04(self, root: Path, name: str) -> bytes | None:
        """See `StateManager.read_04`."""
        from mlem_state_s3.legacy import OldStates

        return OldStates(self).read(name)

    def set_aside_04(self, root: Path, name: str) -> str:
        """See `StateManager.set_aside_04`."""
        from mlem_state_s3.legacy import OldStates

        return OldStates(self).set_aside(name)

    def variants(self) -> list[Self]:
        """Return the ways in which servers differ, the most common first: the probe finds out which one is right."""
        if self.model_fields_set & {"bare_etags", "conditional_delete"}:
            return [self]
        return [
            self.model_copy(update={"bare_etags": bare, "conditional_delete": conditional})
            for conditional in (True, False)
            for bare in (False, True)
        ]
