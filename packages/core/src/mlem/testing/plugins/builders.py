"""`BuilderSuite`: what every builder does."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlem import api
from mlem.testing.projects import Project
from mlem.testing.standard import Suite
from mlem_model.errors import MlemError, UserError
from mlem_model.models.model import Model
from mlem_model.plugins.registry import registry

NAME = "double"
LOADED = """
import sys
sys.addaudithook(lambda event, _: event == "pickle.find_class" and sys.exit("the builder has loaded the model"))
from mlem.cli.main import main
main(sys.argv[1:])
"""
"""Runs ``mlem``, and ends where a pickle is loaded."""


class BuilderSuite(Suite, ABC):
    """Builds of metadata and files, says what it made, and refuses in words.

    Example::

        class TestBuilder(BuilderSuite):
            type = "nimbus_bundle"

            def fields(self, tmp_path):
                return {"target": tmp_path / "bundle"}

            def content(self, tmp_path):
                return (tmp_path / "bundle" / "model.mlem").read_bytes()
    """

    type: str
    """The word of the builder."""

    @abstractmethod
    def fields(self, tmp_path: Path) -> Mapping[str, Any]:
        """Return the fields with which it builds at this place."""

    @abstractmethod
    def content(self, tmp_path: Path) -> Any:
        """Return what was made, to be compared; None where nothing is there."""

    @pytest.fixture
    def project(self, tmp_path: Path) -> Project:
        """A project with the model ``double``."""
        project = Project.make(tmp_path / "project")
        project.save(NAME, 2.0)
        return project

    def options(self, tmp_path: Path) -> list[str]:
        """Return the fields as options of the command line."""
        return [f"--{key}={value}" for key, value in self.fields(tmp_path).items()]

    def test_what_is_made_is_said_as_data(self, project: Project, tmp_path: Path) -> None:
        """``mlem build`` prints JSON of what was made, nothing else on standard output, and never loads the model.

        When it fails: return ids, names and folders as text and numbers; report progress with ``report``; take what is
        needed of the model from its metadata and copy its files.
        """
        words = ("build", self.type, NAME, *self.options(tmp_path), "--output", "json")
        done = project.python("-c", LOADED, *words)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert isinstance(said, dict), f"no data: {said!r}"
        assert said, "nothing is said of what was made"
        assert self.content(tmp_path) is not None, "nothing was made"

    def test_built_again_it_is_the_same(self, project: Project, tmp_path: Path) -> None:
        """The same model makes the same artifact, whatever is there from before.

        When it fails: write no times and no random names; replace what an earlier build has left, as a whole.
        """
        builder = self._builder(tmp_path)
        model = self._model(project)
        first = builder.build(model, lambda _line: None), self.content(tmp_path)
        second = builder.build(model, lambda _line: None), self.content(tmp_path)
        assert second == first, "another artifact"

    def test_another_model_makes_another_artifact(self, project: Project, tmp_path: Path) -> None:
        """What is built has the model that was named.

        When it fails: make no use of what an earlier build has left unless its digest is the model's.
        """
        builder = self._builder(tmp_path)
        builder.build(self._model(project), lambda _line: None)
        before = self.content(tmp_path)
        project.save(NAME, 3.0)
        builder.build(self._model(project), lambda _line: None)
        assert self.content(tmp_path) != before, "the artifact of the model before"

    def test_what_can_not_be_built_is_an_error_in_words(self, project: Project, tmp_path: Path) -> None:
        """A field that is not there is refused by name; a model whose files are gone is an error of ours.

        When it fails: leave ``extra="forbid"``; check the model's files as `mlem.provider.copy_model` does.
        """
        done = project.mlem("build", self.type, NAME, *self.options(tmp_path), "--no_such_field_of_the_kit=1")
        told = (done.returncode, "no_such_field_of_the_kit" in done.stderr)
        assert told == (UserError.exit_code, True), done.stderr
        model = self._model(project)
        for path in project.folder.rglob("*"):
            if path.is_file() and path.suffix != ".mlem" and ".mlem" not in path.name:
                path.unlink()
        with pytest.raises(Exception, match=r".") as caught:
            self._builder(tmp_path).build(model, lambda _line: None)
        assert isinstance(caught.value, MlemError), f"an error of a library: {caught.value!r}"

    def _builder(self, tmp_path: Path) -> Any:
        return registry().get("builder", self.type)(**self.fields(tmp_path))

    def _model(self, project: Project) -> Model:
        found = api.load_meta(NAME, project=str(project.folder))
        if not isinstance(found, Model):
            raise TypeError(f"{NAME} is no model")
        return found
