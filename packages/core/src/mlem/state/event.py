"""`Event`: something that happened to a deployment, for whoever looks into its history."""

from __future__ import annotations

from mlem_model.objects.object import Value

LONGEST_WORDS = 300
"""The most characters of an event's words: the history is in every state that is read."""
MOST_EVENTS = 50
"""How many events a state keeps; older ones go."""


class Event(Value):
    """Something that happened to a deployment.

    Attributes:
        at: When, UTC, ISO 8601.
        what: ``run``, ``rollback``, ``restart``, ``remove``, ``rename``, ``maintenance``, ``hold`` (a lock by hand),
            ``take over`` (the lock of a command that had died).
        outcome: ``done``, ``failed`` or ``interrupted``.
        by: Who: ``ada@build-7``, or the person that a CI job names.
        job_url: The address of the CI job; empty elsewhere.
        release: The number of the release that serves after it; None where none does.
        words: What it did, or why it failed; at most 300 characters.
    """

    at: str
    what: str
    outcome: str = "done"
    by: str = ""
    job_url: str = ""
    release: int | None = None
    words: str = ""


def bounded(history: tuple[Event, ...], event: Event) -> tuple[Event, ...]:
    """Return a history with one event more, oldest first, without those that are too many."""
    kept = event.model_copy(update={"words": event.words.strip()[:LONGEST_WORDS]})
    return (*history, kept)[-MOST_EVENTS:]
