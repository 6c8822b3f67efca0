"""`RunOptions`: what whoever runs a deployment says about this one run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlem.deployments.promotion import Promotion
    from mlem.deployments.releases.planned import Planned


@dataclass(frozen=True)
class RunOptions:
    """What is said about a single run, beside the declaration.

    Attributes:
        message: Why, for whoever reads the list of releases.
        drop: What protects the servers and may fall away: ``tokens`` or ``tls``.
        expect_release: The number of the release that has to serve now, 0 for none; None to take any.
        allow_older: Whether the project's commit may be older than the one that serves.
        again: Whether what was rolled back may be deployed once more.
        promotion: The release of another deployment that is to be served; None for what is declared.
        lineage: The identity of what a first run finds on the platform and takes over; None for one of its own.
        hooks: Whether the project's hooks are run.
        planned: A plan, of which the run has to do exactly what it says; None for whatever is to be done.
    """

    message: str = ""
    drop: Collection[str] = ()
    expect_release: int | None = None
    allow_older: bool = False
    again: bool = False
    hooks: bool = True
    planned: Planned | None = None
    promotion: Promotion | None = None
    lineage: str | None = None
