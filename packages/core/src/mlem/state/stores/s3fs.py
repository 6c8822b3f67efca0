"""A register on S3 through s3fs: one object, changed by conditional requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlem.state.manager import ABSENT, Store, Versioned
from mlem.state.state import STATE_EXTENSION
from mlem.state.stores.fsspec_errors import translated
from mlem_model.errors import ConflictError


class S3fsStore(Store):
    """Keeps ``<name>.mlem.state``; its version is the ETag.

    s3fs repeats requests on its own, so that a refusal may be for a write of one's own that has landed: what uses this
    store has to look before it believes one.

    Args:
        fs: An ``s3fs.S3FileSystem``.
        base: Bucket and folder.
        url: The same as URL, for messages.
    """

    def __init__(self, fs: Any, base: str, url: str) -> None:
        self._fs = fs
        self._base = base.rstrip("/")
        self._url = url

    def where(self, name: str) -> str:
        """Return the URL of a name."""
        return f"{self._url}/{name}{STATE_EXTENSION}"

    def read(self, name: str) -> Versioned | None:
        """Read content and ETag with one request; see `Store.read`."""
        from fsspec.asyn import sync

        bucket, key, _ = self._fs.split_path(self._path(name))

        async def get() -> tuple[bytes, str]:
            answer = await self._fs._call_s3("get_object", Bucket=bucket, Key=key)
            async with answer["Body"] as body:
                return await body.read(), answer["ETag"]

        with translated(self.where(name), "read"):
            try:
                return Versioned(*sync(self._fs.loop, get))
            except FileNotFoundError:
                self._expect_bucket(bucket)
                return None

    def write(self, name: str, data: bytes, expect: str) -> str:
        """Write under a condition; see `Store.write`."""
        condition = {"IfNoneMatch": "*"} if expect == ABSENT else {"IfMatch": expect}
        with translated(self.where(name), "write"):
            try:
                answer = self._fs.pipe_file(self._path(name), data, **condition)
            except OSError as error:
                raise self._refused(name, error) from error
        return str(answer["ETag"])

    def delete(self, name: str, expect: str) -> None:
        """Delete under a condition; see `Store.delete`."""
        bucket, key, _ = self._fs.split_path(self._path(name))
        with translated(self.where(name), "delete"):
            try:
                self._fs.call_s3("delete_object", Bucket=bucket, Key=key, IfMatch=expect)
            except OSError as error:
                raise self._refused(name, error) from error

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with a prefix, sorted."""
        with translated(self._url, "list"):
            self._fs.invalidate_cache()
            paths = self._fs.find(self._base)
        names = (path[len(self._base) :].strip("/") for path in paths)
        yield from sorted(
            name.removesuffix(STATE_EXTENSION)
            for name in names
            if name.endswith(STATE_EXTENSION) and name.startswith(prefix)
        )

    def _refused(self, name: str, error: OSError) -> Exception:
        """Recognise a condition that did not hold; s3fs has no exception of its own for it."""
        answer = getattr(error.__cause__, "response", None) or {}
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        missing = status == 404 and answer.get("Error", {}).get("Code") == "NoSuchKey"  # If-Match of what is not there
        if isinstance(error, FileExistsError) or status == 412 or missing:
            return ConflictError(
                f"{self.where(name)} was changed by somebody else since it was read", hint="look at it, then run again"
            )
        return error

    def _expect_bucket(self, bucket: str) -> None:
        """Tell a bucket that is not there from a state that is not: both are 404."""
        self._fs.call_s3("head_bucket", Bucket=bucket)

    def _path(self, name: str) -> str:
        return f"{self._base}/{name}{STATE_EXTENSION}"
