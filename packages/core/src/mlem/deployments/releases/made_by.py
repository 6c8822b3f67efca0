"""Who makes a release, and from what: put together from the process, git, the CI job and what is installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from mlem.deployments.resolving.resolve import Target
from mlem.deployments.step import Change
from mlem.project.ci import Job, current_job
from mlem.state.locks.owner import user_and_host
from mlem.state.provenance import LONGEST_MESSAGE, Provenance
from mlem_model.plugins.registry import registry

if TYPE_CHECKING:
    from mlem.project.git import Commit

OURS = ("mlem-core", "mlem-model")


def performer(job: Job | None) -> str:
    """Return who acts: the person that a CI job names, or the user of this process and its host.

    Args:
        job: The job that this is part of; None elsewhere.
    """
    return job.user if job and job.user else user_and_host()


def made_by(target: Target, commit: Commit | None, changes: Sequence[Change], message: str) -> Provenance:
    """Return who makes a release of a deployment now, and from what.

    Args:
        target: The deployment.
        commit: The project's commit; None where there is none.
        changes: What is done.
        message: What whoever runs it has to say.
    """
    from mlem.project.git import ancestors

    job = current_job()
    return Provenance(
        user=performer(job),
        job=job.name if job else "",
        job_url=job.url if job else "",
        commit=commit.sha if commit else "",
        ancestors=ancestors(target.location.root, commit.sha) if commit else (),
        dirty=commit.dirty if commit else False,
        versions=_versions(target),
        message=message.strip()[:LONGEST_MESSAGE],
        changes=tuple(_words(change) for change in changes if change.action != "keep"),
    )


def _versions(target: Target) -> dict[str, str]:
    cls = type(target.deployment)
    brought = [one.distribution for one in registry().known() if cls in one.classes.get("deployment", ())]
    found = dict(words.split(maxsplit=1) for words in brought if " " in words)
    return {**{name: version(name) for name in OURS}, **found}


def _words(change: Change) -> str:
    return f"{change.action} {change.step}" + (f" ({change.reason})" if change.reason else "")
