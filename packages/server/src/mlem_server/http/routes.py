"""Routes: which handler answers an HTTP method on a path.

Each protocol has a table of them; the application joins the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from mlem_server.http.request import Callee, Handler
from mlem_server.http.response import Response


@dataclass(frozen=True, slots=True)
class Route:
    """A row of a table.

    Attributes:
        method: The HTTP method; what answers GET answers HEAD too.
        path: The path, percent-decoded.
        handler: Answers the request.
        name: Its name in metrics; routes without a name are counted together as others.
        public: Whether it answers without a token.
        calls: Whether it calls the model, and so has a body.
        callee: The model that it calls.
        media_types: Media types of its body besides those that every body may have.
    """

    method: str
    path: str
    handler: Handler
    name: str = ""
    public: bool = False
    calls: bool = False
    media_types: Collection[str] = ()
    callee: Callee | None = None


class RoutingTable:
    """All routes of an application. A path is found by one dictionary lookup.

    Args:
        routes: The rows; of two for the same method and path the later one counts.
        root_path: A prefix that a proxy in front may leave in the path.

    Attributes:
        by_path: For each path its routes, by HTTP method.
        by_target: The same by what callers mostly send: the path as it is, without a query and nothing to decode.
    """

    def __init__(self, routes: Iterable[Route], root_path: str = "") -> None:
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            methods = by_path.setdefault(route.path, {})
            for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
                methods[method] = route
        self.by_path: Mapping[str, Mapping[str, Route]] = by_path
        self.by_target: Mapping[bytes, Mapping[str, Route]] = {
            (prefix + path).encode(): methods
            for prefix in {"", root_path}
            for path, methods in by_path.items()
            if path.isascii() and "%" not in path
        }


def always(response: Response) -> Handler:
    """Return the handler that gives every request the same answer."""
    return lambda _request, reply: reply(response)


def when_asked(make: Callable[[], Response]) -> Handler:
    """Return the handler that makes its answer at the first request: most servers are never asked for most of these.

    Args:
        make: Returns the answer.
    """
    made = cache(make)
    return lambda _request, reply: reply(made())
