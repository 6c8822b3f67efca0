"""Which plugins are installed: found without importing any."""

from __future__ import annotations

import os
from collections.abc import Collection
from importlib.metadata import Distribution, distributions
from typing import Any

from mlem_model.plugins.kinds import BASE, normal_name
from mlem_model.plugins.plugin import Plugin

GROUP = "mlem"
DISABLE = "MLEM_DISABLE_PLUGINS"
"""The variable that switches plugins off: names of plugins or distributions with commas between, ``*`` or ``all`` for
all but ours."""


def installed_plugins() -> list[Plugin]:
    """Find the plugins; each is told apart by its distribution, also where two have one name."""
    seen: set[str] = set()
    found = []
    off = {normal_name(word.strip()) for word in os.environ.get(DISABLE, "").split(",") if word.strip()}
    for distribution in distributions():
        if f"[{GROUP}]" not in (distribution.read_text("entry_points.txt") or ""):  # cheaper than to parse them all
            continue
        name, version = _identity(distribution)
        if normal_name(name) in seen:  # the first on the path is the one that is imported
            continue
        seen.add(normal_name(name))
        for entry in distribution.entry_points.select(group=GROUP):
            plugin = Plugin(entry.name, f"{name} {version}".strip(), entry.load)
            plugin.off = is_off(plugin, off)
            found.append(plugin)
    return found


def is_off(plugin: Plugin, off: Collection[str]) -> bool:
    """Whether a plugin is switched off.

    Args:
        plugin: The plugin; the core's own can't be.
        off: Normal names of plugins and distributions; ``*`` and ``all`` are all that are not ours.
    """
    if plugin.distribution_name in BASE:
        return False
    return bool({normal_name(plugin.name), plugin.distribution_name} & {*off}) or (
        not plugin.ours and bool({"*", "all"} & {*off})
    )


def _identity(distribution: Distribution) -> tuple[str, str]:
    """Return name and version; of a distribution without metadata, what its folder is called."""
    metadata: Any = {}
    try:
        metadata = distribution.metadata or {}
        name, version = metadata["Name"], metadata["Version"]
    except Exception:  # every version of Python reports missing or broken metadata in another way
        name = version = None
    folder = str(getattr(distribution, "_path", "unknown")).replace("\\", "/").rpartition("/")[2]
    stem = folder.removesuffix(".dist-info").removesuffix(".egg-info")
    return name or stem.partition("-")[0], version or stem.partition("-")[2]
