"""What is on record of the image of a model, wherever it is."""

from __future__ import annotations

from typing import Any, ClassVar

from mlem import Record

SUPPLIES = ("pins", "pins_for", "base_image", "base_digest")
"""What a record says of what an image was made from."""


class ModelImageRecord(Record):
    """The image of a model.

    Attributes:
        model_hash: The model in it; None while no model is at hand.
        recipe: The digest of what it is made by; None with the model.
        image: Its whole name; None with the model, or before it is pushed.
        digest: The digest of its manifest in the registry; None where it is in none, or that was not told.
        pins: The packages in it, as lines of a requirements file with hashes.
        pins_for: What they were chosen for.
        base_image: The image that it is built on.
        base_digest: The digest of that one.
        promoted: The deployment that it was taken over from; None where it was made for this one.
        made_for: The lineage of the deployment that it was made for, where that is another one.
    """

    step: ClassVar[str] = "image"

    model_hash: str | None = None
    recipe: str | None = None
    image: str | None = None
    digest: str | None = None
    pins: list[str] = []
    pins_for: str = ""
    base_image: str = ""
    base_digest: str = ""
    promoted: str | None = None
    made_for: str | None = None

    @property
    def supplies(self) -> dict[str, Any]:
        """What is known of what it was made from."""
        return self.limited_to(SUPPLIES).to_data()


class PushedImageRecord(ModelImageRecord):
    """An image in a platform's registry.

    Attributes:
        repository: Its name in the registry, without host and tag.
        tag: Its tag; None with the model.
        image_id: The digest of its configuration.
        on_engine: Whether images of this deployment may be on an Engine here, too: one has built some.
    """

    repository: str = ""
    tag: str | None = None
    image_id: str | None = None
    on_engine: bool = True
