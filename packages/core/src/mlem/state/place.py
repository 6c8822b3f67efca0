"""`Place`: which machine, Engine or account a deployment is in, so that another one is never taken for it."""

from __future__ import annotations

from mlem_model.objects.object import Value


class Place(Value):
    """Where a deployment's resources are.

    Attributes:
        id: What tells this place from every other of its kind, as the platform itself says it: the id of a Docker
            Engine, an AWS account with its region.
        words: The place for people: ``the Docker Engine build-7 at tcp://build-7:2376``.
    """

    id: str
    words: str
