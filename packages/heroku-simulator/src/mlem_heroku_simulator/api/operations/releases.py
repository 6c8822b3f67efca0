"""What is done to releases and to the formation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlem_heroku_simulator.api import documents
from mlem_heroku_simulator.api.answer import Answer
from mlem_heroku_simulator.api.ranges import part
from mlem_heroku_simulator.limits import MOST_DYNOS
from mlem_heroku_simulator.platform.app_state import AppState, Release
from mlem_heroku_simulator.platform.offers import size_name
from mlem_heroku_simulator.platform.platform import Platform
from mlem_heroku_simulator.platform.refusal import Refusal

_BY: Mapping[str, Callable[[Release], Any]] = {
    "version": lambda release: release.version,
    "id": lambda release: release.id,
}


class ReleaseOperations:
    """Releases and the formation.

    Args:
        platform: What they act on.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def table(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        """Return methods, paths and what they do."""
        return [
            ("GET", "/apps/{app}/releases", self._releases),
            ("GET", "/apps/{app}/releases/{release}", self._release),
            ("GET", "/apps/{app}/releases/{release}/config-vars", self._config_vars),
            ("POST", "/apps/{app}/releases", self._roll_back),
            ("GET", "/apps/{app}/formation", lambda app, **_: Answer(200, documents.formation(app))),
            ("PATCH", "/apps/{app}/formation", self._set_formation),
            ("GET", "/apps/{app}/formation/{kind}", self._process_type),
            ("PATCH", "/apps/{app}/formation/{kind}", self._set_process_type),
        ]

    def _releases(self, app: AppState, headers: Mapping[str, str], **_: Any) -> Answer:
        return part(app.releases, headers.get("Range", ""), _BY, lambda release: documents.release(app, release))

    def _release(self, app: AppState, release: str, **_: Any) -> Answer:
        return Answer(200, documents.release(app, self._platform.release(app, release)))

    def _config_vars(self, app: AppState, release: str, **_: Any) -> Answer:
        return Answer(200, dict(self._platform.release(app, release).config_vars))

    def _roll_back(self, app: AppState, body: Mapping[str, Any], **_: Any) -> Answer:
        if "release" not in body:
            raise Refusal(422, "invalid_params", "The simulator takes images alone, no slugs: release is missing.")
        self._platform.roll_back(app, str(body["release"]))
        return Answer(201, documents.release(app, app.current))

    def _set_formation(self, app: AppState, headers: Mapping[str, str], body: Mapping[str, Any], **_: Any) -> Answer:
        updates = body.get("updates")
        if not isinstance(updates, list) or not all(isinstance(update, Mapping) for update in updates):
            raise Refusal(422, "invalid_params", "updates is required, a list of objects.")
        self._update(app, headers, updates)
        return Answer(200, documents.formation(app))

    def _process_type(self, app: AppState, kind: str, **_: Any) -> Answer:
        found = [each for each in documents.formation(app) if kind in (each["type"], each["id"])]
        if not found:
            raise _no_type(kind)
        return Answer(200, found[0])

    def _set_process_type(
        self, app: AppState, headers: Mapping[str, str], body: Mapping[str, Any], kind: str, **_: Any
    ) -> Answer:
        self._update(app, headers, [{**body, "type": kind}])
        return self._process_type(app, kind)

    def _update(self, app: AppState, headers: Mapping[str, str], updates: Sequence[Mapping[str, Any]]) -> None:
        now = app.formation.quantity if app.formation else 0
        wanted = []
        for update in updates:  # all is looked at before anything is changed
            if update.get("type") != "web":
                raise _no_type(str(update.get("type")))
            if "docker_image" in update and "3.docker-releases" not in headers.get("Accept", ""):
                raise Refusal(422, "invalid_params", "docker_image needs the variant 3.docker-releases.")
            if update.get("docker_image", "") is None:
                raise Refusal(422, "invalid_params", "The simulator does not take process types away.")
            size = size_name(update.get("dyno_size") or update.get("size"))
            wanted.append((update.get("docker_image"), _quantity(update.get("quantity"), now), size))
        for image_id, quantity, size in wanted:
            if image_id is not None:
                self._platform.release_image(app, image_id)
            if quantity is not None or size is not None:
                self._platform.scale(app, quantity, size)


def _quantity(given: Any, now: int) -> int | None:
    """Return how many dynos are asked for.

    ``2``, ``"2"``, or ``"+1"`` and ``"-1"`` relative to those that there are.
    """
    if given is None:
        return None
    if not re.fullmatch(r"[+-]?\d{1,4}", str(given)) or isinstance(given, bool):
        raise Refusal(422, "invalid_params", f"Couldn't parse quantity {given}.")
    found = now + int(given) if isinstance(given, str) and given[0] in "+-" else int(given)
    if not 0 <= found <= MOST_DYNOS:
        raise Refusal(422, "invalid_params", f"Cannot scale to {found} dynos.")
    return found


def _no_type(kind: str) -> Refusal:
    return Refusal(404, "not_found", f"Couldn't find that process type ({kind}).")
