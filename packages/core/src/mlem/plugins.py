"""The registry: finds plugins, loads them late, checks them, and indexes their classes by kind and type."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, overload

import pluggy

from mlem import hookspecs
from mlem.errors import PluginError
from mlem.validation import did_you_mean

if TYPE_CHECKING:
    from mlem.builder import Builder
    from mlem.client import Client
    from mlem.deployment import Deployment
    from mlem.env import Env
    from mlem.model_types.base import ModelType
    from mlem.state_manager import StateManager

Kind = Literal["env", "deployment", "state_manager", "client", "builder", "model_type"]
KINDS: tuple[Kind, ...] = ("env", "deployment", "state_manager", "client", "builder", "model_type")
GROUP = "mlem"

PUBLISHED: dict[str, str] = {
    "local": "mlem-provider-local",
    "local_process": "mlem-provider-local",
    "docker": "mlem-provider-docker",
    "docker_container": "mlem-provider-docker",
    "docker_dir": "mlem-provider-docker",
    "heroku": "mlem-provider-heroku",
    "sagemaker": "mlem-provider-sagemaker",
    "s3": "mlem-state-s3",
}
"""The distribution that has a type, for the hint when it is not installed."""


@dataclass
class Plugin:
    """An entry point of the group ``mlem``.

    Attributes:
        name: The plugin's short word.
        distribution: The distribution that brings it, with its version.
        load: Imports its module.
        problem: Why it can't be used; empty when it can.
        module: The module, once it is imported.
        classes: Its classes by kind, once it was asked for them.
    """

    name: str
    distribution: str
    load: Callable[[], Any]
    problem: str = ""
    module: Any = None
    classes: dict[Kind, list[type[Any]]] = field(default_factory=dict)


class Registry:
    """The installed types.

    Args:
        plugins: The plugins to manage; sorted by name, so that nothing depends on the order of installation.
    """

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self._plugins = sorted(plugins, key=lambda plugin: (plugin.name, plugin.distribution))

    @overload
    def get(self, kind: Literal["env"], type_: str) -> type[Env]: ...
    @overload
    def get(self, kind: Literal["deployment"], type_: str) -> type[Deployment]: ...
    @overload
    def get(self, kind: Literal["state_manager"], type_: str) -> type[StateManager]: ...
    @overload
    def get(self, kind: Literal["client"], type_: str) -> type[Client]: ...
    @overload
    def get(self, kind: Literal["builder"], type_: str) -> type[Builder]: ...
    @overload
    def get(self, kind: Literal["model_type"], type_: str) -> type[ModelType]: ...
    def get(self, kind: Kind, type_: str) -> type[Any]:
        """Return the class of a type, importing as few plugins as it takes.

        Args:
            kind: The kind of class.
            type_: The word that users type.

        Raises:
            PluginError: No installed plugin has it, or the one that should have it is broken.
        """
        word = type_.replace("-", "_")
        # A plugin's name is most often the first word of its types: docker for docker_container.
        likely_first = sorted(self._plugins, key=lambda plugin: not word.startswith(plugin.name))
        for plugin in likely_first:
            for cls in self._classes(plugin, kind):
                if cls.type == word:
                    return cls
        raise self._unknown(kind, type_, word)

    def all(self, kind: Kind) -> dict[str, type[Any]]:
        """Return every installed class of a kind by its type, in the order of the plugins.

        Raises:
            PluginError: Two plugins have the same type.
        """
        found: dict[str, type[Any]] = {}
        owner: dict[str, Plugin] = {}
        for plugin in self._plugins:
            for cls in self._classes(plugin, kind):
                if cls.type in found:
                    raise PluginError(
                        f'two plugins have the {kind} type "{cls.type}": {owner[cls.type].distribution} and {plugin.distribution}',
                        code="duplicate-type",
                        hint=f"uninstall one of them: pip uninstall {plugin.distribution.split()[0]}",
                    )
                found[cls.type], owner[cls.type] = cls, plugin
        return found

    def plugins(self) -> Sequence[Plugin]:
        """Return all plugins, each asked for everything it has."""
        for plugin in self._plugins:
            for kind in KINDS:
                self._classes(plugin, kind)
        return self._plugins

    def _classes(self, plugin: Plugin, kind: Kind) -> Sequence[type[Any]]:
        if kind in plugin.classes:
            return plugin.classes[kind]
        plugin.classes[kind] = []
        if plugin.problem:
            return ()
        try:
            manager = _manager_of(plugin)
            implementations = getattr(manager.hook, f"mlem_{kind}s").get_hookimpls()
            plugin.classes[kind] = [cls for implementation in implementations for cls in implementation.function()]
        # Importing a stranger's module may raise anything; it must not take the other plugins with it.
        except Exception as error:
            plugin.problem = f"{type(error).__name__}: {error}"
        return plugin.classes[kind]

    def _unknown(self, kind: Kind, type_: str, word: str) -> PluginError:
        known = sorted(self.all(kind))
        broken = [plugin for plugin in self._plugins if plugin.problem]
        suspect = next((plugin for plugin in broken if word.startswith(plugin.name)), None)
        label = kind.replace("_", " ")
        if suspect is not None:
            owner = f'plugin "{suspect.name}" of {suspect.distribution}'
            return PluginError(
                f'the {label} type "{type_}" can\'t be used: {owner} is broken: {suspect.problem}',
                code="broken-plugin",
                hint=f"pip install --upgrade --force-reinstall {suspect.distribution.split()[0]}",
            )
        if word in PUBLISHED:
            return PluginError(f'{label} type "{type_}" is not installed', known=known, hint=f"pip install {PUBLISHED[word]}")
        hint = did_you_mean(word, [*known, *PUBLISHED])
        if hint is None and broken:
            hint = f"broken plugins: {', '.join(plugin.name for plugin in broken)}; see mlem plugins"
        return PluginError(f'no {label} type "{type_}"', code="unknown-type", known=known, hint=hint)


def _manager_of(plugin: Plugin) -> pluggy.PluginManager:
    """Register a plugin's module with a manager of its own: isolation is per plugin."""
    module = plugin.load() if plugin.module is None else plugin.module
    plugin.module = module
    version = getattr(module, "api_version", hookspecs.API_VERSION)
    if version != hookspecs.API_VERSION:
        raise PluginError(f"written for version {version} of the plugin interface, this mlem-core has {hookspecs.API_VERSION}")
    manager = pluggy.PluginManager("mlem")
    manager.add_hookspecs(hookspecs)
    manager.register(module, plugin.name)
    manager.check_pending()
    return manager


def installed_plugins() -> list[Plugin]:
    """Find the installed plugins without importing any."""
    plugins = []
    for entry in importlib.metadata.entry_points(group=GROUP):
        distribution = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown"
        plugins.append(Plugin(entry.name, distribution, entry.load))
    return plugins


@functools.cache
def registry() -> Registry:
    """Return the registry of what is installed; made at the first call."""
    return Registry(installed_plugins())
