"""What Heroku's API says, in our words: one table, first match wins.

Source: Dev Center, "Platform API Reference", section "Error Responses": statuses and ids (read 2026-11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlem import ConflictError, CredentialsError, MlemError, NotFoundError, PlatformError, UserError, WaitTimeoutError


@dataclass(frozen=True)
class Rule:
    """One row.

    Attributes:
        status: The HTTP status, or its first digit: ``5`` for 5xx.
        id: The error's id in the body; None for any.
        error: Ours.
        code: Its code.
        hint: The next step.
    """

    status: int
    id: str | None
    error: type[MlemError]
    code: str
    hint: str


_LOGIN = "heroku login, or export HEROKU_API_KEY=... (heroku authorizations:create makes one)"
_BILLING = "put the billing right in Heroku's dashboard: Account settings, Billing"

TABLE = (
    Rule(401, None, CredentialsError, "heroku-unauthorized", _LOGIN),
    Rule(402, None, PlatformError, "heroku-billing", _BILLING),
    Rule(
        403,
        "suspended",
        CredentialsError,
        "heroku-suspended",
        "the account or the app was suspended: ask Heroku's support",
    ),
    Rule(
        403,
        None,
        CredentialsError,
        "heroku-forbidden",
        "another account's? heroku auth:whoami; for a team's app: --env.team",
    ),
    Rule(
        404, None, NotFoundError, "heroku-not-found", "look: heroku apps; put it right: mlem deployment run --load NAME"
    ),
    Rule(
        409, None, ConflictError, "heroku-conflict", "another change is under way: repeat the command when it is done"
    ),
    Rule(
        410,
        None,
        PlatformError,
        "heroku-gone",
        "this version of the API has ended: pip install --upgrade mlem-provider-heroku",
    ),
    Rule(422, "verification_needed", PlatformError, "heroku-billing", _BILLING),
    Rule(422, "verification_required", PlatformError, "heroku-billing", _BILLING),
    Rule(422, None, UserError, "heroku-refused", "correct the option that it names"),
    Rule(429, None, PlatformError, "heroku-rate-limit", "wait some minutes: about 75 calls come back each minute"),
    Rule(4, None, PlatformError, "heroku-refused", "pip install --upgrade mlem-provider-heroku"),
    Rule(5, None, PlatformError, "heroku-unavailable", "look at status.heroku.com, then repeat the command"),
)


def translate(what: str, status: int, id_: str, message: str) -> MlemError:
    """Return our error for an answer of the API.

    Args:
        what: What was being done: ``create the app iris-prod``.
        status: The HTTP status.
        id_: The error's id in the body; empty without.
        message: What the API said.
    """
    text = (
        f"can't {what}: {' '.join(message.split()) or 'no reason given'} (status {status}{f', {id_}' if id_ else ''})"
    )
    for rule in TABLE:
        if rule.status in (status, status // 100) and rule.id in (None, id_):
            return rule.error(text, code=rule.code, hint=rule.hint)
    return PlatformError(text)


_NO_ANSWER = {
    "timeout": (
        WaitTimeoutError,
        "heroku-timeout",
        "no answer from {where} in time",
        "look at status.heroku.com, then repeat the command",
    ),
    "tls": (
        PlatformError,
        "heroku-tls",
        "the TLS connection to {where} failed",
        "behind a proxy with its own certificates? REQUESTS_CA_BUNDLE=FILE",
    ),
    "connection": (
        PlatformError,
        "heroku-unreachable",
        "the connection to {where} failed ({reason})",
        "look at the network, and at HTTPS_PROXY where there is a proxy",
    ),
}


def no_answer(what: str, where: str, why: Literal["timeout", "tls", "connection"], reason: str = "") -> MlemError:
    """Return our error for a request that got no answer.

    Args:
        what: What was being done.
        where: Who did not answer.
        why: In which way.
        reason: What the operating system said of a connection.
    """
    error, code, text, hint = _NO_ANSWER[why]
    return error(f"can't {what}: {text.format(where=where, reason=reason)}", code=code, hint=hint)
