"""Servers that others made, and that were taken over: whether they answer, and what can't be asked of them."""

from __future__ import annotations

from mlem.clients.probe import responds
from mlem_model.errors import ConflictError
from mlem_model.legacy.fields import BY_04, OF_04

BY_OTHERS = "somebody else"
"""What a record says in its field ``adopted`` where neither we nor MLEM 0.4 made the resource."""


def adopted_responds(by: str, url: str | None, timeout_s: float, *, direct: bool = False) -> tuple[bool, str]:
    """Ask a server that was taken over for an answer: it has no address that says whether the model answers.

    Args:
        by: Who made it: `BY_04`, whose servers describe themselves, or `BY_OTHERS`, of whom any answer will do but an
            error of the server.
        url: Its address; None where it has none.
        timeout_s: Seconds for everything together.
        direct: Whether to use no proxy, whatever the environment says.

    Returns:
        Whether it answers, and why not, or why only the platform says so.
    """
    if not url:
        return True, "it publishes no port, so that only the platform says so"
    if by == BY_04:
        return responds(url, "/interface.json", timeout_s, direct=direct)
    return responds(url, "/", timeout_s, direct=direct, accepted=range(100, 500))


def served_by_others(name: str, by: str) -> ConflictError:
    """Return the error for calling a deployment that is still what somebody else made.

    Args:
        name: The deployment's name.
        by: Who made it.
    """
    return ConflictError(
        f'"{name}" still serves what {by} deployed, whose answers this version has no client for',
        code=OF_04 if by == BY_04 else "not-our-server",
        hint=f"replace it: mlem deployment run --load {name}",
    )
