"""The registry: which class a word means, importing no more plugins than it takes to know."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from mlem_model.errors import PluginError
from mlem_model.plugins.clashes import Bearer, Clash, ambiguous, winner_of
from mlem_model.plugins.installed import installed_plugins
from mlem_model.plugins.kinds import BASE, KINDS, Kind, normal_name, owner_of
from mlem_model.plugins.plugin import Plugin
from mlem_model.plugins.unknown_types import unknown_type

if TYPE_CHECKING:
    from mlem_model.models.model_type import ModelType

__all__ = ["KINDS", "Kind", "Plugin", "Registry", "installed_plugins", "registry"]


class Registry:
    """The installed types.

    A word is looked for where it is known to be: one of ours in our distribution alone, any other first in the plugins
    that are named for it, and only when these do not have it in the rest. ``mlem-provider-x:word`` is the word as that
    distribution means it.

    Args:
        plugins: The plugins to manage; sorted by name, so that nothing depends on the order of installation.
    """

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self._plugins = sorted(plugins, key=lambda plugin: (plugin.name, plugin.distribution))

    @overload
    def get(self, kind: Literal["model_type"], type_: str, made_by: str = "") -> type[ModelType]: ...
    @overload
    def get(self, kind: Kind, type_: str, made_by: str = "") -> type[Any]: ...
    def get(self, kind: Kind, type_: str, made_by: str = "") -> type[Any]:
        """Return the class of a type.

        Args:
            kind: The kind of class.
            type_: The word that users type, ``mlem-provider-x:word`` for that of one distribution.
            made_by: The distribution that wrote the file with the word, with its version; empty when the file does not
                say.

        Raises:
            PluginError: No installed plugin has it, the one that should have it is broken, or two have it.
        """
        found = self.find((kind,), type_, made_by)
        if found is None:
            raise self.unknown((kind,), type_, made_by)
        return found

    def find(self, kinds: Sequence[Kind], type_: str, made_by: str = "", *, guess: bool = True) -> type[Any] | None:
        """Return the class of a type, None when there is none; see `get`.

        Args:
            kinds: The kinds that it may be of, the best first: unlikely plugins are asked only after all of the kinds
                were looked for in the likely ones.
            type_: The word.
            made_by: The distribution that wrote it.
            guess: Whether plugins are asked that nothing makes a likely place.
        """
        word, of = _split(type_, made_by)
        for stage in self._stages(kinds, word, of, guess=guess):
            for kind in kinds:
                bearers = [*self._bearers(kind, word, stage)]
                if not bearers:
                    continue
                winner = bearers[0] if of else winner_of((kind,), word, bearers)
                if winner is None:
                    raise ambiguous(kind, word, bearers)
                cls: type[Any] = winner.cls
                return cls
        return None

    def beside(self, cls: type[Any], kind: Kind, type_: str) -> type[Any]:
        """Return the class that another one names: as its own distribution has it, else as a user would mean the word.

        Raises:
            PluginError: No installed plugin has it.
        """
        made_by = getattr(cls, "made_by", "")
        found = self.find((kind,), type_, made_by) if made_by else None
        return found or self.get(kind, type_)

    def all(self, kind: Kind) -> dict[str, type[Any]]:
        """Return every class of a kind that its word alone means, in the order of the plugins."""
        found = {}
        for word, bearers in self._by_word(kind).items():
            winner = winner_of((kind,), word, bearers)
            if winner is not None:
                found[word] = winner.cls
        return found

    def words(self, kind: Kind) -> list[str]:
        """Return the words that can be typed for a kind, sorted.

        A class that another one's word hides is listed with its distribution.
        """
        plain = self.all(kind)
        others = [
            f"{bearer.plugin.distribution_name}:{word}"
            for word, bearers in self._by_word(kind).items()
            for bearer in bearers
            if plain.get(word) is not bearer.cls
        ]
        return [*sorted(plain), *sorted(others)]

    def word_of(self, cls: type[Any]) -> str:
        """Return the word that means a class and no other."""
        return f"{normal_name(cls.made_by.split()[0])}:{cls.type}" if getattr(cls, "made_by", "") else str(cls.type)

    def clashes(self) -> list[Clash]:
        """Return the words and names that more than one plugin claims; asks every plugin."""
        found = [
            Clash((kind,), word, tuple(bearers), winner_of((kind,), word, bearers))
            for kind in KINDS
            for word, bearers in self._by_word(kind).items()
            if len(bearers) > 1 or winner_of((kind,), word, bearers) is None
        ]
        return [*found, *self._clashes_of_names()]

    def plugins(self) -> Sequence[Plugin]:
        """Return all plugins, each asked for everything it has."""
        for plugin in self._plugins:
            for kind in KINDS:
                plugin.ask(kind)
        return self._plugins

    def known(self) -> Sequence[Plugin]:
        """Return all plugins as they are, asked or not."""
        return self._plugins

    def unknown(self, kinds: Sequence[Kind], type_: str, made_by: str = "") -> PluginError:
        """Return the error for a word that no class has; asks every plugin, to say what there is.

        Args:
            kinds: The kinds that it could have been of, the one to name first.
            type_: The word.
            made_by: The distribution that wrote it.
        """
        word, of = _split(type_, made_by)
        known = sorted({known for kind in kinds for known in self.words(kind)})
        return unknown_type(kinds, word, of, made_by, known, self._plugins)

    def _stages(self, kinds: Sequence[Kind], word: str, of: str, *, guess: bool) -> Iterator[list[Plugin]]:
        """Yield the plugins to ask together, the likeliest first."""
        if of:
            yield [plugin for plugin in self._plugins if plugin.distribution_name == of]
            return
        yield [plugin for plugin in self._plugins if plugin.distribution_name in BASE]
        owner = owner_of(kinds, word)
        if owner is not None:
            yield [plugin for plugin in self._plugins if plugin.distribution_name == owner]
            return
        others = [plugin for plugin in self._plugins if plugin.distribution_name not in BASE]
        yield [plugin for plugin in others if plugin.is_named_for(word)]
        if guess:
            yield [plugin for plugin in others if not plugin.is_named_for(word)]

    def _bearers(self, kind: Kind, word: str, plugins: Sequence[Plugin]) -> Iterator[Bearer]:
        seen: list[type[Any]] = []
        for plugin in plugins:
            for cls in plugin.ask(kind):
                if cls.type == word and not any(cls is other for other in seen):
                    seen.append(cls)
                    yield Bearer(plugin, cls)

    def _by_word(self, kind: Kind) -> dict[str, list[Bearer]]:
        words = dict.fromkeys(cls.type for plugin in self._plugins for cls in plugin.ask(kind))
        return {word: [*self._bearers(kind, word, self._plugins)] for word in words}

    def _clashes_of_names(self) -> Iterator[Clash]:
        for name in dict.fromkeys(plugin.name for plugin in self._plugins):
            of = [plugin for plugin in self._plugins if plugin.name == name]
            if len({plugin.distribution_name for plugin in of}) > 1:
                yield Clash((), name, tuple(Bearer(plugin, None) for plugin in of), None)


def _split(type_: str, made_by: str) -> tuple[str, str]:
    """Return the word and the distribution that it belongs to, which is empty for any.

    A prefix that is not the name of a distribution is ignored.
    """
    of, _, word = type_.rpartition(":")
    name = normal_name(of or (made_by.split() or [""])[0])
    return word.replace("-", "_"), name if re.fullmatch("[a-z0-9-]+", name) else ""


_made: Registry | None = None
_making = threading.Lock()


def registry() -> Registry:
    """Return the registry of what is installed; made at the first call."""
    global _made
    with _making:
        if _made is None:
            _made = Registry(installed_plugins())
        return _made


@contextlib.contextmanager
def using(other: Registry) -> Iterator[None]:
    """Put another registry in the place of that of what is installed, for tests of plugins."""
    global _made
    before, _made = _made, other
    try:
        yield
    finally:
        _made = before
