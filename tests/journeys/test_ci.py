"""In a CI job: plain lines, annotations, a summary; and the ready workflow files, whose steps are run as they are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlem import api
from mlem.testing import Project

EXAMPLES = Path(__file__).parents[2] / "examples" / "ci"
RUNNERS_OWN = re.compile(r"(pip install|gh pr comment|curl) ")
"""What needs an index of packages, or the API of who hosts the repository."""


def values_of_github(expression: str) -> str:
    """Return what GitHub would put in the place of an expression."""
    return {
        "github.event.number": "17",
        "github.event.head_commit.message": 'use "triple"; $(touch harm)\n\nIt is better.',
    }[expression]


@dataclass(frozen=True)
class Clone:
    """A clone of a repository, as a job has one."""

    project: Project

    def script(self, script: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a script as a runner does."""
        environment = {**self.project.variables, **variables}
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.project.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def read(self, name: str) -> str:
        return (self.project.folder / name).read_text()


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "-C", str(folder), *words], check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clone]:
    """A clone of a repository with two models and the deployment "app", whose states are in a shared store."""
    command = tmp_path / "bin" / "mlem"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mlem.cli "$@"\n')
    command.chmod(0o755)
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    environment = {"PATH": f"{command.parent}:{os.environ['PATH']}", "XDG_STATE_HOME": str(tmp_path / "home")}
    origin = Project.make(tmp_path / "origin", environment)
    origin.save("double", 2.0)
    origin.save("triple", 3.0)
    origin.save_wrong("wrong")
    stored = origin.mlem("config", "set", "core.state.uri", f"file://{tmp_path}/states")
    assert stored.returncode == 0, stored.stderr
    assert origin.mlem("declare", "deployment", "local", "app", "--model", "double").returncode == 0
    git(origin.folder, "init", "--quiet", "--initial-branch", "main")
    git(origin.folder, "add", ".")
    git(origin.folder, "commit", "--quiet", "-m", "the first")
    subprocess.run(["git", "clone", "--quiet", str(origin.folder), str(tmp_path / "clone")], check=True)
    made = Clone(Project(tmp_path / "clone", environment))
    yield made
    for name, _ in api.deployments(str(made.project.folder)):
        made.project.mlem("deployment", "remove", name)


def github_steps(job: str, summary: Path) -> list[tuple[str, dict[str, str]]]:
    """Return the scripts of a job of the workflow file, with their variables; the runner's own ones are left out."""
    workflow = yaml.safe_load((EXAMPLES / "github.yml").read_text())
    job_variables = {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": "ada",
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    found = []
    for step in workflow["jobs"][job]["steps"]:
        script = step.get("run", "")
        if script and not RUNNERS_OWN.match(script):
            assert "${{" not in script
            values = {
                key: re.sub(r"\$\{\{ (\S+) \}\}", lambda match: values_of_github(match[1]), value)
                for key, value in step.get("env", {}).items()
            }
            found.append((script, {**job_variables, **values}))
    return found


def gitlab_scripts(job: str) -> list[str]:
    """Return the scripts of a job of GitLab's file; the runner's own ones are left out."""
    jobs = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())
    return [script for script in jobs[job]["script"] if not RUNNERS_OWN.match(script)]


def test_the_workflow_of_github_plans_previews_deploys_and_collects(clone: Clone, tmp_path: Path) -> None:
    def do(job: str, **others: str) -> tuple[str, str]:
        out, summary = "", tmp_path / f"{job}.md"
        for script, variables in github_steps(job, summary):
            done = clone.script(script, {**variables, **others})
            assert done.returncode == 0, (script, done.stdout, done.stderr)
            out += done.stdout
        return out, summary.read_text() if summary.exists() else ""

    out, summary = do("plan", MODEL="triple")
    assert out.startswith("pr-17 is running\nurl: http://127.0.0.1:")
    assert clone.read("plan.md").startswith("### 2 changes\n\n**<code>app</code>**\n\n| step |")
    assert summary.startswith(clone.read("plan.md"))
    assert "| <code>pr-17</code> | is deployed | <code>1</code> |" in summary
    assert clone.project.json("deployment", "releases", "pr-17")[0]["made"]["message"] == "pr-17"

    out, summary = do("run")
    assert out.startswith("app is running\n")
    assert "| <code>app</code> | is deployed | <code>1</code> |" in summary
    assert not (clone.project.folder / "harm").exists()
    assert clone.project.json("deployment", "releases", "app")[0]["made"]["message"].startswith(
        'use "triple"; $(touch harm)'
    )

    assert do("clean") == ("nothing to remove\n", "")


def test_the_jobs_of_gitlab_plan_preview_deploy_and_collect(clone: Clone) -> None:
    variables = {
        "CI": "true",
        "GITLAB_CI": "true",
        "GITLAB_USER_LOGIN": "ada",
        "CI_MERGE_REQUEST_IID": "4",
        "CI_COMMIT_MESSAGE": "better\n",
        "MODEL": "triple",
    }

    def do(job: str) -> str:
        out = ""
        for script in gitlab_scripts(job):
            done = clone.script(script, variables)
            assert done.returncode == 0, (script, done.stdout, done.stderr)
            out += done.stdout
        return out

    assert do("plan") == ""
    assert clone.read("plan.md").startswith("### 2 changes\n")
    assert do("preview").startswith("mr-4 is running\n")
    assert do("run").startswith("app is running\n")
    made = clone.project.json("deployment", "releases", "app")[0]["made"]
    assert (made["message"].strip(), made["user"]) == ("better", "ada")
    assert do("clean") == "nothing to remove\n"


