"""`Place`: a model's name in a server, and the model that answers under it, until another takes its place."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlem_model.models.model import Model
from mlem_server.inference.dispatching.hangs import HangDetector
from mlem_server.inference.readiness import STOPPING, Readiness
from mlem_server.models.served_model import Parts, ServedModel

log = logging.getLogger("mlem.server")


class Place:
    """One of the places of a server.

    Args:
        name: The model's name.
        model: The metadata of the first model.
        prefix: Before the paths of its routes.
        parts: What all models of a server share.

    Attributes:
        name: The same.
        prefix: The same.
        served: The model that answers.
        hangs: Notices a model that hangs.
        on_change: Called when another model has taken the place.
    """

    def __init__(self, name: str, model: Model, prefix: str, parts: Parts) -> None:
        self.name = name
        self.prefix = prefix
        self._parts = parts
        self._numbers = parts.metrics.of(name)
        self._numbers.serve(model.digest, model.methods)
        settings = parts.settings
        self.hangs = HangDetector(name, settings.request_timeout_s, settings.hang_bound_s, self._numbers)
        self.served = ServedModel(model, name, prefix, parts)
        self.on_change: Callable[[], None] = lambda: None
        self._retired: list[ServedModel] = []

    @property
    def readiness(self) -> Readiness:
        """Whether its model may be asked."""
        return self.served.health.readiness

    async def load(self, load: Callable[[], Any], folder: Path) -> None:
        """Load the model on its thread, then answer calls.

        Args:
            load: Returns the model.
            folder: Where its files are.

        Raises:
            MlemError: What ``load`` raised; the reason is in ``readiness``.
        """
        await self._load(self.served, load, folder)

    async def _load(self, served: ServedModel, load: Callable[[], Any], folder: Path) -> None:
        if self._parts.settings.drift:
            from mlem_model.models.profiles.profile import Profile  # late: most servers do not compare

            profile = Profile.read(served.model, folder)
            if profile is not None:
                served.watch_inputs(profile)
            else:
                log.warning("%s was saved without profile=True: its inputs can't be compared with anything", self.name)
        self._numbers.loaded(await served.load(load))

    async def load_for_others(self, load: Callable[[], Any]) -> None:
        """Load the model on its thread, which ends then: this process will not ask it.

        Args:
            load: Loads the model.

        Raises:
            MlemError: What ``load`` raised; the reason is in ``readiness``.
        """
        await self.served.load_for_others(load)

    async def replace(self, model: Model, load: Callable[[], Any], folder: Path) -> None:
        """Serve another model instead, from the moment when it is ready; calls on their way end where they began.

        Args:
            model: The metadata of the other one.
            load: Returns it.
            folder: Where its files are.

        Raises:
            MlemError: What ``load`` raised; then everything stays as it was.
        """
        new = ServedModel(model, self.name, self.prefix, self._parts)
        try:
            await self._load(new, load, folder)
        except BaseException:
            new.retire()
            raise
        old = self.served
        if self.readiness.status in ("stopping", "hanging"):
            new.retire()
            return
        self.served = new
        self._numbers.serve(model.digest, model.methods)
        self._retired.append(old)
        old.retire()
        self.on_change()
        log.info("%s: the model %s took the place of %s", self.name, model.digest, old.digest)

    def look(self) -> None:
        """Look after calls that wait, and after a model that hangs; see `Dispatcher.look`."""
        for served in (self.served, *self._retired):
            served.dispatcher.look()
        if self._retired:
            self._retired = [served for served in self._retired if not served.is_gone]
        self.served.health.readiness = self.hangs.look(self.readiness, self.served.dispatcher)

    def stop(self) -> None:
        """Report that the server stops, unless that is because the model hangs."""
        if self.readiness.status != "hanging":
            self.served.health.readiness = STOPPING
