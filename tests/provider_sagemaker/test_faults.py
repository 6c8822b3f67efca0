"""A fault at every call of AWS in turn.

What AWS did and could not say is adopted, what it refused is finished by the next run.
"""

from __future__ import annotations

from typing import Any

import pytest
import sagemaker_server

from mlem import MlemError
from mlem.testing import SAMPLE, Project

from .conftest import APP, deploy, lineage_of

MOST_CALLS = 40


def api_error(code: str, message: str, status: int = 400) -> Exception:
    error: Exception = sagemaker_server.ApiError(code, message, status)
    return error


def answers(project: Project) -> Any:
    with project.handle(APP).get_client() as client:
        return client.predict(SAMPLE)


def kinds(found: list[str]) -> list[str]:
    return sorted(arn.rpartition(":")[2].partition("/")[0] for arn in found if arn.startswith("arn:"))


@pytest.mark.parametrize("kind", ["cut", "500", "throttle", "timeout"])
def test_a_fault_that_botocore_repeats_is_not_noticed(
    project: Project, aws: Any, options: list[str], kind: str
) -> None:
    """Each kind takes its share of the calls, so that together they meet every one."""
    start = ["cut", "500", "throttle", "timeout"].index(kind) + 1
    deploy(project, "double", options)
    calls = len(aws.calls)
    lineage = lineage_of(project)
    assert project.handle(APP).remove()
    assert aws.tagged(lineage) == []
    for number in range(start, calls + 1, 4):
        aws.faults = {number: kind}
        deploy(project, "double", options)
        assert aws.faults == {} or number > calls - 3, (
            f"call {number}: there are fewer looks at the endpoint now and then"
        )
        assert answers(project) == [2.0, 4.0, 6.0], f"call {number}"
        lineage = lineage_of(project)
        aws.faults = {number: kind}
        assert project.handle(APP).remove()
        aws.endpoints.wait()
        aws.faults = {}
        assert aws.tagged(lineage) == [], f"call {number}"


def test_a_call_that_is_refused_at_any_place_of_a_first_run_is_made_good_by_the_next(
    project: Project, aws: Any, options: list[str]
) -> None:
    done = project.mlem("declare", "deployment", "sagemaker", APP, "--model", "double", *options)
    assert done.returncode == 0, done.stderr
    for number in range(1, MOST_CALLS):
        aws.faults = {
            number: api_error(
                "AccessDeniedException", "User: ada is not authorized to perform: x:Y on resource: z because"
            )
        }
        try:
            project.handle(APP).run()
            refused = False
        except MlemError:
            refused = True
        if aws.faults:
            break
        aws.endpoints.wait()
        assert refused, f"call {number}"
        project.handle(APP).run()
        lineage = lineage_of(project)
        assert kinds(aws.tagged(lineage)) == ["endpoint", "endpoint-config", "model"], f"call {number}"
        assert project.handle(APP).remove()
        assert aws.tagged(lineage) == [], f"call {number}"
    assert 8 < number < MOST_CALLS - 1


def test_a_call_that_is_refused_at_any_place_of_an_update_leaves_the_old_or_the_new_one(
    project: Project, aws: Any, options: list[str]
) -> None:
    deploy(project, "double", options)
    models = {"double": [2.0, 4.0, 6.0], "triple": [3.0, 6.0, 9.0]}
    serving, wanted = "double", "triple"
    for number in range(1, MOST_CALLS):
        path = project.folder / f"{APP}.mlem"
        path.write_text(path.read_text().replace(f"model: {serving}", f"model: {wanted}"))
        aws.faults = {number: api_error("ValidationException", "a refusal")}
        try:
            project.handle(APP).run()
            passed = True
        except MlemError:
            passed = False
        over = bool(aws.faults)
        aws.faults = {}
        aws.endpoints.wait()
        if not passed:
            assert answers(project) in models.values(), f"call {number}"
            project.handle(APP).run()
        assert answers(project) == models[wanted], f"call {number}"
        assert {change.action for change in project.handle(APP).plan()} == {"keep"}, f"call {number}"
        serving, wanted = wanted, serving
        if over:
            break
    assert 6 < number < MOST_CALLS - 1
    lineage = lineage_of(project)
    found = aws.tagged(lineage)
    assert len([arn for arn in found if ":model/" in arn]) <= 3
    assert project.handle(APP).remove()
    assert aws.tagged(lineage) == []
