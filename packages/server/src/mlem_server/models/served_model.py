"""`ServedModel`: a model with all that answers for it: its thread, its methods, its routes."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from mlem_model.data.formats.binary import ARROW, NPY
from mlem_model.models.model import Model
from mlem_model.serving.interface import Interface
from mlem_server.decoding.limits import Limits
from mlem_server.decoding.threads import DecodingThreads
from mlem_server.http.body_budget import BodyBudget
from mlem_server.http.errors import unavailable
from mlem_server.http.routes import Route
from mlem_server.inference.dispatching.dispatch import Dispatcher
from mlem_server.inference.dispatching.jobs import Job
from mlem_server.inference.endpoint import Endpoint
from mlem_server.inference.error_mapping import ErrorMapping
from mlem_server.inference.readiness import LOADING, READY, Health, Readiness
from mlem_server.inference.service import CallService
from mlem_server.pages.routes import page_routes
from mlem_server.protocols.kserve import KServe
from mlem_server.protocols.native import Native
from mlem_server.protocols.sagemaker import SageMaker
from mlem_server.settings import Settings
from mlem_server.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from mlem_model.models.profiles.profile import Profile
    from mlem_server.drift.input_watch import InputWatch


@dataclass(frozen=True)
class Parts:
    """What all models of a server share.

    Attributes:
        settings: Limits.
        version: The server's version.
        secured: Whether calls need a token.
        metrics: Where what they do is counted.
        errors: Gives the answer where something fails.
        budget: The memory for bodies.
        threads: Where large bodies are decoded.
        limits: What a body may become.
    """

    settings: Settings
    version: str
    secured: bool
    metrics: Metrics
    errors: ErrorMapping
    budget: BodyBudget
    threads: DecodingThreads
    limits: Limits


class ServedModel:
    """A model in use, until another takes its place and its last call is answered.

    Args:
        model: The metadata.
        name: Its name.
        prefix: Before the paths of its routes, except those of KServe, which have the name themselves.
        parts: What all models of a server share.

    Attributes:
        model: The same.
        name: The same.
        digest: The model's digest.
        health: Whether it may be asked.
        dispatcher: Where calls meet it.
        routes: Its routes.
        answered: Notes an answer; see `mlem_server.telemetry.model_numbers.ModelNumbers.answered`.
    """

    def __init__(self, model: Model, name: str, prefix: str, parts: Parts) -> None:
        settings = parts.settings
        self.model = model
        self.name = name
        self.digest = model.digest
        self.health = Health(model.digest)
        self._numbers = parts.metrics.of(name)
        self.answered = self._numbers.answered
        self._inputs: InputWatch | None = None
        self.dispatcher = Dispatcher(
            settings.max_queue, settings.max_batch_rows, self._observe, settings.request_timeout_s
        )
        self.routes = tuple(
            replace(route, callee=self if route.calls else None) for route in self._routes(prefix, parts)
        )
        self._calls = 0
        self._retired = False

    def _observe(self, jobs: Sequence[Job], now: float) -> None:
        for job in jobs:
            job.origin.asked = now
        self._numbers.called(jobs, now)

    def _routes(self, prefix: str, parts: Parts) -> Iterator[Route]:
        """Yield the tables of all protocols. A method may be called invocations: the model's own routes come last."""
        name = self.name
        endpoints = {
            method_name: Endpoint(method_name, method, strict=parts.settings.strict, limits=parts.limits)
            for method_name, method in self.model.methods.items()
        }
        service = self._service = CallService(
            endpoints, self.dispatcher, self._numbers, parts.errors, parts.budget, parts.threads
        )
        formats = {
            method_name: (endpoint.formats, endpoint.answer_formats) for method_name, endpoint in endpoints.items()
        }
        spoken = tuple(dict.fromkeys(form for both in formats.values() for form in (*both[0], *both[1])))

        @cache
        def interface() -> dict[str, Any]:
            return Interface.of(self.model, name, [form for form in (NPY, ARROW) if form in spoken]).to_json()

        digest = self.model.digest
        yield from KServe(service, self.health, name, digest).routes()
        for route in (
            *page_routes(interface, name, parts.version, formats, secured=parts.secured),
            *SageMaker(service, interface, self.health, digest, spoken).routes(),
            *Native(service, interface, self.health).routes(),
        ):
            yield replace(route, path=prefix + route.path)

    async def load(self, load: Callable[[], Any]) -> float:
        """Load the model on its thread; it may be asked then.

        Args:
            load: Returns the model.

        Returns:
            How many seconds it took.

        Raises:
            MlemError: What ``load`` raised; the reason is in ``health``.
        """
        started = time.monotonic()
        await self._load(load)
        if self.health.readiness is LOADING:
            self.health.readiness = READY
        return time.monotonic() - started

    async def load_for_others(self, load: Callable[[], Any]) -> None:
        """Load the model on its thread, which ends then; it may not be asked.

        Args:
            load: Loads the model.

        Raises:
            MlemError: What ``load`` raised; the reason is in ``health``.
        """
        try:
            await self._load(load)
        finally:
            self.dispatcher.unload()

    async def _load(self, load: Callable[[], Any]) -> None:
        # the model and its packages stay: having the garbage collector look through them again and again would delay
        # the start and pause calls
        gc.disable()
        try:
            await self.dispatcher.load(load)
        except Exception as error:
            self.health.readiness = Readiness("failed", str(error))
            raise
        finally:
            gc.freeze()
            gc.enable()

    def watch_inputs(self, profile: Profile) -> None:
        """Count what calls bring by what the sample data looked like."""
        from mlem_server.drift.input_watch import InputWatch  # late: most servers do not

        self._inputs = InputWatch(profile, self._numbers)
        self._service.look = self._inputs.look

    @property
    def is_ready(self) -> bool:
        """Whether it may be called."""
        return self.health.readiness is READY and not self._retired

    def expect_room(self) -> None:
        """Refuse the next call where the model may not be called, or it would have to wait in vain.

        Raises:
            HttpError: 503.
        """
        if self.health.readiness.status in ("loading", "failed", "hanging"):
            raise unavailable("not-ready", self.health.readiness.reason)
        self.dispatcher.expect_room()

    def begin(self) -> None:
        """Note a call that is on its way to this model; see `end`."""
        self._calls += 1

    def end(self) -> None:
        """Note that a call is over."""
        self._calls -= 1
        self._unload_if_idle()

    def retire(self) -> None:
        """Give up the model as soon as its last call is answered; no more are sent to it."""
        self._retired = True
        self.dispatcher.rest()
        self._unload_if_idle()

    @property
    def is_gone(self) -> bool:
        """Whether it was given up, and nothing of it is left."""
        return self._retired and not self._calls

    def _unload_if_idle(self) -> None:
        if self.is_gone:
            self.dispatcher.unload()
            if self._inputs is not None:
                self._inputs.close()
            gc.unfreeze()
            gc.collect()
            gc.freeze()
