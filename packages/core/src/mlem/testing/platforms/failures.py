"""`FailureSuite`: credentials that are missing or wrong, and a platform that fails, is slow, or says nothing."""

from __future__ import annotations

import time
from typing import ClassVar, get_args

import pytest

from mlem.deployments.deployment import Phase, Status
from mlem.deployments.resolving.resolve import deployment_class
from mlem.testing.fixtures import NAME, BrokenKind, DeploymentFixtures, lineage_of
from mlem.testing.projects import SAMPLE, Project
from mlem_model.errors import CredentialsError, PlatformError, WaitTimeoutError
from mlem_model.plugins.registry import registry


class FailureSuite(DeploymentFixtures):
    """What goes wrong is said in words, with an exit code, in time, and loses nothing.

    Example::

        class TestFailures(MyFixtures, FailureSuite):
            pass
    """

    patience_s: ClassVar[float] = 120.0
    """How long a command may take while the platform is broken."""

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The variables that credentials come from, as the env declares them."""
        cls = deployment_class(self.type)
        found: tuple[str, ...] = registry().beside(cls, "env", cls.env_type).secret_variables
        return found

    def test_credentials_that_are_missing_are_named(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the variables that the env declares, a run ends with exit code 6, and says which one to set.

        When it fails: raise a `CredentialsError` with the variable in its message or hint, before anything is made.
        """
        if not self.secret_variables:
            pytest.skip("declared: the env has no secret variables")
        with monkeypatch.context() as patch:
            for name in (*self.secret_variables, *self.further_credentials):
                patch.delenv(name, raising=False)
            self._expect_named(project)

    def test_credentials_that_are_wrong_are_named(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """With credentials that the platform refuses, a run ends with exit code 6, names the variable, and no value.

        When it fails: translate the platform's 401 and 403 to a `CredentialsError` that names the variable, and keep
        the value out of the message.
        """
        self.expect_method("wrong_credentials")
        wrong = self.wrong_credentials()
        with monkeypatch.context() as patch:
            for name, value in wrong.items():
                patch.setenv(name, value)
            said = self._expect_named(project)
        assert [name for name, value in wrong.items() if value in said] == [], "the value is in the message"

    def test_a_platform_that_fails_is_told_and_loses_nothing(self, project: Project) -> None:
        """It answers 5xx, late, or not at all: exit code 7 or 9 in time, and what serves goes on.

        When it fails: give each request a timeout, repeat it a few times, and raise a `PlatformError`; conclude from
        no answer that nothing is known, never that nothing is there.
        """
        self.expect_method("broken")
        done = project.run(self.type, NAME, "double", self.fields())
        assert done.returncode == 0, done.stderr
        handle = project.handle(NAME)
        lineage = lineage_of(handle)
        for kind in get_args(BrokenKind):
            if kind in self.lacks:
                continue
            accepted = {PlatformError.exit_code, WaitTimeoutError.exit_code} | ({0} if kind == "slow" else set())
            commands = (("plan", NAME), ("run", "--load", NAME), ("remove", NAME))
            for words in commands if kind == "error" else commands[:1]:
                before = handle.state()
                assert before is not None
                with self.broken(kind):
                    begun = time.monotonic()
                    done = project.mlem("deployment", *words, timeout_s=self.patience_s * 3)
                    took_s = time.monotonic() - begun
                assert done.returncode in accepted, f"{kind}, {words[0]}: exit code {done.returncode} {done.stderr}"
                assert "Traceback" not in done.stderr, done.stderr
                assert took_s < self.patience_s, f"{kind}, {words[0]}: it took {took_s:.0f} s"
                after = handle.state()
                assert after is not None, f"{kind}, {words[0]}: the state is lost"
                if words[0] != "remove":  # which forgets what takes no call of the platform
                    assert after.records == before.records, f"{kind}, {words[0]}: a record was lost"
                assert len(self.running(lineage)) == 1, f"{kind}, {words[0]}: what serves was lost"
        handle.run()
        assert (handle.status(), len(self.running(lineage))) == (Status(Phase.RUNNING), 1), "it is not repaired"
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]

    def _expect_named(self, project: Project) -> str:
        done = project.run(self.type, NAME, "double", self.fields())
        said = done.stdout + done.stderr
        assert done.returncode == CredentialsError.exit_code, f"exit code {done.returncode}: {said}"
        named = (*self.secret_variables, *self.further_credentials)
        assert any(name in said for name in named), f"no variable is named: {said}"
        assert "Traceback" not in said, said
        return said
