"""The edge to plugins: what one of them raises that is not a `MlemError` becomes one, named with who brought it.

Nothing is wrapped: the traceback says whose code was running. `failure_of` reads it, and `plugin_edge` is the net that
the engine, the resolving of declarations and the command line are under.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

from mlem_model.errors import MlemError, PluginError
from mlem_model.interrupts import INTERRUPTS
from mlem_model.plugins import registry as plugins
from mlem_model.plugins.kinds import BASE_PACKAGES, KINDS, is_own_package
from mlem_model.plugins.output import aside
from mlem_model.plugins.plugin import Plugin
from mlem_model.raised import in_words

ItemT = TypeVar("ItemT")
_UNUSABLE = (TypeError, AttributeError, LookupError, ValueError)
"""What the core raises when it is given something of another type than the contract says."""


@dataclass(frozen=True)
class _Place:
    """Where a plugin's code began to run.

    Attributes:
        function: The function that the core called; the core's own one where it could not use what a plugin had given
            it.
        subject: The object or class whose method it is; None for a bare function.
        module: The module.
        deployment: The deployment that it worked for, where one is in sight.
        unusable: Whether the plugin raised nothing itself, but gave what the core can't use: no list of steps, a status
            of text.
    """

    function: str
    subject: Any
    module: str
    deployment: Any
    unusable: bool = False


@contextmanager
def plugin_edge() -> Iterator[None]:
    """Turn what a plugin raises into a `PluginError`, and keep what it prints out of the command line's results.

    What is nobody's but ours stays as it is.

    Raises:
        PluginError: With the code ``plugin-failed``.
    """
    with _net(), aside():
        yield


def under_edge(items: Iterable[ItemT]) -> Iterator[ItemT]:
    """Yield what a plugin yields; what it raises on the way is turned as by `plugin_edge`."""
    with _net():
        yield from items


@contextmanager
def _net() -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        failure = failure_of(error)
        if failure is None or failure is error:
            raise
        raise failure from error


def failure_of(error: BaseException) -> MlemError | None:
    """Say what an exception is to a user.

    Args:
        error: The exception, as it was caught.

    Returns:
        The exception itself when it is a `MlemError`; a `PluginError` when a plugin's code raised it; None for an
        interrupt, and for what neither is: a defect of ours, or a caller's.
    """
    if isinstance(error, MlemError):
        return error
    if isinstance(error, (*INTERRUPTS, GeneratorExit)):
        return None
    place = _place_of(error)
    return None if place is None else _plugin_failed(place, error)


def _plugin_failed(place: _Place, error: BaseException) -> PluginError:
    plugin = _brought_by(place)
    distribution = plugin.distribution if plugin else f"the package {place.module.partition('.')[0]}"
    failed = "gave what can't be used by" if place.unusable else "failed in"
    return PluginError(
        f"{_subject(place)} {failed} {place.function}: {in_words(error)} ({distribution})",
        code="plugin-failed",
        hint=f"a fault of {plugin.distribution_name if plugin else distribution}, for its authors: "
        "--traceback shows where",
    )


def _subject(place: _Place) -> str:
    from mlem.deployments.step import Step

    words = []
    if isinstance(place.subject, Step):
        words.append(f'step "{place.subject.name}"')
    elif place.subject is not None and place.subject is not place.deployment:
        kind = getattr(place.subject, "object_type", "") or "client"
        cls: Any = place.subject if isinstance(place.subject, type) else type(place.subject)
        words.append(f'{kind.replace("_", " ")} type "{cls.type}"' if getattr(cls, "type", "") else cls.__name__)
    if place.deployment is not None:
        words.append(f'deployment type "{place.deployment.type}"')
    return " of ".join(words) or "a plugin"


def _place_of(error: BaseException) -> _Place | None:
    """Find the outermost frame that is a plugin's: what it calls in its turn is its own business."""
    trace, frame = error.__traceback__, None
    contracts = _contracts()
    packages = {plugin.package for plugin in plugins.registry().known() if plugin.package}
    deployment, module = None, ""
    while trace is not None:
        frame = trace.tb_frame
        module = str(frame.f_globals.get("__name__", ""))
        deployment = _deployment_in(frame) or deployment
        subject = _subject_of(frame, contracts)
        if subject is not None or (module.partition(".")[0] in packages and not _is_core(module)):
            owner = module if subject is None else (subject if isinstance(subject, type) else type(subject)).__module__
            return _Place(frame.f_code.co_name, subject, owner, deployment)
        trace = trace.tb_next
    if (
        frame is None
        or deployment is None
        or not isinstance(error, _UNUSABLE)
        or is_own_package(type(deployment).__module__)
    ):
        return None
    return (
        _Place(frame.f_code.co_name, None, type(deployment).__module__, deployment, unusable=True)
        if _is_core(module)
        else None
    )


def _subject_of(frame: FrameType, contracts: tuple[type[Any], ...]) -> Any:
    """Return the object or the class that a frame's function is a method of, when that is a plugin's."""
    code = frame.f_code
    if not code.co_argcount or code.co_varnames[0] not in ("self", "cls"):
        return None
    subject = frame.f_locals.get(code.co_varnames[0])
    cls = subject if isinstance(subject, type) else type(subject)
    return subject if issubclass(cls, contracts) and not _is_core(cls.__module__) else None


def _deployment_in(frame: FrameType) -> Any:
    from mlem.deployments.deployment import Deployment
    from mlem.deployments.step import Context

    for value in frame.f_locals.values():
        if isinstance(value, Deployment):
            return value
        if isinstance(value, Context):
            return value.deployment
    return None


def _contracts() -> tuple[type[Any], ...]:
    from mlem.deployments.step import Step
    from mlem.state.manager import Store
    from mlem_model.models.model_type import ModelType
    from mlem_model.objects.object import MlemObject

    return (MlemObject, Step, Store, ModelType)


def _is_core(module: str) -> bool:
    return module.partition(".")[0] in BASE_PACKAGES


def _brought_by(place: _Place) -> Plugin | None:
    """Return the plugin whose class or package a place is in."""
    known = plugins.registry().known()
    cls = place.subject if isinstance(place.subject, type) else type(place.subject)
    for plugin in known:
        if any(cls is brought for kind in KINDS for brought in plugin.classes.get(kind, ())):
            return plugin
    package = place.module.partition(".")[0]
    found = next((plugin for plugin in known if plugin.package == package), None)
    if found is not None or place.deployment is None:
        return found
    deployed = type(place.deployment)
    return next((plugin for plugin in known if deployed in plugin.classes.get("deployment", ())), None)
