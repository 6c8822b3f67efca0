"""`CallerLimit`: how many calls of one caller may be on their way at the same time."""

from __future__ import annotations

import hashlib
import os

from mlem_server.edge.proxies import Proxies
from mlem_server.http.errors import HttpError
from mlem_server.http.request import Request

_KEY = os.urandom(32)


class CallerLimit:
    """The calls of each caller.

    A caller is whoever has a token; where none are asked for, it is an address, behind trusted proxies the one that
    they name. Tokens are kept as digests that only this process can compare.

    Args:
        most: The most calls of one caller; 0 for no limit.
        proxies: Who calls, where there are no tokens.
    """

    def __init__(self, most: int, proxies: Proxies) -> None:
        self._most = most
        self._proxies = proxies
        self._calls: dict[bytes, int] = {}

    def begin(self, request: Request, *, by_token: bool) -> None:
        """Count a call until `end`.

        Args:
            request: The call.
            by_token: Whether its token was checked.

        Raises:
            HttpError: 429 where the caller has as many calls on their way as it may.
        """
        if not self._most:
            return
        said = request.headers.get(b"authorization", b"") if by_token else self._proxies.caller(request).encode()
        caller = hashlib.blake2b(said, key=_KEY, digest_size=16).digest()
        calls = self._calls.get(caller, 0)
        if calls >= self._most:
            raise HttpError(
                429,
                "too-many-calls",
                f"{calls} calls of this caller are on their way already, as many as one may have",
                hint="wait for an answer before the next call",
                headers={"retry-after": "1"},
            )
        self._calls[caller] = calls + 1
        request.caller = caller

    def end(self, request: Request) -> None:
        """Note that a call is over; doing so again does no harm."""
        caller, request.caller = request.caller, None
        if caller is not None:
            left = self._calls[caller] - 1
            if left:
                self._calls[caller] = left
            else:
                del self._calls[caller]