def test_what_the_runner_does_alone_is_all_that_is_left_out() -> None:
    workflow = yaml.safe_load((EXAMPLES / "github.yml").read_text())
    scripts = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    jobs = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())
    scripts += [line for job in jobs.values() if isinstance(job, dict) for line in job.get("script", [])]
    assert sorted({script.split()[0] for script in scripts}) == ["curl", "gh", "mlem", "pip"]


def actions(clone: Clone, summary: Path | None, *words: str) -> subprocess.CompletedProcess[str]:
    variables = {"GITHUB_ACTIONS": "true", **({"GITHUB_STEP_SUMMARY": str(summary)} if summary else {})}
    return Project(clone.project.folder, {**clone.project.environment, **variables}).mlem("deployment", *words)


def test_an_error_is_an_annotation_and_in_the_summary(clone: Clone, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    done = actions(clone, summary, "run", "local", "app", "--model", "wrong")
    assert done.returncode == 8
    [line] = [line for line in done.stderr.splitlines() if line.startswith("::")]
    assert re.match(r"::error title=mlem%3A gate-failed::the new release .*%0A.*when the model was saved", line)
    assert summary.read_text().count("\n| <code>app</code> | failed: <code>gate-failed</code> <code>the new") == 1
    done = actions(clone, summary, "plan", "app", "nobody")
    assert "\n::error title=mlem%3A nobody%3A not-found::no object 'nobody': " in done.stderr


def test_one_of_several_that_fails_is_named_in_its_annotation(clone: Clone, tmp_path: Path) -> None:
    clone.project.mlem("declare", "deployment", "local", "bad", "--model", "nothing")
    done = actions(clone, tmp_path / "summary.md", "plan", "--all", "--output", "markdown")
    assert done.returncode == 3
    assert "::error title=mlem%3A bad%3A " in done.stderr
    assert done.stdout.startswith("### 2 changes in 1 of 2 deployments, 1 can't be planned\n")
    assert "**<code>bad</code>**: failed: <code>" in done.stdout
    assert (tmp_path / "summary.md").read_text().strip() == done.stdout.strip()


@pytest.mark.parametrize("place", ["nowhere/summary.md", "."])
def test_a_summary_that_cannot_be_written_is_a_warning(clone: Clone, tmp_path: Path, place: str) -> None:
    done = actions(clone, tmp_path / place, "plan", "app", "--quiet")
    assert done.returncode == 0
    assert f"warning: the job summary can't be written: {tmp_path / place}: " in done.stderr
    assert "::warning title=mlem::the job summary can't be written" in done.stderr


def test_what_a_model_prints_is_no_command_to_the_runner(clone: Clone) -> None:
    code = """
import mlem.api
def predict(x: float) -> float:
    print("::stop-commands::x\\\\n ::add-mask::1\\\\n##[error]no", flush=True)
    return x
mlem.api.save(predict, "talks", sample_data=1.0)
""".replace("\\\\", "\\")
    saved = clone.project.python("-c", code)
    assert saved.returncode == 0, saved.stderr
    assert clone.project.mlem("deployment", "run", "local", "talks-app", "--model", "talks").returncode == 0
    seen = clone.project.mlem("deployment", "logs", "talks-app").stdout
    assert "\n::stop-commands::x\n ::add-mask::1\n##[error]no\n" in seen
    done = actions(clone, None, "logs", "talks-app")
    assert "\n\\x3a:stop-commands::x\n \\x3a:add-mask::1\n\\x23#[error]no\n" in done.stdout


def test_quiet_prints_results_and_errors_alone(clone: Clone) -> None:
    done = clone.project.mlem("deployment", "run", "--load", "app", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("app is running\n")
    done = clone.project.mlem("deployment", "run", "--all", "-q", "--model", "triple")
    assert (done.returncode, done.stderr) == (0, "")
    done = clone.project.mlem("deployment", "run", "--load", "app", "-q", "--model", "wrong")
    assert done.returncode == 8
    assert done.stderr.startswith("error[gate-failed]: ")
    done = clone.project.mlem("deployment", "remove", "app", "-q")
    assert (done.stdout, done.stderr) == ("app is removed\n", "")


def test_progress_is_one_plain_line_a_step_where_there_is_no_terminal(clone: Clone) -> None:
    done = clone.project.mlem("deployment", "run", "--load", "app")
    lines = done.stderr.splitlines()
    assert lines[:3] == [
        "creating model (not there yet)",
        "creating process (not there yet)",
        "waiting until it answers as the saved model did",
    ]
    assert all(re.fullmatch(r"took \d+\.\d s| +\d+\.\d s  .+", line) for line in lines[3:])


def test_a_plan_without_changes_says_so(clone: Clone) -> None:
    assert clone.project.mlem("deployment", "run", "--load", "app").returncode == 0
    assert clone.project.mlem("deployment", "plan", "app", "--output", "markdown").stdout == "### Nothing to change\n"


def test_what_becomes_of_the_protection_is_in_the_plan(clone: Clone) -> None:
    assert clone.project.mlem("deployment", "run", "--load", "app").returncode == 0
    secured: dict[str, Any] = {**clone.project.environment, "MLEM_SERVER_TOKENS": "a-token-of-tests-0123456789"}
    done = Project(clone.project.folder, secured).mlem("deployment", "plan", "app", "--output", "markdown")
    assert re.search(r"\n\ntokens: <code>none</code> → <code>.+</code>\n", done.stdout), done.stdout
