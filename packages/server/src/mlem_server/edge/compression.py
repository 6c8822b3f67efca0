"""`Compression`: bodies of requests are unpacked, and answers packed, as their caller says.

Sources: RFC 9110, sections 8.4 (Content-Encoding) and 12.5.3 (Accept-Encoding), https://www.rfc-editor.org/rfc/rfc9110;
RFC 8878 (zstd), section 3.1.1.1.2 for the window; read 2026-11.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from functools import cache
from typing import Any

from mlem_model.data.types.stopping import go_on
from mlem_server.http.errors import HttpError, too_large
from mlem_server.http.negotiation import preferred
from mlem_server.http.response import Response

GZIP, ZSTD = "gzip", "zstd"
_SMALLEST_BYTES = 4096
"""What is smaller fits in a few packets anyway."""
_TEXT = re.compile(rb"text/|application/(json|x-ndjson|jsonlines|[\w.+-]+\+json|javascript)")
_PIECE_BYTES = 1 << 20
_PART_BYTES = 1 << 16
_MOST_MEMBERS, _MEMBER_BYTES = 16, 1024
"""A body may have several members, one after the other, but not a great many that are nearly empty."""
_WINDOW_LOG = 23
"""Windows up to 8 MiB, which RFC 8878 recommends as the most that a decoder should support."""
_LEVEL = 1
"""The quickest: callers wait for it."""


def codings() -> tuple[str, ...]:
    """The content codings that this server reads and writes."""
    return (ZSTD, GZIP) if _zstd() is not None else (GZIP,)


def coding_of(header: bytes | None) -> str:
    """Return the coding of a body by its header ``Content-Encoding``; empty for a body as it is.

    Raises:
        HttpError: 415 for another one, or for several.
    """
    name = (header or b"").strip().lower().decode("latin-1").removeprefix("x-")
    if name in ("", "identity"):
        return ""
    if name in codings():
        return name
    known = ", ".join(codings())
    hint = (
        "install zstd for it: pip install 'mlem-server[zstd]'" if name == ZSTD else f"send it as it is, or in {known}"
    )
    raise HttpError(
        415,
        "bad-content-encoding",
        f"the content encoding {name[:80]!r} is not accepted",
        hint=hint,
        known=[*codings(), "identity"],
        headers={"accept-encoding": known},
    )


def unpacked(body: bytes | bytearray, coding: str, max_bytes: int) -> bytearray:
    """Unpack a body; at most a piece more than the limit is unpacked.

    Args:
        body: The whole body.
        coding: One of `codings`.
        max_bytes: The most that it may become.

    Raises:
        StoppedError: Nobody waits for it any more.
        HttpError: 400 damaged or cut off; 413 it becomes too large.
    """
    result, start, members = bytearray(), 0, 0
    try:
        while start < len(body) or not members:
            members += 1
            if members > _MOST_MEMBERS + len(body) // _MEMBER_BYTES:
                raise HttpError(400, "bad-encoding", f"the body has too many members of {coding}")
            member = _Member(coding)
            while not member.ended:
                go_on()
                part = body[start : start + _PART_BYTES] if member.hungry else b""
                start += len(part)
                piece = member.unpack(bytes(part))
                result += piece
                if len(result) > max_bytes:
                    raise too_large(max_bytes)
                if not part and not piece:
                    raise HttpError(400, "bad-encoding", f"the body in {coding} is cut off", hint="send all of it")
            start -= member.unused
    except (zlib.error, ValueError) as error:
        raise _damaged(coding, error) from error
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise _damaged(coding, error) from error
    return result


def packs(response: Response, accept: bytes) -> str:
    """Return the coding that an answer should be packed in; empty for none.

    Args:
        response: The answer.
        accept: The request's header ``Accept-Encoding``.
    """
    if len(response.body) < _SMALLEST_BYTES or response.stream is not None or not _TEXT.match(response.content_type):
        return ""
    found = preferred(accept, ("identity", *codings()), "identity")
    return "" if found == "identity" else found


def packed(response: Response, coding: str) -> Response:
    """Return an answer packed in a coding."""
    vary = ", ".join(filter(None, (response.headers.get("vary"), "accept-encoding")))
    headers = {**response.headers, "content-encoding": coding, "vary": vary}
    return replace(response, body=_pack(response.body, coding), headers=headers)


def _damaged(coding: str, error: Exception) -> HttpError:
    return HttpError(400, "bad-encoding", f"the body is not {coding}: {str(error)[:200]}")


@cache
def _zstd() -> Any:
    """Return the module that reads and writes zstd; None where there is none."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14
    except ImportError:
        try:
            from backports import zstd  # type: ignore[import-not-found,no-redef,unused-ignore]  # an extra
        except ImportError:
            return None
    return zstd


def _pack(body: bytes, coding: str) -> bytes:
    if coding == ZSTD:
        return bytes(_zstd().compress(body, level=_LEVEL))
    return zlib.compress(body, _LEVEL, wbits=31)


class _Member:
    """Unpacks one member of a body, a piece at a time.

    Attributes:
        hungry: Whether it needs more of the body.
    """

    def __init__(self, coding: str) -> None:
        self.hungry = True
        self._gzip = zlib.decompressobj(31) if coding == GZIP else None
        self._zstd: Any = None
        if self._gzip is None:
            zstd = _zstd()
            self._zstd = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})

    def unpack(self, part: bytes) -> bytes:
        """Unpack what comes next, at most a piece of it."""
        if self._gzip is None:
            piece = bytes(self._zstd.decompress(part, _PIECE_BYTES))
            self.hungry = bool(self._zstd.needs_input)
            return piece
        piece = self._gzip.decompress(self._gzip.unconsumed_tail + part, _PIECE_BYTES)
        self.hungry = len(piece) < _PIECE_BYTES and not self._gzip.unconsumed_tail
        return piece

    @property
    def ended(self) -> bool:
        """Whether all of it is unpacked."""
        return bool((self._gzip or self._zstd).eof)

    @property
    def unused(self) -> int:
        """How many of the bytes that it got come after it."""
        return len((self._gzip or self._zstd).unused_data)
