"""What the platforms of a project say of themselves before anything is deployed to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mlem.deployments.edge import failure_of, plugin_edge
from mlem.deployments.env import Env
from mlem.deployments.resolving.resolve import load_deployment, resolve_env
from mlem.project.project import Location, locate, objects_of_kind
from mlem_model.errors import MlemError
from mlem_model.interrupts import INTERRUPTS

PlatformCheck = Callable[[], str]
"""Says what it found; raises a `MlemError`."""


def platform_checks(place: Location) -> Iterator[tuple[str, PlatformCheck]]:
    """Yield the checks of the envs that a project declares, and of those that its deployments need, each env once.

    Args:
        place: A place in the project.

    Yields:
        What is checked, ``env prod: AWS account``, and the check.
    """
    seen: list[Env] = []
    for words, read in _envs(place):
        try:
            with plugin_edge():
                env = read()
                found = {} if env in seen else dict(env.preflight())
        except BaseException as error:
            failure = failure_of(error)
            if failure is None or isinstance(error, INTERRUPTS):
                raise
            yield words, _raising(failure)
            continue
        seen.append(env)
        yield from ((f"{words}: {name}", _under_edge(check)) for name, check in found.items())


def _envs(place: Location) -> Iterator[tuple[str, Callable[[], Env]]]:
    from mlem.api.objects import load_meta

    for name, _ in objects_of_kind(place.root, "env"):
        yield f"env {name}", lambda name=name: load_meta(name, place.root, kind="env")  # type: ignore[misc]  # a default
    for name, _ in objects_of_kind(place.root, "deployment"):
        yield f"deployment {name}", lambda name=name: _env_of(locate(name, place.root))  # type: ignore[misc]  # same


def _env_of(place: Location) -> Env:
    return resolve_env(load_deployment(place), place)


def _under_edge(check: PlatformCheck) -> PlatformCheck:
    def checked() -> str:
        with plugin_edge():
            return str(check())

    return checked


def _raising(error: MlemError) -> PlatformCheck:
    def checked() -> str:
        raise error

    return checked
