"""`Provenance`: who made a release, from which commit, with which versions, and why."""

from __future__ import annotations

from mlem_model.objects.object import Value

LONGEST_MESSAGE = 500
"""The most characters of a message: it is in every state that is read."""


class Provenance(Value):
    """Who made a release, and from what.

    Attributes:
        user: Who ran the command, and where: ``ada@build-7``; in a CI job the person that started it, where it says so.
        job: The CI job's name; empty elsewhere.
        job_url: The address of that job.
        commit: The project's commit in git, 40 or 64 hex digits; empty without a repository.
        ancestors: The commits before it, newest first, each by its first 12 hex digits, of the newest release alone: a
            clone that does not have the commit yet finds its own among them.
        dirty: Whether files that git knows were changed since that commit.
        versions: Of our distributions and of the provider: ``mlem-core`` -> ``0.5.0``.
        message: What whoever ran it had to say.
        changes: What was done to each step: ``replace container (the image differs)``.
    """

    user: str = ""
    job: str = ""
    job_url: str = ""
    commit: str = ""
    ancestors: tuple[str, ...] = ()
    dirty: bool = False
    versions: dict[str, str] = {}
    message: str = ""
    changes: tuple[str, ...] = ()

    def describe(self) -> str:
        """Say who made it from what, in a few words."""
        commit = f"commit {self.commit[:10]}{' and changes' if self.dirty else ''}" if self.commit else ""
        return ", ".join(filter(None, [self.user, self.job, commit]))
