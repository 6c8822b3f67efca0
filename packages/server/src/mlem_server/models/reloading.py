"""`Reloader`: a model that was saved again takes the place of the one that is served, without a restart."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path

from mlem_model.artifacts.trust import Trust
from mlem_model.errors import MlemError
from mlem_model.models.model import Model
from mlem_server.inference.loading import load, read_model
from mlem_server.models.place import Place
from mlem_server.process.file_watch import FileWatch

log = logging.getLogger("mlem.server")


class Reloader:
    """Replaces the model when its file has another one.

    The new one is loaded beside the old one, on a thread of its own, and has to pass the gate; until then, and where
    it does not, the old one answers. For that time both are in memory.

    Args:
        place: Where it is served.
        path: The model's metadata.
        trust: Which formats may be loaded.
    """

    def __init__(self, place: Place, path: Path, trust: Trust) -> None:
        self._place = place
        self._path = path
        self._trust = trust
        self._task: asyncio.Task[None] | None = None
        self._wanted = place.served.model
        self._failed = ""

    def watch(self, *, polled: bool) -> FileWatch:
        """Return what looks at the file.

        Args:
            polled: Whether it looks once a second, and not only when it is told to.
        """
        return FileWatch("the metadata of the model", [self._path], self._read, polled=polled)

    def _read(self) -> bool:
        model = read_model(self._path)
        if model.digest in (self._wanted.digest, self._failed):
            return False
        self._wanted = model
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._replace())
        return True

    async def _replace(self) -> None:
        while self._wanted.digest not in (self._place.served.digest, self._failed):
            model = self._wanted
            try:
                folder = self._path.parent
                await self._place.replace(model, partial(load, model, folder, self._trust), folder)
                self._failed = ""
            except MlemError as error:
                self._give_up(model, error.message)
            except Exception as error:  # a model may raise anything
                self._give_up(model, repr(error))

    def _give_up(self, model: Model, reason: str) -> None:
        log.error("the model in use stays: %s can't take its place: %s", model.digest, reason)
        self._failed = model.digest
        if self._wanted is model:
            self._wanted = self._place.served.model
