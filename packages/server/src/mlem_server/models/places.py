"""`Places`: all models of a server, by name, and the table of their routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from mlem_model.models.model import Model
from mlem_model.objects.validation import did_you_mean
from mlem_server.http.errors import HttpError
from mlem_server.http.response import Response
from mlem_server.http.routes import Route, RoutingTable, always
from mlem_server.inference.service import unknown_method
from mlem_server.models.listing import Listing
from mlem_server.models.place import Place
from mlem_server.models.served_model import Parts
from mlem_server.pages.home import page_of_models
from mlem_server.protocols.server import basic_routes, kserve_routes

ROOM = "/models/"
"""Where each of several models is; a single one is at the root."""


class Places:
    """The places of a server.

    Args:
        models: The metadata of each model, by name.
        parts: What all of them share.

    Attributes:
        table: All routes.
    """

    def __init__(self, models: Mapping[str, Model], parts: Parts) -> None:
        self._parts = parts
        self._several = len(models) > 1
        self._all = {
            name: Place(name, model, f"{ROOM}{name}" if self._several else "", parts) for name, model in models.items()
        }
        self._listing = Listing(self._all.values())
        self.table = self._table()
        for place in self:
            place.on_change = self._changed

    @property
    def are_loaded(self) -> bool:
        """Whether the models are loaded, all of them."""
        return all(place.readiness.status not in ("loading", "failed") for place in self)

    @property
    def hanging(self) -> str:
        """What hangs; empty for nothing."""
        return "; ".join(place.readiness.reason for place in self if place.readiness.status == "hanging")

    def __iter__(self) -> Iterator[Place]:
        return iter(self._all.values())

    def _changed(self) -> None:
        self.table = self._table()

    def _table(self) -> RoutingTable:
        routes = [*self._own_routes(), *(route for place in self for route in place.served.routes)]
        return RoutingTable(routes, self._parts.settings.root_path)

    def _own_routes(self) -> Iterator[Route]:
        """Yield the routes of the server; a model's own come later, and count."""
        basic, listing = basic_routes(self._parts.metrics), self._listing
        yield from basic
        yield from kserve_routes(self._parts.version, listing.ready)
        yield Route("POST", "/v2/repository/index", listing.index)
        yield Route("GET", "/models", listing.models(ROOM[1:]))
        if not self._several:
            return
        yield Route("GET", "/readyz", listing.ready, public=True)
        yield from page_of_models()
        for place in self:
            yield Route("GET", place.prefix, always(_to_folder(place)), public=True)
            yield Route("GET", f"{place.prefix}/models", listing.models("../"))
            for route in basic:
                yield Route("GET", place.prefix + route.path, route.handler, public=route.public)

    def missing(self, path: str, *, call: bool) -> HttpError:
        """Return the refusal of a path that nothing answers.

        Args:
            path: The path.
            call: Whether it was called as a method of a model is.
        """
        place = next((place for place in self if path.startswith(f"{place.prefix}/")), None)
        if place is not None:
            rest = path.removeprefix(f"{place.prefix}/")
            if call and rest and "/" not in rest:
                return unknown_method(rest, place.served.model.methods)
            known = [route.path for route in place.served.routes] if self._several else self.table.by_path
            return HttpError(404, "not-found", f"there is no {path[:200]}", known=sorted(known))
        name, names = path.removeprefix(ROOM).partition("/")[0], sorted(self._all)
        if path.startswith(ROOM):
            hint = did_you_mean(name[:100], names)
            return HttpError(404, "unknown-model", f'there is no model "{name[:100]}"', hint=hint, known=names)
        return HttpError(
            404,
            "not-found",
            f"there is no {path[:200]}: this server has several models, each under a path of its own",
            hint=f"{ROOM}{names[0]}/...",
            known=names,
        )


def _to_folder(place: Place) -> Response:
    """Send a caller who left out the slash there: relative links need it."""
    return Response(308, b"", b"text/plain", {"location": f"{quote(place.name, safe='')}/"})
