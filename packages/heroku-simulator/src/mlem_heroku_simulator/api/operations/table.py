"""What each request does: tables of methods and paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mlem_heroku_simulator.api.answer import Answer
from mlem_heroku_simulator.api.operations.account import AccountOperations
from mlem_heroku_simulator.api.operations.apps import AppOperations
from mlem_heroku_simulator.api.operations.dynos import DynoOperations
from mlem_heroku_simulator.api.operations.releases import ReleaseOperations
from mlem_heroku_simulator.dynos.rendezvous import Rendezvous
from mlem_heroku_simulator.platform.platform import Platform
from mlem_heroku_simulator.platform.refusal import Refusal


class Operations:
    """Carries requests out.

    Args:
        platform: What they act on.
        open_log: Takes an app, the number of lines, whether to follow, and what a line has to be of; returns the URL of
            a log session.
        remaining: Says how many calls are left.
        rendezvous: Where attached dynos are met; None where they are refused.
    """

    def __init__(
        self,
        platform: Platform,
        open_log: Callable[..., str],
        remaining: Callable[[], int],
        rendezvous: Rendezvous | None,
    ) -> None:
        self._platform = platform
        groups = (
            AccountOperations(platform, remaining),
            AppOperations(platform),
            ReleaseOperations(platform),
            DynoOperations(platform, open_log, rendezvous),
        )
        self._table: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
            (method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), operation)
            for group in groups
            for method, path, operation in group.table()
        ]

    def carry_out(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Answer:
        """Carry a request out.

        Args:
            method: The HTTP method.
            path: The path, without a query.
            headers: The request's headers, their names as in ``Accept``.
            body: The body; None without.

        Raises:
            Refusal: The answer is an error.
        """
        operation, arguments = self._find(method, path)
        if operation is None:
            raise Refusal(
                404,
                "not_found",
                f"The simulator has apps, releases, config vars, dynos and logs, and no {method} {path}.",
            )
        if not isinstance(body or {}, Mapping):
            raise Refusal(400, "bad_request", "The body is not a JSON object.")
        with self._platform.lock:
            found = {name: self._platform.find(value) if name == "app" else value for name, value in arguments.items()}
            return operation(headers=headers, body=body or {}, **found)

    def knows(self, method: str, path: str) -> bool:
        """Say whether there is an operation."""
        return self._find(method, path)[0] is not None

    def _find(self, method: str, path: str) -> tuple[Callable[..., Answer] | None, Mapping[str, str]]:
        for each, pattern, operation in self._table:
            match = pattern.fullmatch(path)
            if each == method and match:
                return operation, match.groupdict()
        return None, {}
