"""Errors that the server answers with: a status, and a JSON body that says what, where and what to do.

===================================  ======  ======================================================================
code                                 status  the caller's next step
===================================  ======  ======================================================================
bad-http, bad-host, repeated-header  400     send a head as RFC 9112 has it
bad-json                             400     send JSON
bad-timeout                          400     send seconds above 0 as ``X-Request-Timeout``
bad-csv, bad-encoding, empty-data    400     send CSV in the form that the header says
bad-body                             400     send tensors whose sizes are those that they say
unauthorized                         401     send ``Authorization: Bearer TOKEN``
not-found, unknown-method            404     use one of the ``known`` paths or methods
method-not-allowed                   405     use a method in ``Allow``
head-timeout, body-timeout           408     send the request faster
length-required                      411     send ``Content-Length``, or a chunked body
body-too-large, too-many-values      413     send less at once
unfolds-too-large                    413     send less at once; a table in Parquet or Arrow is larger than its body
target-too-long                      414     send a shorter path and query
bad-content-type                     415     send ``Content-Type: application/json``
bad-content-encoding                 415     send the body as it is, or in a coding of ``Accept-Encoding``
unknown-expectation                  417     leave ``Expect`` out, or send ``100-continue``
bad-data, bad-arguments              422     correct the data at ``path``
bad-body, bad-format                 422     send what the content type says, and whole
model-refused                        422     correct the data as the model says
too-many-calls                       429     wait for an answer before the next call
head-too-large, too-many-headers     431     send fewer and shorter headers, and no trailers
model-failed, defect                 500     look at the server's log, under the request's id
unknown-transfer-coding              501     send the body as it is, or in chunks
not-implemented                      501     do not send CONNECT: this is not a proxy
overloaded, not-ready, model-busy    503     repeat after ``Retry-After`` seconds
too-many-connections                 503     the same, on another connection
timed-out, model-hangs, stopping     503     the same; the model may have seen the call
deadline-passed                      504     give the call more time; the model may have seen it
bad-http-version                     505     speak HTTP/1.1
===================================  ======  ======================================================================

``not-accepted`` appears only in the metrics: the system had no room for a connection, so nobody could be answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlem_model.errors import DataError, MlemError, UserError


class HttpError(MlemError):
    """A request that is answered with an error.

    Args:
        status: The HTTP status.
        code: A kebab-case identifier, stable across versions.
        message: What is wrong, and where; never a detail of the model's code or of the server's disk.
        hint: What the caller can do.
        known: The values that would have been accepted.
        headers: Further headers of the answer.
        details: Further members of the error's JSON: ``path``, ``expected``, ``got``.
    """

    default_code = "http"

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        known: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, known=known, code=code)
        self.status = status
        self.headers = dict(headers or {})
        self.details = dict(details or {})

    def body(self) -> dict[str, Any]:
        """Return the JSON body: ``{"error": {"code", "message", ...}}``; members without a value are left out."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, **self.details}
        if self.hint:
            error["hint"] = self.hint
        if self.known:
            error["known"] = list(self.known)
        return {"error": error}


_STATUS = {"unknown-method": 404, "unfolds-too-large": 413}


def refusal(error: MlemError) -> HttpError:
    """Translate what the core says about a caller's data into an answer.

    Args:
        error: An error of binding or decoding arguments.
    """
    if isinstance(error, HttpError):
        return error
    details = {"path": error.path, "expected": error.expected, "got": error.got} if isinstance(error, DataError) else {}
    status = _STATUS.get(error.code, 422)
    code = error.code if isinstance(error, UserError) else "bad-data"
    return HttpError(status, code, error.message, hint=error.hint, known=error.known, details=details)


def too_large(max_bytes: int) -> HttpError:
    """Return the refusal of a body over the limit."""
    return HttpError(
        413,
        "body-too-large",
        f"the body is larger than {max_bytes / 2**20:g} MiB",
        hint="send fewer rows at once",
        details={"max_bytes": max_bytes},
    )


def overloaded() -> HttpError:
    """Return the refusal of a call for which there is no room."""
    return HttpError(
        503,
        "overloaded",
        "too many calls are waiting for the model",
        hint="repeat the call later",
        headers={"retry-after": "1"},
    )


def too_many() -> HttpError:
    """Return the refusal of a connection for which there is no room."""
    return HttpError(503, "too-many-connections", "too many callers are connected", headers={"retry-after": "1"})


def unavailable(code: str, reason: str) -> HttpError:
    """Return the refusal of a call that the server can't answer now.

    Args:
        code: The error's code.
        reason: Why.
    """
    return HttpError(503, code, reason, headers={"retry-after": "1"})
