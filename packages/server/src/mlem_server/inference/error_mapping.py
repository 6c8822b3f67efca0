"""`ErrorMapping`: the answer to each error, and what is counted and logged."""

from __future__ import annotations

import logging

from mlem_model.errors import MlemError
from mlem_server.http.errors import HttpError, refusal
from mlem_server.http.request import Request
from mlem_server.http.response import Response, error_response
from mlem_server.inference.errors import ModelFailedError
from mlem_server.inference.model_errors import ModelRefusedError
from mlem_server.telemetry.metrics import Metrics

log = logging.getLogger("mlem.server")


class ErrorMapping:
    """Turns errors into answers.

    Args:
        metrics: Where refusals are counted.
        hide_model_errors: Whether the model's own words are hidden from callers.
    """

    def __init__(self, metrics: Metrics, *, hide_model_errors: bool) -> None:
        self._metrics = metrics
        self._hide_model_errors = hide_model_errors

    def refused(self, error: HttpError) -> Response:
        """Count a refusal, and return the answer."""
        self._metrics.rejected(error.code)
        return error_response(error)

    def response_to(self, request: Request, error: BaseException) -> Response:
        """Turn an exception into an answer; the log gets what a caller must not see."""
        if isinstance(error, MlemError):
            return self.refused(refusal(error))
        if isinstance(error, ModelRefusedError):
            log.warning("request %s: %s refused the data", request.id, error, exc_info=error.__cause__)
            return self.refused(error.refusal(request.id, hidden=self._hide_model_errors))
        if isinstance(error, ModelFailedError):
            log.error("request %s: %s failed", request.id, error, exc_info=error.__cause__)
            code, message = "model-failed", "the model failed on this data; the server's log has the reason"
        else:  # a defect of ours
            log.error("request %s: a defect of the server", request.id, exc_info=error)
            code, message = "defect", "the server failed; its log has the reason"
        details = {"request_id": request.id}
        return error_response(HttpError(500, code, f"{message} under the request's id {request.id}", details=details))
