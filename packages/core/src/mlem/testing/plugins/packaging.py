"""`PackagingSuite`: a distribution with plugins, as an installer, an index and an impatient user see it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.metadata import Distribution, EntryPoint, distribution
from typing import Any, ClassVar

import pytest

from mlem.testing.standard import Suite
from mlem_model.hookspecs import API_VERSION
from mlem_model.plugins.installed import GROUP
from mlem_model.plugins.kinds import KINDS, normal_name
from mlem_model.plugins.plugin import Plugin

IMPORTED = """
import json, sys
from mlem import hookimpl
before = set(sys.modules)
for name in sys.argv[1:]:
    __import__(name)
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""
"""Imports modules beside the core, and prints what came with them."""
CLASSES = """
import json, sys
from mlem_model.plugins.kinds import KINDS
from mlem_model.plugins.plugin import Plugin
import importlib
for name in sys.argv[1:]:
    plugin = Plugin("kit", "kit 0", lambda: importlib.import_module(name))
    for kind in KINDS:
        plugin.ask(kind)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
"""Asks plugins for all their classes, as ``mlem types`` does, and prints what is imported then."""


class PackagingSuite(Suite):
    """Metadata, entry points, what is imported when.

    Example::

        class TestPackaging(PackagingSuite):
            distribution = "mlem-provider-nimbus"
            sdk = ("nimbus",)
    """

    distribution: str
    """The name of the distribution."""
    sdk: ClassVar[tuple[str, ...]] = ()
    """The vendor's packages: nobody waits for their import who does not use the platform."""

    @property
    def installed(self) -> Distribution:
        """The distribution."""
        return distribution(self.distribution)

    @property
    def entries(self) -> list[EntryPoint]:
        """Its plugins."""
        return list(self.installed.entry_points.select(group=GROUP))

    def plugins(self) -> list[Plugin]:
        """Return its plugins, asked for everything that they have."""
        found = []
        for entry in self.entries:
            plugin = Plugin(entry.name, f"{self.distribution} 0", entry.load)
            for kind in KINDS:
                plugin.ask(kind)
            found.append(plugin)
        return found

    def test_entry_points_lead_to_plugins(self) -> None:
        """Each entry point of the group ``mlem`` leads to a module with hooks, which give classes, without a problem.

        When it fails: look at the problem that is named; ``mlem plugins`` shows the same.
        """
        assert self.entries, f"{self.distribution} has no entry point of the group {GROUP}"
        found = {plugin.name: (list(plugin.problems), any(plugin.classes.values())) for plugin in self.plugins()}
        assert found == {name: ([], True) for name in found}, f"plugins with a problem, or without classes: {found}"

    def test_it_says_for_which_interface_it_is_written(self) -> None:
        """``api_version`` in the plugin's module: so that a later core can tell what it may ask.

        When it fails: write ``api_version = 1`` into the module of the entry point.
        """
        said = {
            entry.name: getattr(importlib.import_module(entry.module), "api_version", None) for entry in self.entries
        }
        assert said == dict.fromkeys(said, API_VERSION), f"api_version is missing or another one: {said}"

    def test_its_metadata_says_what_it_is(self) -> None:
        """A summary, a licence, the Pythons that it runs on, and that it needs the core.

        When it fails: fill in ``description``, ``license``, ``requires-python`` and ``dependencies`` in pyproject.toml.
        """
        metadata: Any = self.installed.metadata
        classifiers = [one for one in metadata.get_all("Classifier") or [] if one.startswith("License ::")]
        needs = {normal_name(_project(one)) for one in self.installed.requires or ()}
        lacking = [
            word
            for word, there in (
                ("Summary", metadata["Summary"]),
                ("License-Expression", metadata["License-Expression"] or metadata["License"] or classifiers),
                ("Requires-Python", metadata["Requires-Python"]),
                ("Requires-Dist: mlem-core or mlem-model", needs & {"mlem-core", "mlem-model"}),
            )
            if not there
        ]
        assert lacking == [], f"metadata without {lacking}"

    def test_importing_it_costs_nothing(self) -> None:
        """The module of the entry point brings nothing but itself: every command of every user imports it.

        When it fails: move imports at the top of the plugin's module into its hooks.
        """
        modules = [entry.module for entry in self.entries]
        own = {module.partition(".")[0] for module in modules}
        came = {*_run(IMPORTED, modules)} - own - {*sys.stdlib_module_names} - {"mlem", "mlem_model"}
        assert came == set(), f"imported with the plugin: {sorted(came)}"

    def test_its_classes_are_found_without_the_sdk(self) -> None:
        """``mlem types`` and ``mlem deployment run`` of another platform ask for classes, and need no vendor's package.

        When it fails: import the vendor's package in the methods that use it, in one module of its own.
        """
        loaded = {*_run(CLASSES, [entry.module for entry in self.entries])}
        assert loaded & {*self.sdk} == set(), f"imported with the classes: {sorted(loaded & {*self.sdk})}"

    def test_its_classes_are_described(self) -> None:
        """Each class has a docstring, each field a description: the reference and ``--help`` are made of them.

        When it fails: write them; one line each is enough.
        """
        bare = []
        for plugin in self.plugins():
            for classes in plugin.classes.values():
                for cls in classes:
                    fields = getattr(cls, "model_fields", {})
                    bare += [] if (cls.__doc__ or "").strip() else [cls.__qualname__]
                    bare += [
                        f"{cls.__qualname__}.{name}"
                        for name, field in fields.items()
                        if not field.exclude and not (field.description or "").strip()
                    ]
        assert bare == [], f"without a description: {bare}"


def _project(requirement: str) -> str:
    """Return the name of a requirement: ``mlem-core`` of ``mlem-core==1.0; extra == "x"``."""
    end = next((at for at, sign in enumerate(requirement) if not (sign.isalnum() or sign in "-_.")), len(requirement))
    return requirement[:end]


def _run(script: str, modules: list[str]) -> list[str]:
    command = [sys.executable, "-c", script, *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # the kit's own script
    if done.returncode:
        pytest.fail(f"the plugin can't be imported: {done.stderr[-2000:]}")
    return [str(name) for name in json.loads(done.stdout.splitlines()[-1])]
