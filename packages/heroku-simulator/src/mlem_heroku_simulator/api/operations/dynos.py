"""What is done to dynos, and to their log."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from mlem_heroku_simulator.api import documents
from mlem_heroku_simulator.api.answer import Answer, text
from mlem_heroku_simulator.dynos.rendezvous import Rendezvous
from mlem_heroku_simulator.limits import LOG_LINES
from mlem_heroku_simulator.platform.app_state import AppState
from mlem_heroku_simulator.platform.offers import size_name
from mlem_heroku_simulator.platform.platform import Platform
from mlem_heroku_simulator.platform.refusal import Refusal


class DynoOperations:
    """Dynos and log sessions.

    Args:
        platform: What they act on.
        open_log: Takes an app, the number of lines, whether to follow, and what a line has to be of; returns the URL of
            a log session.
        rendezvous: Where attached dynos are met; None where they are refused.
    """

    def __init__(self, platform: Platform, open_log: Callable[..., str], rendezvous: Rendezvous | None) -> None:
        self._platform, self._open_log, self._rendezvous = platform, open_log, rendezvous

    def table(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        """Return methods, paths and what they do."""
        return [
            ("GET", "/apps/{app}/dynos", lambda app, **_: Answer(200, documents.dynos(app))),
            ("POST", "/apps/{app}/dynos", self._run),
            ("DELETE", "/apps/{app}/dynos", self._restart),
            ("GET", "/apps/{app}/dynos/{dyno}", self._dyno),
            ("DELETE", "/apps/{app}/dynos/{dyno}", self._restart),
            ("POST", "/apps/{app}/dynos/{dyno}/actions/stop", self._stop),
            ("DELETE", "/apps/{app}/formations/{dyno}", self._restart),
            ("POST", "/apps/{app}/formations/{dyno}/actions/stop", self._stop),
            ("POST", "/apps/{app}/log-sessions", self._log_session),
        ]

    def _dyno(self, app: AppState, dyno: str, **_: Any) -> Answer:
        found = [each for each in documents.dynos(app) if dyno in (each["name"], each["id"])]
        if not found:
            raise _no_dyno()
        return Answer(200, found[0])

    def _restart(self, app: AppState, dyno: str | None = None, **_: Any) -> Answer:
        if dyno is not None and dyno not in {name for each in app.dynos for name in (each.name, each.id, "web")}:
            raise _no_dyno()
        self._platform.restart(app, dyno)
        return Answer(202, {})

    def _stop(self, app: AppState, dyno: str, **_: Any) -> Answer:
        """End one-off dynos.

        Heroku starts others again that are stopped.
        """
        found = [each for each in app.one_offs if dyno in (each.name, each.id, "run") and each.state != "complete"]
        for each in found:
            each.stop()
        return Answer(202, {}) if found else self._restart(app, dyno)

    def _run(self, app: AppState, body: Mapping[str, Any], **_: Any) -> Answer:
        command, environment = text(body, "command"), body.get("env") or {}
        if command is None or not isinstance(environment, Mapping):
            raise Refusal(422, "invalid_params", "command is required; env must be an object.")
        if body.get("attach") and self._rendezvous is None:
            raise Refusal(
                503, "service_unavailable", "The simulator attaches nobody without a certificate: start it with one."
            )
        dyno = self._platform.one_off(app, command, environment, size_name(body.get("size")))
        if body.get("attach") and self._rendezvous is not None:
            dyno.attach_url = self._rendezvous.expect(dyno)
        else:
            write = app.log.write
            arguments = (lambda line: write("app", dyno.name, line),)
            threading.Thread(target=dyno.run, args=arguments, name=f"dyno {dyno.name}", daemon=True).start()
        return Answer(201, documents.one_off(app, dyno))

    def _log_session(self, app: AppState, body: Mapping[str, Any], **_: Any) -> Answer:
        lines, dyno, source = (
            str(body.get("lines")),
            text(body, "dyno") or text(body, "dyno_name") or text(body, "type"),
            text(body, "source"),
        )
        parts = [re.escape(source) if source else r"\w+", re.escape(dyno) + r"(\.\d+)?" if dyno else r"[\w.-]+"]
        wanted = re.compile(r"\S+ {}\[{}\]: ".format(*parts))
        count = min(int(lines), LOG_LINES) if lines.isdigit() and int(lines) > 0 else 100
        return Answer(201, documents.log_session(self._open_log(app, count, bool(body.get("tail")), wanted)))


def _no_dyno() -> Refusal:
    return Refusal(404, "not_found", "Couldn't find that dyno.")
