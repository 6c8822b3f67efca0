"""Distributions of strangers, installed into a folder that is on the path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mlem.testing import Project

HEAD = """
from mlem import hookimpl
api_version = 1
"""

PROVIDER = '''
from collections.abc import Iterator
from typing import Any, ClassVar
from mlem import Deployment, Env, Phase, Record, Status, Step
from mlem.clients.http import HttpClient


class ThingEnv(Env):
    """A place for things."""

    type: ClassVar[str] = "TYPE"
    deployment_type: ClassVar[str] = "TYPE_app"


class DiskRecord(Record):
    step: ClassVar[str] = "disk"

    model_hash: str | None = None


class DiskStep(Step):
    record = DiskRecord

    def wanted(self, ctx: Any) -> Any:
        failing(ctx, "wanted")
        return DiskRecord(model_hash=ctx.model.digest if ctx.model else None)

    def observe(self, ctx: Any, recorded: Any) -> Any:
        failing(ctx, "observe")
        return recorded

    def apply(self, ctx: Any, wanted: Any, recorded: Any) -> Any:
        failing(ctx, "apply")
        return wanted

    def remove(self, ctx: Any, recorded: Any) -> None:
        failing(ctx, "remove")


class ThingApp(Deployment):
    """A thing."""

    type: ClassVar[str] = "TYPE_app"
    env_type: ClassVar[str] = "TYPE"

    fails: str = ""
    how: str = "KeyError"

    def steps(self, ctx: Any) -> Any:
        failing(ctx, "steps")
        return [DiskStep()]

    def status(self, ctx: Any, state: Any) -> Status:
        failing(ctx, "status")
        return Status(Phase.CRASHED, "things never run")

    def logs(self, ctx: Any, state: Any, *, follow: bool, tail: int | None) -> Iterator[str]:
        yield "one line"
        failing(ctx, "logs")

    def client(self, ctx: Any, state: Any) -> Any:
        failing(ctx, "client")
        return HttpClient(url="http://127.0.0.1:9")


class Odd(BaseException):
    pass


def failing(ctx: Any, where: str) -> None:
    if ctx.deployment.fails == where:
        if ctx.deployment.how == "exit":
            raise SystemExit(5)
        if ctx.deployment.how == "odd":
            raise Odd("neither here\\nnor there")
        {}["port"]
'''

PLUGIN = (
    HEAD
    + """
@hookimpl
def mlem_envs():
    from PACKAGE.things import ThingEnv
    return [ThingEnv]

@hookimpl
def mlem_deployments():
    from PACKAGE.things import ThingApp
    return [ThingApp]
"""
)


@dataclass
class Plants:
    """A folder of installed distributions.

    Attributes:
        folder: The folder; it goes into ``PYTHONPATH``.
        project: A project whose commands see it.
    """

    folder: Path
    project: Project

    def install(
        self, distribution: str, plugin: str, *, name: str | None = None, version: str = "1.0", things: str = ""
    ) -> None:
        """Install a distribution, as an installer unpacks it.

        Args:
            distribution: Its name.
            plugin: The source of its plugin's module; ``PACKAGE`` in it stands for the package's name.
            name: The name of its entry point; the last part of the distribution's name when None.
            version: Its version.
            things: The source of another module of its package.
        """
        package = distribution.replace("-", "_")
        entries = f"[mlem]\n{name or distribution.rpartition('-')[2]} = {package}.plugin\n"
        info = f"{package}-{version}.dist-info"
        files = {
            f"{package}/__init__.py": "",
            f"{package}/plugin.py": plugin.replace("PACKAGE", package),
            f"{package}/things.py": things,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n",
            f"{info}/entry_points.txt": entries,
        }
        for path, text in files.items():
            (self.folder / path).parent.mkdir(exist_ok=True)
            (self.folder / path).write_text(text)

    def provider(self, distribution: str, type_: str, *, name: str | None = None, version: str = "1.0") -> None:
        """Install a provider whose deployments fail where they declare it."""
        self.install(distribution, PLUGIN, things=PROVIDER.replace("TYPE", type_), name=name, version=version)


def plants_for(folder: Path) -> Plants:
    """Make an empty folder of distributions, and a project that sees it."""
    site = folder / "site"
    site.mkdir(parents=True)
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    return Plants(site, Project.make(folder / "project", {"PYTHONPATH": path, "XDG_STATE_HOME": str(folder / "state")}))
