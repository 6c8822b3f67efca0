"""`ServedModel`: a model with all that answers for it: its thread, its methods, its routes."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mlem_model.data.formats.binary import ARROW, NPY
from mlem_model.models.model import Model
from mlem_model.serving.interface import Interface
from mlem_server.decoding.limits import Limits
from mlem_server.decoding.threads import DecodingThreads
from mlem_server.http.body_budget import BodyBudget
from mlem_server.http.request import Request
from mlem_server.http.routes import Route, RoutingTable
from mlem_server.inference.dispatching.dispatch import Dispatcher, Observe
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


@dataclass(frozen=True)
class Parts:
    """What all models of a server share.

    Attributes:
        settings: Limits.
        version: The server's version.
        secured: Whether calls need a token.
        metrics: Where calls are counted.
        errors: Gives the answer where something fails.
        budget: The memory for bodies.
        threads: Where large bodies are decoded.
        limits: What a body may become.
        observe: Told of each call of a model.
    """

    settings: Settings
    version: str
    secured: bool
    metrics: Metrics
    errors: ErrorMapping
    budget: BodyBudget
    threads: DecodingThreads
    limits: Limits
    observe: Observe


class ServedModel:
    """A model in use, until another takes its place and its last call is answered.

    Args:
        model: The metadata.
        name: Its name, for people.
        parts: What all models of a server share.

    Attributes:
        model: The same.
        health: Whether it may be asked.
        dispatcher: Where calls meet it.
        table: Its routes.
    """

    def __init__(self, model: Model, name: str, parts: Parts) -> None:
        settings = parts.settings
        self.model = model
        self.health = Health(model.digest)
        self.dispatcher = Dispatcher(
            settings.max_queue, settings.max_batch_rows, parts.observe, settings.request_timeout_s
        )
        self.table = RoutingTable(self._routes(name, parts), settings.root_path)
        self._calls = 0
        self._retired = False

    def _routes(self, name: str, parts: Parts) -> Iterator[Route]:
        """Yield the tables of all protocols. A method may be called invocations: the model's own routes come last."""
        endpoints = {
            method_name: Endpoint(method_name, method, strict=parts.settings.strict, limits=parts.limits)
            for method_name, method in self.model.methods.items()
        }
        service = CallService(endpoints, self.dispatcher, parts.metrics, parts.errors, parts.budget, parts.threads)
        formats = {
            method_name: (endpoint.formats, endpoint.answer_formats) for method_name, endpoint in endpoints.items()
        }
        spoken = tuple(dict.fromkeys(form for both in formats.values() for form in (*both[0], *both[1])))
        interface = Interface.of(self.model, name, [form for form in (NPY, ARROW) if form in spoken]).to_json()
        digest = self.model.digest
        yield from page_routes(interface, name, parts.version, formats, secured=parts.secured)
        yield from SageMaker(service, interface, self.health, digest, spoken).routes()
        yield from KServe(service, self.health, name, parts.version, digest).routes()
        yield from Native(service, interface, self.health, parts.metrics).routes()

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
        if self.health.readiness is LOADING:
            self.health.readiness = READY
        return time.monotonic() - started

    def begin(self, request: Request) -> None:
        """Note a call that is on its way to this model; see `end`."""
        request.served = self
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
            gc.unfreeze()
            gc.collect()
            gc.freeze()
