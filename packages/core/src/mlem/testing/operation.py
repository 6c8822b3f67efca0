"""`OperationSuite`: what happens around a run: readers go away, stores stop responding, secrets change or leak."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlem.deployments.deployment import Phase, Status
from mlem.deployments.handle import DeploymentHandle
from mlem.testing.fixtures import NAME, DeploymentFixtures
from mlem.testing.projects import SAMPLE, Project
from mlem_model.errors import ConflictError, CredentialsError, PlatformError
from mlem_model.serving.protection import TOKENS_VARIABLE

OUTAGES = (3, 4)
"""Writes of the state at which the store stops answering: when something was made, and when more of it was."""


class OperationSuite(DeploymentFixtures):
    """Nothing around a run changes its outcome, and nothing that runs is lost sight of.

    Example::

        class TestOperation(MyFixtures, OperationSuite):
            pass
    """

    def test_a_plan_before_the_first_run_on_a_shared_store(self, project: Project) -> None:
        """A pull request that adds a deployment is planned where nobody has deployed it yet.

        ``plan`` reads a state that is not there.

        When it fails: raise in `Step.check` for nothing that the run itself would make.
        """
        options = [*_options(self), *_shared(project)]
        declared = project.mlem("declare", "deployment", self.type, NAME, "--model", "double", *options)
        assert declared.returncode == 0, declared.stderr
        for expected in ({"create"}, {"keep"}, {"create"}):
            plan = project.mlem("deployment", "plan", NAME, "--detailed-exitcode", "--output", "json")
            assert plan.returncode == (0 if expected == {"keep"} else 10), plan.stderr
            # a step that the declaration does without is kept as it is: not there
            assert {change["action"] for change in json.loads(plan.stdout)["changes"]} - {"keep"} == expected - {"keep"}
            words = ["remove", NAME] if expected == {"keep"} else ["run", "--load", NAME]
            done = project.mlem("deployment", *words)
            assert done.returncode == 0, done.stderr

    def test_records_are_plain_data(self, project: Project) -> None:
        """Each record is JSON data and comes back from the state's file as it was.

        No paths, dates, sets or objects of an SDK.

        When it fails: turn what an SDK returns into text and numbers before it is put into a record.
        """
        done = project.run(self.type, NAME, "double", self.fields())
        assert done.returncode == 0, done.stderr
        state = project.handle(NAME).state()
        assert state is not None
        assert state.records
        assert json.loads(json.dumps(state.records)) == state.records, "a record is not plain data"
        assert yaml.safe_load(yaml.safe_dump(state.records)) == state.records, "a record is not plain data"

    def test_a_reader_that_goes_away_does_not_end_a_run(self, project: Project) -> None:
        """``mlem deployment run ... | head -1``.

        A step must not write to standard output itself, nor die of a line that nobody reads.

        When it fails: report with the context's ``report``; start processes with their output in a pipe or a file.
        """
        assert _read_one_line(project, "run", self.type, NAME, "--model", "double", *_options(self)) == 0
        handle = project.handle(NAME)
        state = handle.state()
        assert state is not None
        assert (handle.status(), len(self.running(state.lineage))) == (Status(Phase.RUNNING), 1)
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
        assert _read_one_line(project, "remove", NAME) == 0
        assert self.leftovers(state.lineage) == []

    @pytest.mark.parametrize("write", OUTAGES)
    def test_a_store_that_stops_answering_in_a_run_loses_nothing(self, project: Project, write: int) -> None:
        """Exit 7 and what to do.

        When the store answers again the same command finishes, with one server and nothing left over.

        When it fails: find what was made and not recorded by its label, as after a kill.
        """
        words = ["deployment", "run", self.type, NAME, "--model", "double", *_options(self), *_shared(project)]
        done = project.python("-m", "mlem.testing.stores.outage", str(write), *words)
        if done.returncode == 0 and write == max(OUTAGES):
            state = project.handle(NAME).state()
            assert state is not None
            assert len(state.records) == 1, "only a run of one step writes its state less often"
            return
        assert done.returncode == PlatformError.exit_code, done.stderr
        assert "repeat the command" in done.stderr or "push" in done.stderr, done.stderr
        again = project.mlem(*words)
        assert again.returncode == 0, again.stderr
        handle = project.handle(NAME)
        state = handle.state()
        assert state is not None
        assert (handle.status(), len(self.running(state.lineage))) == (Status(Phase.RUNNING), 1)
        assert not list(project.folder.glob("*.errored.*"))
        assert handle.remove() is True
        assert self.leftovers(state.lineage) == []

    def test_a_rotated_secret_is_noticed(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """A secret that is passed on by the name of its variable.

        ``plan`` compares with what runs, and ``run`` brings the new one.

        When it fails: record a digest of the value that is salted or keyed, or compare with what the platform has, in
        `observe`; never the value.
        """
        variable = "KIT_PASSED_ON"
        self.expect_method("passing")
        passing = self.passing(variable)
        seen = []
        for value in ("canary-one-31d0f2", "canary-two-b8c4e9"):
            monkeypatch.setenv(variable, value)
            done = project.run(self.type, NAME, "double", {**self.fields(), **passing})
            assert done.returncode == 0, done.stderr
            seen.append(done.stdout + done.stderr)
            assert {change.action for change in project.handle(NAME).plan()} == {"keep"}
            monkeypatch.setenv(variable, "canary-two-b8c4e9")
            if value == "canary-one-31d0f2":
                plan = project.mlem("deployment", "plan", NAME, "--detailed-exitcode")
                assert plan.returncode == 10, plan.stdout
                seen.append(plan.stdout + plan.stderr)
        assert "canary-" not in "".join([*seen, *_written(project)])

    def test_authentication_does_not_fall_away_by_itself(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who runs it again without the tokens is refused, sees it in ``plan``, and may drop them on purpose.

        Until then it asks.

        When it fails: record `mlem.provider.protection`, start servers with `passed_tokens`, and tell what runs with
        `seen_protection`.
        """
        for name in (TOKENS_VARIABLE, "MLEM_TOKEN"):
            monkeypatch.setenv(name, "canary-token-5e1f07")
        first = project.run(self.type, NAME, "double", self.fields())
        assert first.returncode == 0, first.stderr
        handle = project.handle(NAME)
        if "tokens" in self.lacks:
            assert not _asks_for_a_token(handle), "its servers take tokens: take it out of `lacks`"
            pytest.skip(f'declared to lack "tokens": {self.lacks["tokens"]}')
        assert _asks_for_a_token(handle), "the server lets everybody in"
        assert {change.action for change in handle.plan()} == {"keep"}
        monkeypatch.delenv(TOKENS_VARIABLE)
        plan = project.mlem("deployment", "plan", NAME, "--detailed-exitcode", "--output", "json")
        assert (plan.returncode, json.loads(plan.stdout)["protection"]["tokens"]) == (
            10,
            {"old": "yes", "new": None},
        ), plan.stderr
        for words in (["--load", NAME], [self.type, NAME, "--model", "triple", *_options(self)]):
            done = project.mlem("deployment", "run", *words)
            assert (done.returncode, "error[tokens-dropped]" in done.stderr) == (ConflictError.exit_code, True), (
                done.stderr
            )
            assert (_asks_for_a_token(handle), _answer_of(handle)) == (True, [2.0, 4.0, 6.0])
        assert "canary-" not in "".join([first.stdout, first.stderr, plan.stdout, plan.stderr, *_written(project)])
        dropped = project.mlem("deployment", "run", "--load", NAME, "--model", "triple", "--drop-tokens")
        assert (dropped.returncode, _asks_for_a_token(handle)) == (0, False), dropped.stderr
        monkeypatch.setenv(TOKENS_VARIABLE, "canary-token-5e1f07")
        again = project.mlem("deployment", "run", "--load", NAME, "--model", "double")
        assert (again.returncode, _asks_for_a_token(handle)) == (0, True), again.stderr
        if "rollback" in handle.deployment.capabilities:
            back = project.mlem("deployment", "rollback", NAME)  # to one that let everybody in
            assert (back.returncode, "error[tokens-dropped]" in back.stderr) == (ConflictError.exit_code, True), (
                back.stderr
            )
            assert (_asks_for_a_token(handle), _answer_of(handle)) == (True, [2.0, 4.0, 6.0])

    def test_the_providers_own_secrets_stay_out_of_everything(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The values of `Env.secret_variables` are in no file, state, message, log or argument list.

        When it fails: hand secrets to the platform in a header or a variable of the environment; keep them out of
        records, messages, logs and arguments. The name and the place are in the message.
        """
        secrets = self.secrets(project)
        for name, value in secrets.items():
            monkeypatch.setenv(name, value)
        said = []
        with _arguments_of_processes() as arguments:
            for model in ("double", "wrong"):
                done = project.run(self.type, NAME, model, self.fields())
                assert done.returncode == (0 if model == "double" else 8), done.stderr
                said.append(done.stdout + done.stderr)
            for words in (
                f"status {NAME}",
                f"plan {NAME} --output json",
                f"logs {NAME}",
                f"releases {NAME} --output json",
                f"audit {NAME} --output json",
                f"receipt {NAME}",
                f"status {NAME} --output json",
                "list",
            ):
                done = project.mlem("deployment", *words.split(), "--traceback")
                said.append(done.stdout + done.stderr)
        places = {"a message": said, "a file": _written(project), "an argument list": arguments}
        leaks = [
            (name, place)
            for name, value in secrets.items()
            for place, texts in places.items()
            if value in "\n".join(texts)
        ]
        assert leaks == [], f"secrets are there to read: {leaks}"


def _options(fixtures: DeploymentFixtures) -> list[str]:
    return [f"--{key}={value}" for key, value in fixtures.fields().items()]


def _asks_for_a_token(handle: DeploymentHandle) -> bool:
    """Say whether a call without a token is refused."""
    with pytest.MonkeyPatch.context() as patch, handle.get_client() as client:
        patch.delenv("MLEM_TOKEN", raising=False)
        try:
            client.predict(SAMPLE)
        except CredentialsError:
            return True
        return False


def _answer_of(handle: DeploymentHandle) -> Any:
    with handle.get_client() as client:
        return client.predict(SAMPLE)


def _shared(project: Project) -> list[str]:
    """Return the options that keep the state in a store that others could share; its failures are told soon."""
    return [f"--state_manager.uri={(project.folder.parent / 'states').as_uri()}", "--state_manager.settle_timeout_s=1"]


def _read_one_line(project: Project, *words: str) -> int:
    """Run a command whose output is read up to its first line; return its exit code."""
    command = [sys.executable, "-m", "mlem.cli", "deployment", *words]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    # S603: the arguments are the test's own
    with subprocess.Popen(command, cwd=project.folder, env=project.variables, **streams) as process:  # noqa: S603
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        return process.wait(300)


def _written(project: Project) -> list[str]:
    """Return the content of everything that was written beside the project."""
    return [path.read_bytes().decode("latin-1") for path in project.folder.parent.rglob("*") if path.is_file()]


@contextmanager
def _arguments_of_processes() -> Iterator[Sequence[str]]:
    """Collect the arguments of all processes as long as the context lasts: whoever is on this machine can read them."""
    found: set[str] = set()
    collected: list[str] = []
    over = threading.Event()

    def collect() -> None:
        while not over.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    found.add(path.read_bytes().decode("latin-1"))
                except OSError:
                    continue  # it has ended

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    try:
        yield collected
    finally:
        over.set()
        thread.join()
        collected.extend(found)
