"""`Platform`: apps, their releases, config vars, formation and dynos, and what happens to them."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlem_heroku_simulator.dynos.dyno import Dyno, Settings
from mlem_heroku_simulator.dynos.one_off import OneOff
from mlem_heroku_simulator.platform.app_state import AppState, Formation, Release
from mlem_heroku_simulator.platform.offers import EMAIL, expect_name, expect_region, expect_stack
from mlem_heroku_simulator.platform.refusal import Refusal
from mlem_heroku_simulator.platform.registry import Registry

if TYPE_CHECKING:
    from mlem_provider_docker import Engine


class Platform:
    """Heroku, as far as a deployment goes.

    Args:
        engine: Runs the dynos.
        registry: Has the images.
        settings: How dynos are run.

    Attributes:
        apps: The apps by id.
        strangers: Names of other accounts' apps, which may not be looked at.
        reserved: Names that can't be had, though no app is seen under them.
        lock: Held by whoever changes something.
    """

    def __init__(self, engine: Engine, registry: Registry, settings: Settings) -> None:
        self._engine, self._registry, self._settings = engine, registry, settings
        self._ends: list[threading.Thread] = []
        self.apps: dict[str, AppState] = {}
        self.strangers: set[str] = set()
        self.reserved: set[str] = set()
        self.lock = threading.RLock()

    def find(self, identity: str) -> AppState:
        """Return an app by id or name."""
        if identity in self.strangers:
            raise Refusal(403, "forbidden", f"You do not have access to the app {identity}.")
        for app in self.apps.values():
            if identity in (app.id, app.name):
                return app
        raise Refusal(404, "not_found", "Couldn't find that app.")

    def create(self, name: str, region: str, team: str | None, stack: str = "container") -> AppState:
        """Create an app."""
        self._expect_free(name)
        expect_region(region)
        expect_stack(stack)
        app = AppState(name, region, team, names=[name], stack=stack, build_stack=stack)
        app.releases = [Release(1, "Initial release", None, {}), Release(2, "Enable Logplex", None, {})]
        self.apps[app.id] = app
        return app

    def rename(self, app: AppState, name: str) -> None:
        """Give an app another name, and with it another address."""
        if name != app.name:
            self._expect_free(name)
            app.name = name
            app.names.append(name)

    def _expect_free(self, name: str) -> None:
        expect_name(name)
        if name in self.strangers | self.reserved or any(name == app.name for app in self.apps.values()):
            raise Refusal(422, "invalid_params", f"Name {name} is already taken")

    def delete(self, app: AppState) -> None:
        """Delete an app: its dynos end, its images go."""
        self._stop(app, app.dynos)
        for one_off in app.one_offs:
            one_off.stop()
        app.log.close()
        del self.apps[app.id]
        for end in self._ends:
            end.join(self._settings.stop_timeout_s + 30)
        for copy in app.copies.values():
            self._registry.remove(copy)

    def set_config_vars(self, app: AppState, changes: Mapping[str, str | None]) -> None:
        """Change config vars: a release, and the dynos start again."""
        values = {name: value for name, value in {**app.config_vars, **changes}.items() if value is not None}
        if values == app.config_vars:
            return
        verb = "Set" if any(changes.values()) else "Remove"
        app.config_vars = values
        self._release(app, f"{verb} {', '.join(changes)} config vars", app.current.image_id)

    def release_image(self, app: AppState, image_id: str) -> None:
        """Release an image that was pushed.

        Nothing happens when it runs already.
        """
        if app.current.image_id == image_id:
            return
        if image_id not in app.copies:
            name = self._registry.find([f"{name}/web" for name in reversed(app.names)], image_id)
            if name is None:
                raise Refusal(404, "not_found", f"Couldn't find the docker image {image_id}")
            app.copies[image_id] = self._registry.copy(name, image_id)
        app.formation = app.formation or Formation()
        self._release(app, f"Deployed web ({image_id.removeprefix('sha256:')[:12]})", image_id)

    def release(self, app: AppState, identity: str) -> Release:
        """Return a release by its id or its version."""
        for release in app.releases:
            if identity in (release.id, str(release.version)):
                return release
        raise Refusal(404, "not_found", "Couldn't find that release.")

    def roll_back(self, app: AppState, release_id: str) -> None:
        """Put a release back, with its config vars."""
        found = self.release(app, release_id)
        if found.image_id is None:
            raise Refusal(422, "invalid_params", f"Can't roll back to v{found.version}: it has no code")
        app.config_vars = dict(found.config_vars)
        self._release(app, f"Rollback to v{found.version}", found.image_id)

    def _release(self, app: AppState, description: str, image_id: str | None) -> None:
        app.releases.append(Release(app.current.version + 1, description, image_id, dict(app.config_vars)))
        app.log.write("app", "api", f"Release v{app.current.version} created by user {EMAIL}")
        self.restart(app)

    def scale(self, app: AppState, quantity: int | None, size: str | None) -> None:
        """Change the formation: another size starts all dynos again."""
        if app.formation is None:
            raise Refusal(404, "not_found", "Couldn't find that process type (web).")
        resized = size is not None and size != app.formation.size
        app.formation.size = size or app.formation.size
        app.formation.quantity = app.formation.quantity if quantity is None else quantity
        app.log.write("app", "api", f"Scaled to web@{app.formation.quantity}:{app.formation.size} by user {EMAIL}")
        if resized:
            self.restart(app)
            return
        while len(app.dynos) > app.formation.quantity:
            self._ends.append(app.dynos.pop().stop())
        self._fill(app)

    def restart(self, app: AppState, dyno: str | None = None) -> None:
        """Start dynos again: the new ones start while the old ones end.

        Args:
            app: The app.
            dyno: A dyno's name or id, or a process type; all where None.
        """
        self._stop(app, [each for each in app.dynos if dyno in (None, each.name, each.id, "web")])
        self._fill(app)

    def _fill(self, app: AppState) -> None:
        wanted = app.formation.quantity if app.formation is not None and app.current.image_id is not None else 0
        taken = {each.name for each in app.dynos}
        for name in [f"web.{number}" for number in range(1, wanted + 1)]:
            if name not in taken:
                self._start(app, name)
        app.dynos.sort(key=lambda each: int(each.name.partition(".")[2]))

    def _start(self, app: AppState, name: str) -> None:
        release = app.current
        image = app.copies[release.image_id or ""]
        dyno = Dyno(self._engine, image, name, release.version, app.config_vars, app.log, self._settings)
        app.dynos.append(dyno)
        dyno.start()

    def _stop(self, app: AppState, dynos: Sequence[Dyno]) -> None:
        self._ends = [end for end in self._ends if end.is_alive()] + [dyno.stop() for dyno in dynos]
        app.dynos = [dyno for dyno in app.dynos if dyno not in dynos]

    def one_off(self, app: AppState, command: str, environment: Mapping[str, str], size: str | None) -> OneOff:
        """Make a dyno for one command, with the image and the config vars of now.

        Who wants its output runs it.
        """
        release = app.current
        if release.image_id is None:
            raise Refusal(422, "invalid_params", "Cannot run one-off process: the app has no release with code.")
        given = {**app.config_vars, **environment}
        name, image = f"run.{random.randrange(1000, 10000)}", app.copies[release.image_id]  # noqa: S311  # as Heroku names them
        size = size or (app.formation.size if app.formation else "Basic")
        made = OneOff(self._engine, image, name, release.version, size, command, given, self._settings.simulator)
        app.one_offs = [each for each in app.one_offs if each.state != "complete"] + [made]
        app.log.write("app", "api", f"Starting process with command `{command}` by user {EMAIL}")
        return made

    def close(self) -> None:
        """Delete all apps."""
        with self.lock:
            for app in list(self.apps.values()):
                self.delete(app)
