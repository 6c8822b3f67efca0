"""What MLEM 0.4 declared and deployed on SageMaker.

Fields mapped or named, an endpoint taken over, replaced, put back, removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlem import DeclarationError
from mlem.testing import SAMPLE, Project
from mlem_provider_sagemaker.api.aws import connect
from mlem_provider_sagemaker.deployment import SagemakerDeployment
from mlem_provider_sagemaker.env import SagemakerEnv
from mlem_provider_sagemaker.legacy import translate_deployment, translate_env

from .conftest import APP, deploy

SMENV = {"account": "123456789012", "bucket": "bkt", "ecr_repository": "repo", "region": "us-east-1", "role": "mlem"}
"""As MLEM 0.4 wrote it."""


def tags(arn: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in connect(None, None).tags(arn)}


@pytest.fixture
def old(project: Project, aws: Any, options: list[str], name: str) -> Iterator[Path]:
    """An endpoint without tags, and a declaration, an env and a state as MLEM 0.4 writes them."""
    deploy(project, "double", options)
    state = project.handle(APP).state()
    assert state is not None
    account = connect(None, None)
    for step in ("model", "endpoint_config", "endpoint"):
        arn = state.records[step]["arn"]
        account.call("untag", "sagemaker", "delete_tags", ResourceArn=arn, TagKeys=[*tags(arn)])
    env = {
        "object_type": "env",
        "role": "mlem-endpoints",
        "ecr_repository": f"mlem-test/{name}",
        "bucket": "bkt",
        "type": "sagemaker",
    }
    declaration = {"env": "smenv", "object_type": "deployment", "type": "sagemaker"}
    (project.folder / "smenv.mlem").write_text(yaml.safe_dump(env))
    (project.folder / f"{APP}.mlem").write_text(yaml.safe_dump(declaration))
    path = project.folder / f"{APP}.mlem.state"
    content = {
        "declaration": {**declaration, "env": env},
        "endpoint_model_hash": "9623ee9c98640ab1ee60e15ea05ee10f",
        "endpoint_name": name,
        "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mlem:9623",
        "image_tag": "9623",
        "model_hash": "9623ee9c98640ab1ee60e15ea05ee10f",
        "model_link": {"path": "double.mlem", "project": "file:///srv/elsewhere/"},
        "model_location": "s3://bkt/mlem-model/9623/model.tar.gz",
        "region": "eu-west-1",
        "type": "sagemaker",
    }
    path.write_text(yaml.safe_dump(content))
    yield path
    if path.exists() and "lineage" not in path.read_text():
        path.unlink()


def status(project: Project) -> Any:
    return project.json("deployment", "status", APP)["status"]


def exists(operation: str, **arguments: str) -> bool:
    return connect(None, None).find("look", "sagemaker", f"describe_{operation}", **arguments) is not None


def faster(project: Project) -> None:
    path = project.folder / f"{APP}.mlem"
    path.write_text(f"{path.read_text()}poll_s: 0.2\ngate_timeout_s: 60\n")


def test_an_endpoint_of_0_4_is_taken_over_replaced_and_removed(project: Project, old: Path, name: str) -> None:
    done = project.mlem("migrate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bucket: the model is in the image" in done.stdout
    faster(project)
    declared = yaml.safe_load((project.folder / f"{APP}.mlem").read_text())
    assert (declared["endpoint_name"], declared["instance_type"], declared["model"]) == (name, "ml.m5.large", "double")
    state = project.handle(APP).state()
    assert state is not None
    records = state.records
    assert status(project) == "running"
    assert {tags(records[step]["arn"])["mlem:lineage"] for step in ("model", "endpoint_config", "endpoint")} == {
        state.lineage
    }

    failed = project.mlem("deployment", "run", "--load", APP, "--model", "wrong")
    assert (failed.returncode, "serves again" in failed.stderr, status(project)) == (8, True, "running"), failed.stderr

    done = project.mlem("deployment", "run", "--load", APP, "--model", "triple")
    assert done.returncode == 0, done.stderr
    with project.handle(APP).get_client() as client:
        assert client.predict(SAMPLE) == [3.0, 6.0, 9.0]
    assert not exists("model", ModelName=records["model"]["name"]), "what no release needs is gone"
    assert not exists("endpoint_config", EndpointConfigName=records["endpoint_config"]["name"])


def test_what_was_taken_over_is_removed_with_its_configuration_and_model(
    project: Project, old: Path, name: str
) -> None:
    assert project.mlem("migrate").returncode == 0
    faster(project)
    state = project.handle(APP).state()
    assert state is not None
    done = project.mlem("deployment", "remove", APP)
    assert done.returncode == 0, done.stderr
    assert not exists("endpoint", EndpointName=name)
    assert not exists("endpoint_config", EndpointConfigName=state.records["endpoint_config"]["name"])
    assert not exists("model", ModelName=state.records["model"]["name"])


def test_an_endpoint_that_is_not_here_may_be_elsewhere(project: Project, old: Path) -> None:
    content = yaml.safe_load(old.read_text())
    for change, code in (
        ({"endpoint_name": "no-such"}, 3),
        ({"region": "us-east-1"}, 4),
        ({"endpoint_name": "a/b"}, 2),
    ):
        old.write_text(yaml.safe_dump({**content, **change}))
        before = old.read_bytes()
        done = project.mlem("migrate")
        assert (done.returncode, "Traceback" in done.stderr, old.read_bytes()) == (code, False, before), done.stdout


def test_the_fields_of_0_4_are_mapped_or_named() -> None:
    env = translate_env(SMENV)
    assert SagemakerEnv.from_data(env.fields, "smenv.mlem").to_data() == {
        "region": "us-east-1",
        "role": "mlem",
        "ecr_repository": "repo",
        "object_type": "env",
        "type": "sagemaker",
    }
    assert [lost.path for lost in env.lost] == ["account", "bucket"]
    old = {
        "method": "predict_proba",
        "image_tag": "1",
        "model_name": "m",
        "initial_instance_count": 2,
        "instance_type": "ml.t2.medium",
    }
    found = translate_deployment({**old, "accelerator_type": "ml.eia2.medium"}, "sm.mlem")
    assert found.fields == {"instance_count": 2, "instance_type": "ml.t2.medium"}
    assert [lost.path for lost in found.lost] == ["method", "image_tag", "model_name", "accelerator_type"]


def test_a_file_that_loses_something_is_not_read_as_it_is() -> None:
    with pytest.raises(DeclarationError) as caught:
        SagemakerEnv.from_data(SMENV, "smenv.mlem")
    assert (caught.value.code, "mlem migrate" in (caught.value.hint or "")) == ("of-mlem-0-4", True)
    with pytest.raises(DeclarationError, match="use_prebuilt"):
        SagemakerDeployment.from_data({"use_prebuilt": True}, "sm.mlem")
    assert SagemakerDeployment.from_data({"initial_instance_count": 3}, "sm.mlem").instance_count == 3, (
        "nothing is lost"
    )


def test_an_endpoint_that_somebody_made_is_adopted_replaced_and_removed(project: Project, old: Path, name: str) -> None:
    old.unlink()
    (project.folder / f"{APP}.mlem").unlink()
    env = project.folder / "smenv.mlem"
    env.write_text(env.read_text().replace("bucket: bkt\n", ""))
    words = ["deployment", "adopt", "sagemaker", APP, "--from", name, "--model", "triple", "--env", "smenv"]
    done = project.mlem(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    faster(project)
    state = project.handle(APP).state()
    assert state is not None
    assert (status(project), tags(state.records["endpoint"]["arn"])["mlem:lineage"]) == ("running", state.lineage)
    done = project.mlem("deployment", "run", "--load", APP)
    assert done.returncode == 0, done.stderr
    with project.handle(APP).get_client() as client:
        assert client.predict(SAMPLE) == [3.0, 6.0, 9.0]
    assert project.mlem("deployment", "remove", APP).returncode == 0
    assert not exists("endpoint", EndpointName=name)
