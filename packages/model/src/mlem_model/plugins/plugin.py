"""`Plugin`: what one entry point brings.

What goes wrong in a plugin is reported with the name of its distribution, and does not affect other plugins.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pluggy

from mlem_model.errors import MlemError, PluginError
from mlem_model.hookspecs import API_VERSION
from mlem_model.interrupts import INTERRUPTS
from mlem_model.plugins.checks import problem_of
from mlem_model.plugins.kinds import DISTRIBUTIONS, KINDS, SPECIFICATIONS, Kind, is_own_package, normal_name
from mlem_model.plugins.output import aside
from mlem_model.raised import in_words

_thread = threading.local()


@dataclass
class Plugin:
    """An entry point of the group ``mlem``.

    Attributes:
        name: The plugin's short word.
        distribution: The distribution that brings it, with its version.
        load: Imports its module.
        off: Whether it is switched off: then it is never imported.
        module: The module, once it is imported.
        classes: Its classes by kind, once it was asked for them; those that can't be used are left out.
        problems: What is wrong with it, a line each.
        traces: The tracebacks of the problems that have one.
        import_s: How long importing it and calling its hooks has taken, seconds.
    """

    name: str
    distribution: str
    load: Callable[[], Any]
    off: bool = False
    module: Any = None
    classes: Mapping[Kind, Sequence[type[Any]]] = field(default_factory=dict)
    problems: Sequence[str] = ()
    traces: Sequence[str] = ()
    import_s: float = 0.0

    def __post_init__(self) -> None:
        # One for each plugin: whoever waits for a slow one does not hold up who needs another.
        self._lock = threading.RLock()
        self._asking = False

    @property
    def distribution_name(self) -> str:
        """The distribution's name without its version, as names are compared."""
        return normal_name((self.distribution.split() or [""])[0])

    @property
    def ours(self) -> bool:
        """Whether one of our own distributions brings it."""
        return self.distribution_name in DISTRIBUTIONS

    @property
    def package(self) -> str:
        """The import package of its module; empty before it is imported."""
        named = getattr(self.module, "__name__", None) or getattr(self.module, "__module__", None)
        return str(named or "").partition(".")[0]

    @property
    def problem(self) -> str:
        """Everything that is wrong with it, on one line; empty when nothing is."""
        return "; ".join(self.problems)

    def is_named_for(self, word: str) -> bool:
        """Whether its name is a word, or the first part of one: ``docker`` is named for ``docker_container``."""
        name = self.name.replace("-", "_")
        return word == name or word.startswith(f"{name}_")

    def ask(self, kind: Kind) -> Sequence[type[Any]]:
        """Return its classes of a kind; the first call imports it.

        Nothing is kept of a call that an interrupt ended: the next one asks anew.
        """
        if kind in self.classes:
            return self.classes[kind]
        # A plugin that uses the registry while it is imported waits for no other: two that do so would wait for each
        # other.
        if self.off or not self._lock.acquire(blocking=not getattr(_thread, "importing", False)):
            return ()
        try:
            if kind in self.classes or self._asking:
                return self.classes.get(kind, ())
            self._asking, outer = True, getattr(_thread, "importing", False)
            _thread.importing = True
            try:
                self._ask(kind)
            finally:
                self._asking, _thread.importing = False, outer
            return self.classes[kind]
        finally:
            self._lock.release()

    def _ask(self, kind: Kind) -> None:
        started = time.perf_counter()
        kinds: Sequence[Kind] = KINDS if self.module is None else (kind,)
        try:
            with aside():
                hooks = self._hooks()
                kinds = (kind,)
                answers = [hook.function() for hook in getattr(hooks.hook, f"mlem_{kind}s").get_hookimpls()]
                found, problems = self._checked(kind, answers)
            traces: Sequence[str] = ()
        except INTERRUPTS:
            raise
        # A stranger's module may raise anything, sys.exit included; it must not take the others with it.
        except BaseException as error:
            found, problems, traces = [], [_told(error)], [_trace(error)]
        self.import_s += time.perf_counter() - started
        self.problems, self.traces = [*self.problems, *problems], [*self.traces, *traces]
        self.classes = {**self.classes, **dict.fromkeys(kinds, ()), kind: found}

    def _hooks(self) -> pluggy.PluginManager:
        """Register the module with a manager of its own: isolation is per plugin."""
        module = self.load() if self.module is None else self.module
        version = getattr(module, "api_version", API_VERSION)
        if version != API_VERSION:
            raise PluginError(
                f"written for version {version} of the plugin interface, this mlem-core has {API_VERSION}"
            )
        manager = pluggy.PluginManager("mlem")
        for specification in _specifications():
            manager.add_hookspecs(specification)
        manager.register(module, self.name)
        manager.check_pending()
        self.module = module
        return manager

    def _checked(self, kind: Kind, answers: Sequence[Any]) -> tuple[list[type[Any]], list[str]]:
        found: dict[str, type[Any]] = {}
        problems = []
        for answer in answers:
            if not isinstance(answer, list | tuple):
                problems.append(
                    f"mlem_{kind}s returned an object of the type {type(answer).__qualname__}, "
                    "expected a list of classes"
                )
                continue
            for cls in answer:
                problem = problem_of(kind, cls)
                if problem is None and found.get(cls.type, cls) is not cls:
                    problem = f'two of its classes have the type "{cls.type}"'
                if problem is None:
                    found[cls.type] = self._marked(cls)
                else:
                    problems.append(f"mlem_{kind}s: {problem}")
        return list(found.values()), problems

    def _marked(self, cls: type[Any]) -> type[Any]:
        """Note in a class who brings it, for the files that are written of it; ours need no note."""
        if (
            hasattr(cls, "made_by")
            and "made_by" not in vars(cls)
            and not self.ours
            and not is_own_package(cls.__module__)
        ):
            cls.made_by = self.distribution
        return cls


@functools.cache
def _specifications() -> list[Any]:
    found = []
    for name in SPECIFICATIONS:
        # Where models are only served there is no core; and where MLEM 0.4 was installed over it, it raises anything.
        with contextlib.suppress(Exception):
            found.append(importlib.import_module(name))
    return found


def _told(error: BaseException) -> str:
    return error.message if isinstance(error, MlemError) else in_words(error)


def _trace(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error))
