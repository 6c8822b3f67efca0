"""The policy in the documentation is what mlem needs: nothing lacks, nothing is too much."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mlem.testing import Project

from .conftest import APP, deploy

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "sagemaker.md"

WITHOUT_A_CALL_OF_OURS = {
    # the Engine's push
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
    # what AWS checks beside the call: CreateRepository with tags, CreateModel with a role, the first scaling in an
    # account
    "ecr:TagResource",
    "iam:PassRole",
    "iam:CreateServiceLinkedRole",
}


def policy() -> set[str]:
    found = re.search(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    statements = json.loads(found[1])["Statement"]
    return {
        action
        for each in statements
        for action in (each["Action"] if isinstance(each["Action"], list) else [each["Action"]])
    }


def test_everything_works_under_the_policy_and_needs_all_of_it(project: Project, aws: Any, options: list[str]) -> None:
    allowed = policy()
    aws.allowed = allowed - WITHOUT_A_CALL_OF_OURS
    aws.calls.clear()
    role = next(item for item in options if "role" in item)
    without = project.run("sagemaker", "nobody", "double", [item for item in options if item != role])
    assert "no-role" in without.stderr  # who this is has been asked
    assert not (project.folder / "nobody.mlem").exists()
    tagged = [*options, "--env.tags.team=nlp", "--keep_releases=1", "--autoscaling.max_instances=2"]
    deploy(project, "double", tagged)
    (project.folder / "data.json").write_text("[1, 2, 3]")
    for command in (["status", APP], ["apply", APP, "data.json"], ["logs", APP], ["logs", APP, "--tail", "1"]):
        done = project.mlem("deployment", *command)
        assert done.returncode == 0, done.stderr
    # what was made and is not on record is adopted: described, and told by its tags
    state = project.folder / f"{APP}.mlem.state"
    text = state.read_text()
    head, _, rest = text.partition("model:\n")
    body, _, tail = rest.partition("endpoint:\n")
    state.write_text(head + "serial:" + tail.partition("serial:")[2])
    deploy(project, "double", tagged)
    assert body
    declaration = project.folder / f"{APP}.mlem"
    declaration.write_text(declaration.read_text().replace("team: nlp", "owner: ada"))
    deploy(project, "triple", [])
    done = project.mlem("deployment", "remove", APP)
    assert done.returncode == 0, done.stderr
    assert {call.permission for call in aws.calls if call.service != "s3"} == aws.allowed
