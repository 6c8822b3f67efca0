"""Whose a resource on a platform is, as its marks say: asked before anything is taken, changed or deleted.

And `Candidate`: a resource that nothing has on record, and that could be taken over.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlem_model.errors import ConflictError


@dataclass(frozen=True)
class Owner:
    """Whose a resource is.

    Attributes:
        lineage: The lineage of the deployment that made it; None where it has no mark, or has only inherited one.
        deployment: The name of that deployment, where a mark says it.
        note: What is known besides, in place of the words for the others: ``belongs to the compose project "shop"``.

    Example::

        Owner(labels.get("mlem.lineage")).expect(ctx.lineage, f"the container {name}", hint="choose another name")
    """

    lineage: str | None = None
    deployment: str | None = None
    note: str | None = None

    def __str__(self) -> str:
        if self.note is not None:
            return self.note
        if self.lineage is None:
            return "was not made by mlem"
        name = f' "{self.deployment}"' if self.deployment else ""
        return f"belongs to the mlem deployment{name} of lineage {self.lineage}"

    def expect(self, lineage: str, what: str, hint: str | None = None) -> None:
        """Refuse to touch what is somebody else's.

        Args:
            lineage: Ours.
            what: The resource, for the message: ``the app iris-app``.
            hint: The next step.

        Raises:
            ConflictError: It is another deployment's, or nobody's that we know.
        """
        if self.lineage != lineage:
            raise self.refusal(what, hint)

    def refusal(self, what: str, hint: str | None = None) -> ConflictError:
        """Return the error for what is somebody else's.

        Args:
            what: The resource, for the message.
            hint: The next step.
        """
        return ConflictError(f"{what} is there already, and {self}", code="not-ours", hint=hint)


@dataclass(frozen=True)
class Candidate:
    """What is on a platform and could be taken over, because no state has it on record.

    Attributes:
        id: What names it there, as a person types it: a container's id, an app's name.
        what: It in words, with what tells it from others: ``the container iris-app (0123456789ab), running``.
        owner: Whose it is, as its marks say; somebody else's, or nobody's, where it has none of ours.
        model_hash: The digest of the model that it serves; None where nothing says it.
    """

    id: str
    what: str
    owner: Owner
    model_hash: str | None = None

    @property
    def ours(self) -> bool:
        """Whether a deployment of mlem made it."""
        return self.owner.lineage is not None

    def __str__(self) -> str:
        model = f", model {self.model_hash}" if self.model_hash else ""
        return f"{self.what}{model}: {self.owner}"
