"""Who a word belongs to when more than one plugin has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlem_model.errors import PluginError
from mlem_model.plugins.kinds import BASE, Kind, owner_of
from mlem_model.plugins.plugin import Plugin


@dataclass(frozen=True)
class Bearer:
    """A plugin that has a word.

    Attributes:
        plugin: The plugin.
        cls: The class that it means; None for the plugin's own name.
    """

    plugin: Plugin
    cls: Any


@dataclass(frozen=True)
class Clash:
    """A word that a plugin claims and does not get, or that several plugins claim.

    Attributes:
        kinds: The kinds of type; empty for the name of a plugin, where a clash does no harm.
        word: The word.
        bearers: Who has it.
        winner: Who the word means; None when it means nobody.
    """

    kinds: Sequence[Kind]
    word: str
    bearers: Sequence[Bearer]
    winner: Bearer | None

    @property
    def harmful(self) -> bool:
        """Whether the word means nobody's class, though two plugins have it."""
        return bool(self.kinds) and self.winner is None and owner_of(self.kinds, self.word) is None

    def __str__(self) -> str:
        names = " and ".join(bearer.plugin.distribution for bearer in self.bearers)
        if not self.kinds:
            return f'the plugins of {names} have the same name, "{self.word}": each is told apart by its distribution'
        what = f'{label(self.kinds[0])} type "{self.word}"'
        losers = [bearer.plugin for bearer in self.bearers if bearer is not self.winner]
        qualified = " or ".join(f"{plugin.distribution_name}:{self.word}" for plugin in losers)
        owner = self.winner.plugin.distribution if self.winner else owner_of(self.kinds, self.word)
        if owner is None:
            return f"{what} is provided by {names}: say which one you mean, {qualified}"
        return (
            f"{what} of {' and '.join(plugin.distribution for plugin in losers)}: "
            f"the word means {owner}'s, theirs is {qualified}"
        )


def winner_of(kinds: Sequence[Kind], word: str, bearers: Sequence[Bearer]) -> Bearer | None:
    """Return whose class a word means; None when it means nobody's.

    Ours before any other; then the only one whose plugin is named for the word; then the only one.

    Args:
        kinds: The kind of type.
        word: The word.
        bearers: Who has it.
    """
    owner = owner_of(kinds, word)
    for ours in (*BASE, owner):
        found = next((bearer for bearer in bearers if bearer.plugin.distribution_name == ours), None)
        if found is not None:
            return found
    if owner is not None:
        return None
    named = [bearer for bearer in bearers if bearer.plugin.is_named_for(word)] or list(bearers)
    return named[0] if len(named) == 1 else None


def ambiguous(kind: Kind, word: str, bearers: Sequence[Bearer]) -> PluginError:
    """Return the error for a word that two plugins have, neither with a better right to it."""
    names = " and ".join(bearer.plugin.distribution for bearer in bearers)
    first, *_ = [f"{bearer.plugin.distribution_name}:{word}" for bearer in bearers]
    return PluginError(
        f'two plugins have the {label(kind)} type "{word}": {names}',
        code="duplicate-type",
        known=[f"{bearer.plugin.distribution_name}:{word}" for bearer in bearers],
        hint=f"say which: {first}; or switch one off: MLEM_DISABLE_PLUGINS={bearers[-1].plugin.distribution_name}",
    )


def label(kind: Kind) -> str:
    """Return a kind in words."""
    return kind.replace("_", " ")
