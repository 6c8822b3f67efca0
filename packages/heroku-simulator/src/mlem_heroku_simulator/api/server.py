"""The API of the simulator over HTTP: keys, rate limit, faults, and Heroku's schema as the judge."""

from __future__ import annotations

import json
import re
import secrets
import socket
import threading
import time
import uuid
from base64 import b64decode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlem import MlemError
from mlem_heroku_simulator.api.answer import Answer
from mlem_heroku_simulator.api.faults import Faults
from mlem_heroku_simulator.api.operations.table import Operations
from mlem_heroku_simulator.limits import CALLS_PER_HOUR
from mlem_heroku_simulator.logs.sessions import PATH, LogSessions
from mlem_heroku_simulator.platform.app_state import AppState
from mlem_heroku_simulator.platform.platform import Platform
from mlem_heroku_simulator.platform.refusal import Refusal
from mlem_heroku_simulator.serving import Handler, Server

if TYPE_CHECKING:
    from mlem_heroku_simulator.api.schema.schema import Schema
    from mlem_heroku_simulator.dynos.rendezvous import Rendezvous

_REFERENCE = "https://devcenter.heroku.com/articles/platform-api-reference"
_STATUS_FAULTS = {
    "401": (401, "unauthorized"),
    "429": (429, "rate_limit"),
    "500": (500, "internal_server_error"),
    "503": (503, "service_unavailable"),
}
_AGENT = "mlem-provider-heroku"
"""How mlem's provider calls itself: what it sends is held to the letter of the schema."""

_UNCOUNTED = "/account/rate-limits"
_REFILL_PER_S = 75 / 60


@dataclass(frozen=True)
class Exchange:
    """A request and the status of its answer.

    The status is 0 where a fault left the request without an answer.
    """

    method: str
    path: str
    status: int


@dataclass
class Tokens:
    """The account's calls: as many as `CALLS_PER_HOUR`, and 75 come back each minute."""

    left: float = CALLS_PER_HOUR
    at: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        """Take one, and say whether there was one."""
        now = time.monotonic()
        self.left = min(CALLS_PER_HOUR, self.left + (now - self.at) * _REFILL_PER_S)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class ApiServer:
    """Serves the API.

    Args:
        platform: What it acts on.
        schema: Judges every exchange; None for no judge.
        key: The only API key that is accepted; None for any.
        port: The port; 0 for any free one.
        rendezvous: Where attached dynos are met; None where they are refused.

    Attributes:
        exchanges: All requests.
        violations: What is not as Heroku's schema has it: answers, and requests of our provider. Of others Heroku takes
            more than that.
        faults: What goes wrong.
        tokens: The rate limit.
    """

    def __init__(
        self,
        platform: Platform,
        schema: Schema | None,
        key: str | None,
        port: int,
        rendezvous: Rendezvous | None = None,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.violations: list[str] = []
        self.faults = Faults()
        self.tokens = Tokens()
        self._closing = threading.Event()
        self._schema, self._key = schema, key
        self._logs = LogSessions(self._closing)
        self._operations = Operations(platform, self._open_log, lambda: int(self.tokens.left), rendezvous)
        api = self

        class ApiHandler(Handler):
            def do_GET(self) -> None:
                if self.path.startswith(PATH):
                    api.stream_log(self)
                else:
                    api.handle(self)

            def do_POST(self) -> None:
                api.handle(self)

            do_PATCH = do_PUT = do_DELETE = do_POST

        self._server = Server(ApiHandler, port)
        self.url = self._server.url

    def handle(self, request: Handler) -> None:
        """Answer one request of the API."""
        path, body = urlsplit(request.path).path, request.read_body()
        fault = self.faults.next()
        if fault == "timeout":
            self._note(request.command, path, 0)
            request.close_connection = True
            self._closing.wait(request.timeout)
            return
        if fault in _STATUS_FAULTS:
            status, id_ = _STATUS_FAULTS[fault]
            answer = Answer(status, {"id": id_, "message": "An error occurred."})
        else:
            answer = self._answer(request, path, body)
        if fault == "cut":
            self._note(request.command, path, 0)
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        self._note(request.command, path, answer.status)
        headers = {
            "Content-Type": "application/json",
            "RateLimit-Remaining": str(int(self.tokens.left)),
            "Request-Id": str(uuid.uuid4()),
            **answer.headers,
        }
        request.respond(answer.status, json.dumps(answer.body).encode(), headers)

    def _answer(self, request: Handler, path: str, body: bytes) -> Answer:
        try:
            self._expect_key(request.headers.get("Authorization", ""))
            if path != _UNCOUNTED and not self.tokens.take():
                raise Refusal(429, "rate_limit", "Your account reached the API rate limit")
            document = _read(body)
            self._judge(request, path, document)
            headers = {name.title(): value for name, value in request.headers.items()}
            answer = self._operations.carry_out(request.command, path, headers, document)
        except Refusal as refusal:
            return Answer(refusal.status, {"id": refusal.id, "message": refusal.message, "url": _REFERENCE})
        except (MlemError, ValueError, KeyError) as error:
            self.violations.append(f"{request.command} {path}: {type(error).__name__}: {error}")
            return Answer(500, {"id": "internal_server_error", "message": str(error)})
        if self._schema:
            self.violations += self._schema.faults_of_answer(request.command, path, answer.body)
        return answer

    def _judge(self, request: Handler, path: str, document: Any) -> None:
        """Refuse what Heroku would refuse.

        Our provider's requests are held to the letter of the schema.
        """
        if self._schema is None:
            return
        if request.headers.get("User-Agent", "").startswith(_AGENT):
            self.violations += self._schema.faults_of_request(request.command, path, document)
        if self._operations.knows(request.command, path):
            faults = self._schema.faults_of_request(request.command, path, document, as_taken=True)
            if faults:
                raise Refusal(422, "invalid_params", "; ".join(faults))

    def _expect_key(self, header: str) -> None:
        kind, _, value = header.partition(" ")
        try:
            given = (
                value if kind == "Bearer" else b64decode(value).decode().partition(":")[2] if kind == "Basic" else ""
            )
        except ValueError:
            given = ""
        if not given or (self._key is not None and not secrets.compare_digest(given, self._key)):
            raise Refusal(401, "unauthorized", "Invalid credentials provided.")

    def _note(self, method: str, path: str, status: int) -> None:
        self.exchanges.append(Exchange(method, path, status))

    def _open_log(self, app: AppState, lines: int, follow: bool, wanted: re.Pattern[str]) -> str:
        return f"{self.url}{self._logs.open(app.log, lines, wanted, follow=follow)}"

    def stream_log(self, request: Handler) -> None:
        """Stream a log session.

        Its URL is the only credential.
        """
        self._logs.stream(request)

    def close(self) -> None:
        """End it."""
        self._closing.set()
        self._server.stop()


def _read(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        raise Refusal(400, "bad_request", "The body is not JSON.") from None
