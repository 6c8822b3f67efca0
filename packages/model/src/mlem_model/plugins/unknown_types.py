"""The error for a word that no installed class has: who may have it, and which words are similar."""

from __future__ import annotations

from collections.abc import Sequence

from mlem_model.errors import PluginError
from mlem_model.legacy.fields import TYPES_04
from mlem_model.objects.validation import did_you_mean
from mlem_model.plugins.clashes import label
from mlem_model.plugins.installed import DISABLE
from mlem_model.plugins.kinds import OWN, Kind, normal_name, owner_of
from mlem_model.plugins.plugin import Plugin


def unknown_type(
    kinds: Sequence[Kind], word: str, of: str, made_by: str, known: Sequence[str], plugins: Sequence[Plugin]
) -> PluginError:
    """Return the error.

    Args:
        kinds: The kinds that the word could have been of, the one to name first.
        word: The word.
        of: The distribution that it was asked of; empty for any.
        made_by: What the file with the word says of who wrote it; empty when it does not say.
        known: The words that there are.
        plugins: All plugins, asked.
    """
    what = f'{label(kinds[0])} type "{word}"'
    owner = of or owner_of(kinds, word)
    theirs = [plugin for plugin in plugins if plugin.distribution_name == owner]
    written = f" (written by {made_by})" if made_by else ""
    if owner is not None and not theirs:
        return PluginError(f"{what} is not installed{written}", known=known, hint=f"pip install {normal_name(owner)}")
    suspects = theirs or [plugin for plugin in plugins if plugin.is_named_for(word)]
    for plugin in suspects:
        if plugin.off:
            return PluginError(
                f'{what} can\'t be used: plugin "{plugin.name}" of {plugin.distribution} is switched off',
                hint=f"see {DISABLE}",
            )
        if plugin.problems:
            return PluginError(
                f'the {what} can\'t be used: plugin "{plugin.name}" of {plugin.distribution} is broken: '
                f"{plugin.problem}",
                code="broken-plugin",
                hint=f"pip install --upgrade --force-reinstall {plugin.distribution_name}",
            )
    if word in TYPES_04 and not suspects:
        return PluginError(
            f"no {what}{written}",
            code="unknown-type",
            known=known,
            hint="MLEM 0.4 had it: mlem migrate says what to do",
        )
    hint = did_you_mean(word, [*known, *(own for kind in kinds for own in OWN[kind])])
    if hint is None:
        doubtful = [plugin.name for plugin in plugins if plugin.problems or plugin.off]
        hint = f"broken or switched off: {', '.join(doubtful)}; see mlem plugins" if doubtful else None
    where = f" in {theirs[0].distribution}{written}" if of else ""
    return PluginError(f"no {what}{where}", code="unknown-type", known=known, hint=hint)
