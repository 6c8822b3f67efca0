"""The CI job that this process runs in, as its environment says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """A CI job.

    Attributes:
        name: What it is called: ``deploy #812``.
        url: Its page; empty where it is not known.
        user: Who started it; empty where it is not known.
    """

    name: str
    url: str = ""
    user: str = ""


def current_job(variables: Mapping[str, str] | None = None) -> Job | None:
    """Return the job of this process; None outside of CI.

    Source: GitHub, "Variables reference", section "Default environment variables"; GitLab, "Predefined CI/CD
    variables"; Jenkins, "Using environment variables"; Azure Pipelines, "Use predefined variables"; CircleCI, "Project
    values and variables" (read 2026-11).

    Args:
        variables: The environment; the process's own when None.
    """
    env = os.environ if variables is None else variables
    if env.get("GITHUB_ACTIONS") == "true":
        run = f"{env.get('GITHUB_REPOSITORY', '')}/actions/runs/{env.get('GITHUB_RUN_ID', '')}"
        name = f"{env.get('GITHUB_WORKFLOW', 'GitHub')} #{env.get('GITHUB_RUN_NUMBER', '?')}"
        return Job(name, f"{env.get('GITHUB_SERVER_URL', 'https://github.com')}/{run}", env.get("GITHUB_ACTOR", ""))
    if env.get("GITLAB_CI") == "true":
        name = f"{env.get('CI_JOB_NAME', 'GitLab')} #{env.get('CI_JOB_ID', '?')}"
        return Job(name, env.get("CI_JOB_URL", ""), env.get("GITLAB_USER_LOGIN", ""))
    if env.get("JENKINS_URL"):
        name = f"{env.get('JOB_NAME', 'Jenkins')} #{env.get('BUILD_NUMBER', '?')}"
        return Job(name, env.get("BUILD_URL", ""), env.get("BUILD_USER_ID", ""))
    if env.get("TF_BUILD") == "True":
        project = f"{env.get('SYSTEM_COLLECTIONURI', '')}{env.get('SYSTEM_TEAMPROJECT', '')}"
        url = f"{project}/_build/results?buildId={env.get('BUILD_BUILDID', '')}"
        return Job(f"Azure #{env.get('BUILD_BUILDNUMBER', '?')}", url, env.get("BUILD_REQUESTEDFOR", ""))
    if env.get("CIRCLECI") == "true":
        name = f"{env.get('CIRCLE_JOB', 'CircleCI')} #{env.get('CIRCLE_BUILD_NUM', '?')}"
        return Job(name, env.get("CIRCLE_BUILD_URL", ""), env.get("CIRCLE_USERNAME", ""))
    return Job("CI") if env.get("CI", "").lower() in ("true", "1") else None
