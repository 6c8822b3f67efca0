"""`DeclarationSuite`: what a deployment type and its env say about themselves; nothing is deployed for it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from pydantic import SecretStr

from mlem.deployments.deployment import CAPABILITIES, Deployment
from mlem.deployments.env import Env
from mlem.deployments.resolving.resolve import deployment_class, resolve_model
from mlem.deployments.step import Context
from mlem.state.record import Record
from mlem.testing.fixtures import NAME, DeploymentFixtures
from mlem.testing.projects import Project
from mlem_model.errors import UserError
from mlem_model.plugins.registry import registry

METHODS = {
    "previous-logs": "previous_logs",
    "exec": "exec",
    "maintenance": "maintenance",
    "ttl": "expire",
    "recover": "candidates",
    "adopt": "adopt",
    "address": "address",
}
"""The method of `Deployment` that each capability needs, where it needs one."""
_SECRET_ENDINGS = ("token", "password", "secret", "api_key", "secret_key", "access_key")


class DeclarationSuite(DeploymentFixtures):
    """Fields, capabilities, steps and records: pure data, documented, without a secret.

    Example::

        class TestDeclaration(MyFixtures, DeclarationSuite):
            pass
    """

    @property
    def classes(self) -> tuple[type[Deployment], type[Env]]:
        """The deployment type and its env."""
        cls = deployment_class(self.type)
        return cls, registry().beside(cls, "env", cls.env_type)

    def declare(self, project: Project, *options: str) -> tuple[int, str]:
        """Write the declaration; return exit code and what was said."""
        fields = [f"--{key}={value}" for key, value in self.fields().items()]
        done = project.mlem("declare", "deployment", self.type, NAME, "--model", "double", *fields, *options)
        return done.returncode, done.stderr

    def steps(self, project: Project) -> Iterator[tuple[Any, Context[Any, Any], Record | None]]:
        """Yield each step, a context with the model, and what the step wants."""
        code, said = self.declare(project)
        assert code == 0, said
        target = project.handle(NAME).target
        context = Context(NAME, "0f" * 16, target.deployment, target.env, resolve_model("double", target.location)[0])
        for step in target.deployment.steps(context):
            yield step, context, step.wanted(context)

    def test_env_and_deployment_lead_to_each_other(self) -> None:
        """Whoever types the env's word, or the deployment's, gets both.

        When it fails: set `Deployment.env_type` to the env's ``type``, and `Env.deployment_type` to the deployment's.
        """
        deployment, env = self.classes
        assert (deployment.env_type, env.deployment_type) == (env.type, deployment.type), "they do not lead back"

    def test_every_field_is_described(self) -> None:
        """Fields are options of the command line, rows of the reference and hints of editors.

        When it fails: give each field that is named a ``Field(description=...)``; a unit goes into its name.
        """
        bare = [
            f"{cls.type}.{name}"
            for cls in self.classes
            for name, field in cls.model_fields.items()
            if not field.exclude and not (field.description or "").strip()
        ]
        assert bare == [], f"fields without a description: {bare}"

    def test_no_field_is_a_secret(self) -> None:
        """A declaration is a file that is shared: secrets come from the environment, or the vendor's own chain.

        When it fails: take the field away and name its variable in `Env.secret_variables`.
        """
        secret = [
            f"{cls.type}.{name}"
            for cls in self.classes
            for name, field in cls.model_fields.items()
            if name.endswith(_SECRET_ENDINGS) and field.annotation is not SecretStr
        ]
        assert secret == [], f"fields that hold secrets: {secret}"

    def test_what_is_declared_is_read_back(self, project: Project) -> None:
        """The fields go into a file and come back as they were, and have a JSON Schema for editors.

        When it fails: use types that YAML knows or pydantic turns into them: no objects of an SDK, no code.
        """
        code, said = self.declare(project)
        assert code == 0, said
        target = project.handle(NAME).target
        for obj in (target.deployment, target.env):
            data = obj.to_data()
            kept = {key: value for key, value in data.items() if key not in ("object_type", "type", "made_by")}
            assert type(obj).model_validate(json.loads(json.dumps(kept))).to_data() == data, "it is not read back"
            json.dumps(type(obj).model_json_schema(), allow_nan=False)

    def test_a_field_that_is_not_there_is_refused_by_name(self, project: Project) -> None:
        """A misspelt option is no option: exit code 2, its name, and no file.

        When it fails: leave pydantic's ``extra="forbid"`` as `MlemObject` has it.
        """
        code, said = self.declare(project, "--no_such_field_of_the_kit=1")
        told = (code, "no_such_field_of_the_kit" in said, "Traceback" in said)
        assert told == (UserError.exit_code, True, False), said
        assert not (project.folder / f"{NAME}.mlem").exists()

    def test_capabilities_are_declared_as_they_are(self) -> None:
        """The kit, the table of commands and the messages go by them.

        When it fails: add the word to `Deployment.capabilities`, or take it out, so that it says what the class has.
        """
        cls = self.classes[0]
        assert cls.capabilities <= {*CAPABILITIES}, (
            f"words that mean nothing: {sorted(cls.capabilities - {*CAPABILITIES})}"
        )
        has = {word for word, method in METHODS.items() if getattr(cls, method) is not getattr(Deployment, method)}
        declared = cls.capabilities & {*METHODS}
        assert declared == has, f"declared is not what is there: {sorted(declared ^ has)}"
        has_place = cls.place is not Deployment.place
        assert not (has_place and "elsewhere" in self.lacks), "it has a place: write `elsewhere` in the test class"

    def test_what_is_wanted_is_known_without_the_platform(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`Step.wanted` is pure: no connection, the same twice, and the same fields when there is no model.

        When it fails: move what asks the platform to `Step.observe`, `Step.check` or `Step.apply`.
        """

        def refuse(*_arguments: Any) -> NoReturn:
            raise AssertionError("what is wanted was asked of the platform")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        names = []
        for step, context, wanted in self.steps(project):
            names.append(step.name)
            assert step.wanted(context) == wanted, f"{step.name} wants something else each time"
            put_back = step.wanted(Context(NAME, context.lineage, context.deployment, context.env))
            if wanted is not None:
                assert put_back is not None, f"{step.name} wants nothing without a model"
                assert put_back.to_data().keys() == wanted.to_data().keys(), "other fields without a model"
        assert len({*names}) == len(names) > 0, f"steps of one name: {names}"

    def test_records_come_back_from_data(self, project: Project) -> None:
        """A record is written as JSON and read again, also by the version after this one: each field has a default.

        When it fails: declare plain types with defaults in the record's class.
        """
        for step, _, wanted in self.steps(project):
            cls = type(wanted) if wanted is not None else step.record
            assert cls.step == step.name, "the record names another step"
            needed = [name for name, field in cls.model_fields.items() if field.is_required()]
            assert needed == [], f"{step.name}: fields without a default"
            if wanted is not None:
                data = json.loads(json.dumps(wanted.to_data()))
                assert cls.from_data(data) == wanted, f"{step.name} is not read back"
