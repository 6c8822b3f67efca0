"""What a test class says about the platform of paper, and the command line in this process, which is quicker."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlem_provider_paper.platform import HOME, KEY, Paper, with_variables

from mlem.cli.main import main
from mlem.testing import BrokenKind, DeploymentFixtures, DeploymentHandle, Project

_SAVED: dict[tuple[str, float], dict[str, bytes]] = {}
"""The files of models that were saved before, which are the same in every project."""


class InProcess(Project):
    """A project whose commands run in this process, and whose models are saved once."""

    def save(self, name: str, factor: float) -> None:
        if (name, factor) in _SAVED:
            for file, content in _SAVED[name, factor].items():
                (self.folder / file).write_bytes(content)
            return
        before = {path.name for path in self.folder.iterdir()}
        super().save(name, factor)
        new = [path for path in self.folder.iterdir() if path.name not in before]
        if all(path.is_file() for path in new):
            _SAVED[name, factor] = {path.name: path.read_bytes() for path in new}

    def mlem(
        self, *arguments: str, stdin: str | None = None, timeout_s: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        out, err, code = io.StringIO(), io.StringIO(), 0
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            with_variables(self.environment),
        ):
            try:
                main(arguments)
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


class PaperFixtures(DeploymentFixtures):
    type = "paper_service"

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        self.home = tmp_path.parent / f"{tmp_path.name}-platform"  # what is in it is no file of ours
        self.home.mkdir()
        return {HOME: str(self.home), KEY: os.environ.get(KEY, "key-of-the-tests")}

    def make_project(self, folder: Path, environment: Mapping[str, str]) -> Project:
        made = Project.make(folder, {HOME: environment[HOME]})
        return InProcess(made.folder, made.environment)

    def fields(self) -> Mapping[str, Any]:
        return {"service_name": "ours"}

    def unnamed_fields(self) -> Mapping[str, Any]:
        return {}

    def changed_fields(self) -> Mapping[str, Any]:
        return {**self.fields(), "size": 2}

    def passing(self, variable: str) -> Mapping[str, Any]:
        return {"pass_environment": variable}

    def running(self, lineage: str) -> list[str]:
        return [found["id"] for found in self._services(lineage) if found["running"]]

    def leftovers(self, lineage: str) -> list[str]:
        return [found["id"] for found in self._services(lineage)] + Paper(self.home).images_of(lineage)

    def _services(self, lineage: str) -> list[dict[str, Any]]:
        broken = self.home / "broken"
        kind = broken.read_text() if broken.exists() else None
        broken.unlink(missing_ok=True)
        with with_variables({KEY: "key-of-the-tests"}):
            found = Paper(self.home).services(lineage)
        if kind is not None:
            broken.write_text(kind)
        return found

    def kill(self, handle: DeploymentHandle) -> None:
        state = handle.state()
        assert state is not None
        Paper(self.home).put(state.records["service"]["name"], running=False)

    @contextmanager
    def copies(self, handle: DeploymentHandle) -> Iterator[Callable[[], Sequence[str]]]:
        paper, copy = Paper(self.home), "ours-copied"
        state = handle.state()
        assert state is not None
        paper.put(copy, image=state.records["service"]["image"], lineage=f"{state.lineage} (copied)")
        yield lambda: [copy] if paper.get(copy) else []

    @contextmanager
    def foreign(self, project: Project) -> Iterator[Callable[[], Sequence[str]]]:
        paper = Paper(self.home)
        paper.put("ours", image="theirs")
        yield lambda: [str(paper.get("ours"))] if paper.get("ours") else []

    @contextmanager
    def broken(self, kind: BrokenKind) -> Iterator[None]:
        (self.home / "broken").write_text(kind)
        yield
        (self.home / "broken").unlink()

    def wrong_credentials(self) -> Mapping[str, str]:
        return {KEY: "canary-wrong-19c3"}

    def elsewhere(self, project: Project) -> Project:
        other = self.home.with_name(f"{self.home.name}-other")
        other.mkdir(exist_ok=True)
        return replace(project, environment={**project.environment, HOME: str(other)})
