"""What the steps want and leave: the app, its config vars, its image, the release, the dynos."""

from __future__ import annotations

from typing import ClassVar

from mlem import Record
from mlem_image import PushedImageRecord


class AppRecord(Record):
    """The app.

    Attributes:
        app_name: Its name.
        region: Where it is.
        team: Whose it is; None for the account's own.
        api_url: The API that knows it.
        lineage: Our mark in its config vars; only observed: None where somebody took it away.
        maintenance: Whether nobody is let through to it; None where nothing is known of it.
        app_id: Heroku's id of it.
        web_url: The address that Heroku gave it.
        replaced: The id of the app whose place it takes, which stays aside until the gate has decided.
    """

    step: ClassVar[str] = "app"

    app_name: str = ""
    region: str = ""
    team: str | None = None
    api_url: str = ""
    lineage: str | None = None
    maintenance: bool | None = None
    app_id: str = ""
    web_url: str | None = None
    replaced: str | None = None


class ConfigVarsRecord(Record):
    """The config vars.

    Attributes:
        place: What an app can't change; see `names.place`.
        environment: The declared ones with their values; only observed: None for one that is not there.
        pass_environment: The names of those that are passed on from where a command runs.
        tokens: See `mlem.provider.protection`.
        tls: The same.
    """

    step: ClassVar[str] = "config_vars"

    place: str | None = None
    environment: dict[str, str | None] = {}
    pass_environment: list[str] = []
    tokens: str | None = None
    tls: str | None = None


class ImageRecord(PushedImageRecord):
    """The image, in the app's part of the registry.

    Attributes:
        place: What an app can't change; see `names.place`.
    """

    place: str | None = None


class ReleaseRecord(Record):
    """The release of an image with config vars, of which it has the fields.

    Attributes:
        model_hash: The model in the image; None while no model is at hand.
        tag: The image's tag; None with the model.
        situation: In what the dynos differ from it; ``up`` for in nothing.
        release_id: Heroku's id of it.
        version: Heroku's number of it.
        image_id: The image that it runs; None where it is not known.
        adopted: Who made it, where it was not us.
    """

    step: ClassVar[str] = "release"

    place: str | None = None
    environment: dict[str, str | None] = {}
    pass_environment: list[str] = []
    tokens: str | None = None
    tls: str | None = None
    model_hash: str | None = None
    tag: str | None = None
    situation: str = ""
    release_id: str = ""
    version: int = 0
    image_id: str | None = None
    adopted: str | None = None


class ScaleRecord(Record):
    """How many dynos of which size.

    Attributes:
        place: What an app can't change; see `names.place`.
        dyno_size: Their size.
        quantity: Their number.
    """

    step: ClassVar[str] = "scale"

    place: str | None = None
    dyno_size: str = ""
    quantity: int = 0
