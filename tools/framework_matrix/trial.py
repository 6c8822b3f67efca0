"""One row: a model is trained, saved, deployed and asked, in a process of its own, since frameworks do not mix well.

    python -m framework_matrix.trial NAME FILE [PIP_ARGUMENTS_AS_JSON]

With arguments for pip it is deployed with Docker, too.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from framework_matrix import calls, containers, loading, row
from framework_matrix.kind import Kind, Trained
from framework_matrix.kinds import KINDS
from framework_matrix.row import Row
from mlem import api
from mlem_model.artifacts.trust import Trust
from mlem_model.errors import MlemError
from mlem_model.models.model import Model
from mlem_provider_docker import EngineAddress, connect

NAME = "model"


class Trial:
    """What is being found of a kind of model.

    Args:
        kind: The kind.
        folder: An empty folder.
    """

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.cells: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.format = ""

    def run(self, pip_arguments: Sequence[str] | None) -> Row:
        """Find out everything; with arguments for pip also with Docker."""
        saved: tuple[Trained, Model] | None = None
        with self._cell("save"):
            saved = self._save()
            self.cells["save"] = "yes"
        if saved is not None:
            trained, model = saved
            with self._cell("safe load"):
                self.cells["safe load"] = self._safe_load(model)
            self.cells["joined calls"] = "yes" if next(iter(model.methods.values())).rowwise else "no"
            self._deployed("local", "local", {}, trained, model)
            if pip_arguments is not None:
                fields = {"pip_arguments": list(pip_arguments), "packages": packages(self.kind, trained.sample)}
                self._deployed("Docker", "docker", fields, trained, model)
        return Row(
            self.kind.name,
            datetime.datetime.now(datetime.UTC).date().isoformat(),
            versions(self.kind),
            self.format,
            {name: self.cells[name] for name in row.COLUMNS if name in self.cells},
            self.failed,
        )

    def _save(self) -> tuple[Trained, Model]:
        made = self.folder / "made"
        made.mkdir()
        trained = self.kind.train(made)
        model = api.save(trained.obj, NAME, sample_data=trained.sample, **trained.options)
        assert isinstance(model, Model)
        assert model.model_type == self.kind.model_type, f"saved as {model.model_type}"
        self.format = ", ".join(sorted({one.format for name, one in model.artifacts.items() if name != "samples"}))
        return trained, model

    def _safe_load(self, model: Model) -> str:
        Trust(formats=(self.format,)).check(model, NAME)  # the table's word is the one that the setting takes
        seen = loading.events(Path.cwd(), NAME, model)
        if self.format == "pickle":
            return "no"
        assert not seen, f"loading {self.format} runs code of the file: {', '.join(seen)}"
        return "no Python" if self.kind.program else "yes"

    def _deployed(self, column: str, type_: str, fields: dict[str, Any], trained: Trained, model: Model) -> None:
        name = f"matrix-{type_}-{re.sub('[^a-z0-9]+', '-', self.kind.name.lower())}-{os.getpid()}"
        try:
            with self._cell(column):
                handle = api.deploy(type_, name, model=NAME, report=_tell, **fields)
                url = handle.get_client().url
                self.cells[column] = "yes"
                self._asked("JSON", column, lambda: calls.in_json(url, model, trained))
                self._asked("binary", column, lambda: calls.in_binary(url, model, trained))
                if type_ == "docker":
                    self._measure(handle, name)
        finally:
            if Path(f"{name}.mlem").exists():
                api.load(name).remove()

    def _asked(self, column: str, place: str, ask: Callable[[], str]) -> None:
        with self._cell(column, place):
            found = ask()
            if column not in self.failed:
                self.cells[column] = calls.worse(self.cells.get(column, ""), found)

    def _measure(self, handle: Any, name: str) -> None:
        engine = connect(EngineAddress().endpoint())
        image = str(handle.state().records["image"]["image_id"])
        self.cells["image, MB"] = f"{containers.size_mb(engine, image):.0f}"
        with self._cell("ready, s"):
            self.cells["ready, s"] = f"{containers.ready_s(engine, image, f'{name}-timed'):.1f}"

    @contextmanager
    def _cell(self, column: str, place: str = "") -> Iterator[None]:
        """Put the word of an error into a cell; what comes after is tried all the same."""
        try:
            yield
        except Exception as error:  # whatever it is, it is what the row is for
            word = error.code if isinstance(error, MlemError) else _word(type(error).__name__)
            self.cells[column] = word
            hint = f" (hint: {error.hint})" if isinstance(error, MlemError) and error.hint else ""
            self.failed[column] = f"{place}: {error}{hint}" if place else f"{error}{hint}"


def packages(kind: Kind, sample: Any) -> list[str]:
    """Return what an image gets besides: frames and series travel in Arrow's format, which needs pyarrow."""
    of_pandas = type(sample).__module__.partition(".")[0] == "pandas"
    found = [f"pyarrow=={metadata.version('pyarrow')}"] if of_pandas else []
    return [*found, f"{kind.without_cuda}=={next(iter(versions(kind).values()))}"] if kind.without_cuda else found


def versions(kind: Kind) -> dict[str, str]:
    """Return the versions of a kind's distributions, as far as they are installed."""
    found = {}
    for names in kind.packages:
        for name in names.split("|"):
            try:
                found[names.partition("|")[0]] = metadata.version(name).partition("+")[0]
            except metadata.PackageNotFoundError:
                continue
            break
    return found


def _word(name: str) -> str:
    """Return ``module-not-found`` of ``ModuleNotFoundError``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name.removesuffix("Error")).lower() or "error"


def _tell(line: str) -> None:
    if not line.startswith(" "):  # those are what the Engine says
        print(f"    {line}", file=sys.stderr, flush=True)


def main(name: str, file: str, pip_arguments: str = "null") -> None:
    """Write the row of a kind into a file."""
    path = Path(file).resolve()
    with tempfile.TemporaryDirectory(prefix="mlem-matrix-") as folder:
        os.environ["XDG_STATE_HOME"] = str(Path(folder, "state"))
        project = Path(folder, "project")
        project.mkdir()
        os.chdir(project)
        api.init(project)
        found = Trial(KINDS[name], Path(folder)).run(json.loads(pip_arguments))
        os.chdir("/")
    row.write([found], path)


if __name__ == "__main__":
    main(*sys.argv[1:])
