"""What the steps want and leave: an image on an Engine, and a container."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from mlem import Record
from mlem_image import ModelImageRecord


class ImageRecord(ModelImageRecord):
    """An image on an Engine.

    Attributes:
        image_tag: One more tag that moves to the newest image.
        engine: The Engine that is declared, in one word; None for what the docker command uses.
        image_id: The Engine's id of it.
    """

    image_tag: str | None = None
    engine: str | None = None
    image_id: str = ""


class AsMade(BaseModel):
    """What the Engine made of the settings of a container that can be changed later.

    Attributes:
        memory_mib: Its memory limit in MiB; None for none.
        cpus: Its CPU limit; None for none.
        restart_policy: When the Engine restarts it.
        network: The networks that it is in, joined by "and".
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    memory_mib: int | None = None
    cpus: float | None = None
    restart_policy: str | None = None
    network: str | None = None

    def to_data(self) -> dict[str, Any]:
        """Return the fields that are known."""
        return self.model_dump(exclude_unset=True)


class ContainerRecord(Record):
    """A container; the fields up to ``engine`` are those of the declaration, see `DockerContainer`.

    Attributes:
        situation: In what it differs from how it was left; ``in place`` for in nothing.
        id: The Engine's id of it.
        port: The port on the Engine's machine; None where it publishes none.
        url: Where it answers from here; None where it can't be reached.
        as_made: What the Engine made of its settings.
        replaces: The id of the container of MLEM 0.4 that it takes the place of.
        start_s: The seconds from the stop of its predecessor to its own readiness; None where nothing had to stop.
        adopted: Who made it, where it was not us.
    """

    step: ClassVar[str] = "container"

    model_hash: str | None = None
    image: str | None = None
    container_name: str = ""
    requested_port: int | None = None
    bind_address: str = ""
    address_host: str | None = None
    container_port: int = 0
    environment: dict[str, str] = {}
    pass_environment: list[str] = []
    tokens: str | None = None
    tls: str | None = None
    labels: dict[str, str] = {}
    memory_mib: int | None = None
    cpus: float | None = None
    gpus: str | None = None
    restart_policy: str | None = None
    network: str | None = None
    volumes: list[str] = []
    read_only: bool = False
    log_max_mib: int | None = None
    run_arguments: dict[str, Any] = {}
    platform: str | None = None
    engine: str | None = None
    situation: str = ""
    id: str = ""
    port: int | None = None
    url: str | None = None
    as_made: AsMade | None = None
    replaces: str | None = None
    start_s: float | None = None
    adopted: str | None = None
