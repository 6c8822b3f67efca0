"""`PromotedImage`: the image of a release that is promoted: made for one deployment, and run by another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from mlem import ConflictError, Context
from mlem_image.images.tags import promoted_tag
from mlem_image.pushed.record import ModelImageRecord
from mlem_image.recipes.options import ImageOptions

if TYPE_CHECKING:
    from mlem import Value

RecordT = TypeVar("RecordT", bound=ModelImageRecord)


@dataclass(frozen=True)
class PromotedImage(Generic[RecordT]):
    """An image that another deployment runs, for the one of a context.

    Attributes:
        source: The name of the other deployment.
        record: What that one has on record of it.
        made_for: The lineage of the deployment that it was made for.
    """

    source: str
    record: RecordT
    made_for: str

    @classmethod
    def of(cls, ctx: Context[Any, Any], kind: type[RecordT]) -> Self | None:
        """Return the image of the release that is promoted; None where there is none.

        Args:
            ctx: The context of the run.
            kind: The class of the image's record.
        """
        promotion, record = ctx.promotion, ctx.promoted_of(kind)
        if record is None or promotion is None or not record.image:
            return None
        return cls(promotion.source, record, record.made_for or promotion.lineage)

    @property
    def address(self) -> str:
        """The image in its registry: by its digest, where the registry told it."""
        name = str(self.record.image)
        repository = name.rpartition(":")[0] if "/" not in name.rpartition(":")[2] else name
        return f"{repository}@{self.record.digest}" if self.record.digest else name

    def tag(self, lineage: str) -> str:
        """Return the tag that it gets for the deployment of a lineage."""
        return promoted_tag(str(self.record.model_hash), str(self.record.recipe), self.made_for, lineage)

    def describe(self) -> str:
        """Say where it comes from, and what it is."""
        return f"promoted from {self.source}, {self.record.digest or self.image_id}"

    @property
    def image_id(self) -> str | None:
        """The digest of its configuration."""
        found: str | None = getattr(self.record, "image_id", None)
        return found or None

    def facts(self) -> dict[str, Any]:
        """Return what a record says of where the image comes from."""
        return {"promoted": self.source, "made_for": self.made_for}

    def expect_same_options(self, ctx: Context[Any, Any]) -> None:
        """Refuse to promote an image to a deployment that declares another one.

        Raises:
            ConflictError: An option of the image differs.
        """
        if ctx.promotion is not None:
            _expect_same_options(ctx.deployment, ctx.promotion.declaration, ctx.name, self.source)


def _expect_same_options(options: Value, source: Mapping[str, Any], name: str, promoted_from: str) -> None:
    declared = options.model_dump(mode="json", exclude_defaults=True)
    differing = [one for one in ImageOptions.model_fields if declared.get(one) != source.get(one)]
    if differing:
        one = differing[0]
        raise ConflictError(
            f"{name} declares an image with {one} {_words(declared.get(one))}, "
            f"and that of {promoted_from} was made with {_words(source.get(one))}",
            code="other-recipe",
            hint=f"declare the same for both, or build it: mlem deployment run --load {name}",
        )


def _words(value: Any) -> str:
    return "the default" if value is None else str(value)


def kept_image(ctx: Context[Any, Any], recipe: str, kind: type[RecordT]) -> RecordT | None:
    """Return the record of an image that was promoted to this deployment, and that a run would build alike.

    Args:
        ctx: The context of the run, with its model.
        recipe: The digest of what a run would build it by.
        kind: The class of the image's record.
    """
    recorded = ctx.record_of(kind)
    if recorded is None or ctx.model is None or not recorded.promoted:
        return None
    same = (recorded.model_hash, recorded.recipe) == (ctx.model.digest, recipe)
    return recorded if same else None
