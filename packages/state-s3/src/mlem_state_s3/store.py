"""A bucket as a store: one object for each name, changed by conditional requests."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlem import ABSENT, ConflictError, NotFoundError, Store, Versioned
from mlem.provider import STATE_EXTENSION
from mlem_state_s3.errors import no_s3

if TYPE_CHECKING:
    from mlem_state_s3.state_manager import S3StateManager

FOLDER = ".mlem.state"
"""What comes between the path of a URI and the name of a state."""


class S3Store(Store):
    """Sends each request once; the version of an object is its ETag.

    Args:
        manager: How to talk to the server.
        bucket: The bucket.
        prefix: What every key begins with, with its slash.
    """

    def __init__(self, manager: S3StateManager, bucket: str, prefix: str) -> None:
        self._manager = manager
        self._bucket = bucket
        self._prefix = prefix

    def where(self, name: str) -> str:
        """Return the URL of a name."""
        return f"s3://{self._bucket}/{self._key(name)}"

    def read(self, name: str) -> Versioned | None:
        """Get the object; see `Store.read`."""
        try:
            answer = self._call("get_object", name, "read", {})
        except NotFoundError as error:
            if error.code == "no-object":
                return None
            raise
        return Versioned(answer["Body"], _version(answer, self.where(name), "read"))

    def write(self, name: str, data: bytes, expect: str) -> str:
        """Put the object under a condition; see `Store.write`."""
        arguments: dict[str, Any] = {
            "Body": data,
            "ContentType": "application/yaml",
            # The only check of integrity in transit that every server knows.
            "ContentMD5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
        }
        if self._manager.sse is not None:
            arguments["ServerSideEncryption"] = self._manager.sse
        if self._manager.kms_key_id is not None:
            arguments["SSEKMSKeyId"] = self._manager.kms_key_id
        answer = self._call("put_object", name, "write", {**arguments, **self._condition(expect)}, changes=True)
        return _version(answer, self.where(name), "write")

    def delete(self, name: str, expect: str) -> None:
        """Delete the object under a condition; see `Store.delete`."""
        self._call("delete_object", name, "delete", self._condition(expect), changes=True)

    def discard(self, name: str) -> None:
        """Delete the object, whatever it is; see `Store.discard`."""
        self._call("delete_object", name, "delete", {})

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with a prefix, sorted."""
        found: list[str] = []
        token: dict[str, str] = {}
        while True:
            arguments = {"Bucket": self._bucket, "Prefix": f"{self._prefix}{prefix}", **token}
            answer = self._send("list_objects_v2", f"s3://{self._bucket}/{self._prefix}", "list", arguments)
            keys = [item["Key"][len(self._prefix) :] for item in answer.get("Contents", [])]
            found += [key.removesuffix(STATE_EXTENSION) for key in keys if key.endswith(STATE_EXTENSION)]
            if not answer.get("IsTruncated"):
                break
            token = {"ContinuationToken": answer["NextContinuationToken"]}
        yield from sorted(found)

    def _condition(self, expect: str) -> dict[str, str]:
        if expect == ABSENT:
            return {"IfNoneMatch": "*"}
        return {"IfMatch": expect if self._manager.bare_etags else f'"{expect}"'}

    def _call(self, operation: str, name: str, action: str, arguments: dict[str, Any], *, changes: bool = False) -> Any:
        try:
            return self._send(
                operation, self.where(name), action, {"Bucket": self._bucket, "Key": self._key(name), **arguments}
            )
        except NotFoundError as error:
            if changes and error.code == "no-object":  # S3's answer to If-Match where nothing is
                raise ConflictError(
                    f"{self.where(name)} was deleted by somebody else", hint="look at it, then run again"
                ) from error
            raise

    def _send(self, operation: str, where: str, action: str, arguments: dict[str, Any]) -> Any:
        from mlem_state_s3 import sdk  # late: importing boto3 takes longer than most commands

        return sdk.call(self.client, operation, where, action, arguments)

    @functools.cached_property
    def client(self) -> Any:
        """The boto3 client."""
        from mlem_state_s3 import sdk

        return sdk.make_client(self._manager)

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}{STATE_EXTENSION}"


def _version(answer: Any, where: str, action: str) -> str:
    if not answer.get("ETag"):
        raise no_s3(where, action)
    return str(answer["ETag"]).strip('"')
