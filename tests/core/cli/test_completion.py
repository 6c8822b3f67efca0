"""A shell completes the names of deployments, models and envs."""

from __future__ import annotations

import pytest

from mlem.testing import Project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project.make(tmp_path_factory.mktemp("project"))
    made.save("double", 2.0)
    for name, content in {
        "app": "object_type: deployment\ntype: local_process\n",
        "apps/other": "object_type: deployment\ntype: local_process\n",
        "prod": "object_type: env\ntype: docker\n",
        "broken": "nothing: [\n",
        "apps/other.eu": "port: 8080\n",
    }.items():
        path = made.folder / f"{name}.mlem"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return made


def completed(project: Project, line: str) -> list[str]:
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_MLEM_COMPLETE": "bash_complete"}
    done = Project(project.folder, asked).mlem()
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.split()]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("mlem deployment status ", ["app", "apps/other", "apps/other@eu"]),
        ("mlem deployment remove apps/", ["apps/other", "apps/other@eu"]),
        ("mlem deployment remove apps/other --overlay ", ["eu"]),
        ("mlem deployment promote apps/other@", ["apps/other@eu"]),
        ("mlem deployment rollback apps/x", []),
        ("mlem deployment run --load a", ["app", "apps/other", "apps/other@eu"]),
        ("mlem deployment plan app --model ", ["double"]),
        ("mlem deployment lock show ap", ["app", "apps/other", "apps/other@eu"]),
        ("mlem apply ", ["double"]),
        ("mlem apply d", ["double"]),
        ("mlem serve ", ["double"]),
        ("mlem deployment status --project apps ", ["other", "other@eu"]),
        ("mlem deployment status --project nowhere ", [""]),
        ("mlem deployment run nothing-of-this-name ", []),
    ],
)
def test_names_are_completed(project: Project, line: str, names: list[str]) -> None:
    assert completed(project, line) == names
