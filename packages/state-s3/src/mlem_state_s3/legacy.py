"""What MLEM 0.4 kept on S3, through s3fs.

Its options, and its states at ``<uri>/.mlem.state/<name>``, without an extension.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlem import NotFoundError
from mlem.provider import Lost, Translation, suffixes_04
from mlem_state_s3.errors import no_s3

if TYPE_CHECKING:
    from mlem_state_s3.state_manager import S3StateManager

_SECRETS = ("key", "secret", "token", "username", "password")
_SAME = ("endpoint_url", "profile")


def translate(found: Translation) -> Translation:
    """Turn the options of s3fs into fields; credentials are left out.

    Args:
        found: The fields as they are otherwise, with ``storage_options`` or without.
    """
    fields, lost = dict(found.fields), list(found.lost)
    options = fields.pop("storage_options", None)
    if not isinstance(options, Mapping):
        return found
    client = options.get("client_kwargs")
    inner = client if isinstance(client, Mapping) else {}
    known = {
        **{key: options[key] for key in _SAME if key in options},
        **{key: inner[key] for key in _SAME if key in inner},
    }
    if inner.get("region_name"):
        known["region"] = inner["region_name"]
    for key in options:
        if key in _SECRETS:
            lost.append(
                Lost(
                    f"storage_options.{key}",
                    "credentials are not kept in files",
                    "export AWS_PROFILE=... or AWS_ACCESS_KEY_ID=...",
                )
            )
        elif key not in (*_SAME, "client_kwargs"):
            lost.append(Lost(f"storage_options.{key}"))
    lost += [Lost(f"storage_options.client_kwargs.{key}") for key in inner if key not in (*_SAME, "region_name")]
    return Translation({**known, **fields}, tuple(lost))


class OldStates:
    """The states of MLEM 0.4 in a bucket.

    Args:
        manager: Where it is, and how to talk to its server.
    """

    def __init__(self, manager: S3StateManager) -> None:
        from mlem_state_s3.sdk import make_client
        from mlem_state_s3.store import FOLDER

        bucket, _, path = manager.uri.removeprefix("s3://").partition("/")
        self._bucket, self._prefix = bucket, f"{path.strip('/')}/{FOLDER}/".lstrip("/")
        self._client = make_client(manager)

    def read(self, name: str) -> bytes | None:
        """Return a state; None when there is none.

        Raises:
            StateUnknownError: What answers is not S3.
        """
        try:
            answer = self._call("get_object", name, "read", Key=f"{self._prefix}{name}")
        except NotFoundError as error:
            if error.code != "no-object":
                raise
            return None
        if not answer.get("ETag"):
            raise no_s3(f"s3://{self._bucket}/{self._prefix}{name}", "read")
        return bytes(answer["Body"])

    def set_aside(self, name: str) -> str:
        """Rename a state; return where it is."""
        key = f"{self._prefix}{name}"
        aside = next(f"{name}{suffix}" for suffix in suffixes_04() if self.read(f"{name}{suffix}") is None)
        self._call(
            "put_object", aside, "write", Key=f"{self._prefix}{aside}", Body=self.read(name) or b"", IfNoneMatch="*"
        )
        self._call("delete_object", name, "delete", Key=key)
        return f"s3://{self._bucket}/{self._prefix}{aside}"

    def _call(self, operation: str, name: str, action: str, **arguments: Any) -> Mapping[str, Any]:
        from mlem_state_s3.sdk import call

        return call(
            self._client,
            operation,
            f"s3://{self._bucket}/{self._prefix}{name}",
            action,
            {"Bucket": self._bucket, **arguments},
        )
