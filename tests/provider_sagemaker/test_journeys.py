"""The command line against AWS's control plane, with the pushed image really run.

Deploy, update, scale, capture, roll back, remove.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mlem import DataError, Phase, Status
from mlem.testing import SAMPLE, Project
from mlem_image import LINEAGE_LABEL
from mlem_provider_docker import Engine
from mlem_provider_sagemaker.api.aws import connect

from .conftest import APP, deploy, lineage_of


def record(project: Project, step: str) -> dict[str, Any]:
    state = project.handle(APP).state()
    assert state is not None
    return dict(state.records[step])


def answers(project: Project) -> Any:
    with project.handle(APP).get_client() as client:
        return client.predict(SAMPLE)


def describe(operation: str, **arguments: str) -> dict[str, Any]:
    return connect(None, None).call("look", "sagemaker", f"describe_{operation}", **arguments)


def actions(aws: Any) -> list[str]:
    return [call.action for call in aws.calls]


def test_an_env_is_declared_once_and_used_by_name(project: Project, name: str) -> None:
    env = ["--region", "eu-west-1", "--role", "mlem-endpoints", "--ecr_repository", f"mlem-test/{name}"]
    done = project.mlem("declare", "env", "sagemaker", "prod", *env)
    assert done.returncode == 0, done.stderr
    options = [
        "--env",
        "prod",
        "--instance_type",
        "ml.m5.large",
        "--instance_count",
        "2",
        "--poll_s",
        "0.2",
        "--endpoint_name",
        name,
    ]
    done = project.run("sagemaker", APP, "double", options)
    assert (done.returncode, done.stdout) == (0, "app is running\n"), done.stderr
    variant = describe("endpoint_config", EndpointConfigName=record(project, "endpoint_config")["name"])[
        "ProductionVariants"
    ][0]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.m5.large", 2)
    model = describe("model", ModelName=record(project, "model")["name"])
    assert model["ExecutionRoleArn"] == "arn:aws:iam::123456789012:role/service/mlem-endpoints"
    assert model["PrimaryContainer"]["Image"].endswith("@" + record(project, "image")["digest"])
    (project.folder / "data.json").write_text("[1, 2, 3]")
    assert project.json("deployment", "apply", APP, "data.json") == [2.0, 4.0, 6.0]
    assert project.json("deployment", "status", APP)["status"] == "running"
    assert "ready: POST" in project.mlem("deployment", "logs", APP).stdout


def test_an_update_lets_the_old_one_serve_until_the_new_one_does(
    project: Project, aws: Any, options: list[str]
) -> None:
    deploy(project, "double", options)
    changes = {
        change["step"]: change for change in project.json("deployment", "plan", APP, "--model", "triple")["changes"]
    }
    assert (changes["endpoint"]["action"], changes["endpoint"]["downtime"]) == ("update", "")
    assert "the old instances serve until the new ones do" in changes["endpoint"]["reason"]
    aws.endpoints.delay_s = 3.0
    aws.calls.clear()
    wrong, stop = [], threading.Event()
    with project.handle(APP).get_client() as client:
        client.predict(SAMPLE)

        def ask() -> None:
            while not stop.is_set():
                answer = client.predict(SAMPLE)
                if answer not in ([2.0, 4.0, 6.0], [3.0, 6.0, 9.0]):
                    wrong.append(answer)

        asking = threading.Thread(target=ask)
        asking.start()
        deploy(project, "triple", options)
        stop.set()
        asking.join()
    assert (wrong, answers(project)) == ([], [3.0, 6.0, 9.0])
    assert "UpdateEndpoint" in actions(aws)


def test_a_release_that_sagemaker_puts_back_is_put_back_here_too(
    project: Project, aws: Any, options: list[str]
) -> None:
    deploy(project, "double", options)
    served = record(project, "endpoint")
    aws.calls.clear()
    done = project.run("sagemaker", APP, "wrong", options)
    assert done.returncode == 8, done.stderr
    assert "did not pass the ping health check" in done.stderr
    assert "| error[gate-failed]: predict: the sample row gives" in done.stderr, "the container's log is shown"
    assert "release 1" in done.stderr
    assert (record(project, "endpoint"), answers(project)) == (served, [2.0, 4.0, 6.0])
    assert actions(aws).count("UpdateEndpoint") == 1, "SageMaker has gone back by itself"
    assert len([arn for arn in aws.tagged(lineage_of(project)) if ":model/" in arn or ":endpoint-config/" in arn]) == 2


def test_a_first_release_that_fails_says_why_and_can_be_followed_by_a_right_one(
    project: Project, options: list[str]
) -> None:
    done = project.run("sagemaker", APP, "wrong", options)
    assert (done.returncode, "is Failed: The primary container" in done.stderr) == (8, True), done.stderr
    changes = {
        change["step"]: change for change in project.json("deployment", "plan", APP, "--model", "double")["changes"]
    }
    assert (changes["endpoint"]["action"], "a failed endpoint can't be updated" in changes["endpoint"]["downtime"]) == (
        "replace",
        True,
    )
    deploy(project, "double", options)
    assert answers(project) == [2.0, 4.0, 6.0]


def test_a_serverless_endpoint(project: Project, options: list[str]) -> None:
    deploy(project, "double", [*options, "--serverless.memory_mib", "2048", "--serverless.max_concurrency", "5"])
    variant = describe("endpoint_config", EndpointConfigName=record(project, "endpoint_config")["name"])[
        "ProductionVariants"
    ][0]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    assert ("InstanceType" in variant, answers(project)) == (False, [2.0, 4.0, 6.0])


def test_an_endpoint_on_instances_becomes_serverless_by_a_new_one(
    project: Project, aws: Any, options: list[str]
) -> None:
    deploy(project, "double", options)
    (project.folder / "app.mlem").write_text(
        (project.folder / "app.mlem").read_text() + "serverless: {memory_mib: 1024}\n"
    )
    changes = {change["step"]: change for change in project.json("deployment", "plan", APP)["changes"]}
    assert changes["endpoint"]["action"] == "replace"
    assert "an endpoint on instances can't become serverless" in changes["endpoint"]["downtime"]
    assert project.mlem("deployment", "run", "--load", APP).returncode == 0
    assert (answers(project), len(aws.endpoints.containers(lineage_of(project)))) == ([2.0, 4.0, 6.0], 1)


def test_the_number_of_instances_follows_the_calls(project: Project, aws: Any, options: list[str], name: str) -> None:
    scaling = [
        "--autoscaling.min_instances",
        "1",
        "--autoscaling.max_instances",
        "4",
        "--autoscaling.target_invocations",
        "500",
    ]
    deploy(project, "double", [*options, *scaling])
    account = connect(None, None)

    def target() -> Any:
        found = account.call(
            "look", "application-autoscaling", "describe_scalable_targets", ServiceNamespace="sagemaker"
        )
        return [
            (item["MinCapacity"], item["MaxCapacity"])
            for item in found["ScalableTargets"]
            if item["ResourceId"] == f"endpoint/{name}/variant/AllTraffic"
        ]

    assert target() == [(1, 4)]
    assert project.json("deployment", "plan", APP, "--detailed-exitcode")["changes"][-1]["action"] == "keep"
    aws.calls.clear()
    deploy(project, "double", [*options, *scaling, "--instance_type", "ml.c5.large"])
    done = [
        action
        for action in actions(aws)
        if action.endswith(("ScalableTarget", "Endpoint")) and not action.startswith(("Describe", "Invoke"))
    ]
    assert done == ["DeregisterScalableTarget", "UpdateEndpoint", "RegisterScalableTarget"]
    text = (project.folder / "app.mlem").read_text()
    lines = [
        line
        for line in text.splitlines()
        if "autoscaling" not in line and "_instances" not in line and "target_inv" not in line
    ]
    (project.folder / "app.mlem").write_text("\n".join(lines) + "\n")
    ended = project.mlem("deployment", "run", "--load", APP)
    assert (ended.returncode, target()) == (0, []), ended.stderr


def test_data_capture_vpc_kms_tags_and_environment_reach_aws(project: Project, options: list[str]) -> None:
    more = {
        "env.vpc.subnets.0": "subnet-1",
        "env.vpc.security_groups.0": "sg-1",
        "env.kms_key": "alias/models",
        "env.tags.team": "nlp",
        "data_capture.s3_uri": "s3://bucket/calls",
        "data_capture.sampling_percent": "20",
        "environment.LEVEL": "debug",
        "volume_gib": "30",
        "startup_timeout_s": "120",
    }
    deploy(project, "double", [*options, *[f"--{key}={value}" for key, value in more.items()]])
    model = describe("model", ModelName=record(project, "model")["name"])
    config = describe("endpoint_config", EndpointConfigName=record(project, "endpoint_config")["name"])
    variant, capture = config["ProductionVariants"][0], config["DataCaptureConfig"]
    seen = {
        "vpc": model["VpcConfig"],
        "environment": model["PrimaryContainer"]["Environment"],
        "kms": config["KmsKeyId"],
        "capture": (capture["DestinationS3Uri"], capture["InitialSamplingPercentage"]),
        "volume": variant["VolumeSizeInGB"],
        "startup": variant["ContainerStartupHealthCheckTimeoutInSeconds"],
    }
    assert seen == {
        "vpc": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "environment": {"LEVEL": "debug"},
        "kms": "alias/models",
        "capture": ("s3://bucket/calls", 20),
        "volume": 30,
        "startup": 120,
    }
    ours = [
        {"Key": "team", "Value": "nlp"},
        {"Key": "mlem:lineage", "Value": lineage_of(project)},
        {"Key": "mlem:deployment", "Value": APP},
    ]
    for step in ("model", "endpoint_config", "endpoint"):
        tags = connect(None, None).tags(record(project, step)["arn"])
        assert [tag for tag in tags if tag["Key"] != "mlem:image"] == ours
    deploy(project, "double", [*options, *[f"--{key}={value}" for key, value in more.items()], "--env.tags.team=cv"])
    assert {"Key": "team", "Value": "cv"} in connect(None, None).tags(record(project, "endpoint")["arn"])


@pytest.mark.parametrize("builder", ["image", "engine"])
def test_releases_are_kept_as_far_back_as_rollback_reaches(
    project: Project, aws: Any, engine: Engine, options: list[str], builder: str
) -> None:
    kept = [*options, "--keep_releases", "2", "--builder", builder]
    project.save("four", 4.0)
    for model in ("double", "triple", "four"):
        deploy(project, model, kept)
    lineage = lineage_of(project)
    found = aws.tagged(lineage)
    counts = {
        kind: len([arn for arn in found if kind in arn])
        for kind in (":model/", ":endpoint-config/", ":endpoint/", "mlem-test/")
    }
    assert counts == {":model/": 2, ":endpoint-config/": 2, ":endpoint/": 1, "mlem-test/": 2}
    if builder == "engine":
        assert len(engine.images(f"{LINEAGE_LABEL}={lineage}")) == 2
    done = project.mlem("deployment", "rollback", APP)
    assert (done.returncode, answers(project)) == (0, [3.0, 6.0, 9.0]), done.stderr


def test_a_model_is_deployed_and_updated_where_there_is_no_engine(
    project: Project, aws: Any, options: list[str]
) -> None:
    apart = Project(project.folder, {**project.environment, "DOCKER_HOST": "unix:///no/engine.sock"})
    for model, expected in (("double", [2.0, 4.0, 6.0]), ("triple", [3.0, 6.0, 9.0])):
        deploy(apart, model, options)
        assert answers(apart) == expected
    assert record(apart, "image")["base_image"] == "python:3.11-slim"
    lineage = lineage_of(apart)
    removed = apart.mlem("deployment", "remove", APP)
    assert (removed.returncode, "stay" in removed.stderr) == (0, False), removed.stderr
    assert aws.tagged(lineage) == []


def test_another_endpoint_name_is_another_endpoint(project: Project, aws: Any, options: list[str], name: str) -> None:
    deploy(project, "double", options)
    deploy(project, "double", [*options, f"--endpoint_name={name}-b"])
    assert [arn for arn in aws.tagged(lineage_of(project)) if ":endpoint/" in arn] == [
        f"arn:aws:sagemaker:eu-west-1:123456789012:endpoint/{name}-b"
    ]
    assert answers(project) == [2.0, 4.0, 6.0]


@pytest.mark.parametrize("made", ["endpoint", "repository"])
def test_what_somebody_else_made_stays(project: Project, aws: Any, options: list[str], name: str, made: str) -> None:
    account = connect(None, None)
    if made == "repository":
        account.call("make", "ecr", "create_repository", repositoryName=f"mlem-test/{name}")
        deploy(project, "double", options)
        assert project.mlem("deployment", "remove", APP).returncode == 0
        assert account.find("look", "ecr", "describe_repositories", repositoryNames=[f"mlem-test/{name}"]) is not None
        account.call("clean", "ecr", "delete_repository", repositoryName=f"mlem-test/{name}")
        return
    deploy(project, "double", options)
    config = record(project, "endpoint_config")["name"]
    other = f"{name}-other"
    account.call("make", "sagemaker", "create_endpoint", EndpointName=other, EndpointConfigName=config)
    aws.endpoints.wait()
    (project.folder / "mine").mkdir()
    done = project.run("sagemaker", "mine/app2", "double", [*options, f"--endpoint_name={other}"])
    assert (done.returncode, "not-ours" in done.stderr, "was not made by mlem" in done.stderr) == (4, True, True), (
        done.stderr
    )
    assert "creating" not in done.stderr
    assert not [path for path in (project.folder / "mine").iterdir() if path.suffix != ".lock"]
    assert account.endpoint(other) is not None
    account.call("clean", "sagemaker", "delete_endpoint", EndpointName=other)
    aws.endpoints.wait()


def test_remove_goes_on_where_something_is_gone(project: Project, aws: Any, options: list[str], name: str) -> None:
    deploy(project, "double", options)
    lineage, account = lineage_of(project), connect(None, None)
    account.call("delete", "sagemaker", "delete_endpoint", EndpointName=name)
    aws.endpoints.wait()
    account.call("delete", "sagemaker", "delete_model", ModelName=record(project, "model")["name"])
    done = project.mlem("deployment", "remove", APP)
    assert (done.returncode, aws.tagged(lineage)) == (0, []), done.stderr
    assert account.find("look", "ecr", "describe_repositories", repositoryNames=[f"mlem-test/{name}"]) is None


def test_bad_data_is_the_callers_fault(project: Project, options: list[str]) -> None:
    deploy(project, "double", options)
    with project.handle(APP).get_client() as client:
        with pytest.raises(DataError, match="expected a number"):
            client.call_encoded("predict", {"numbers": ["one"]})
        assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]


def test_an_env_in_another_region_is_refused(project: Project, options: list[str]) -> None:
    deploy(project, "double", options)
    done = project.run("sagemaker", APP, "triple", [*options, "--env.region", "us-east-1"])
    assert (done.returncode, "error[elsewhere]" in done.stderr, "in us-east-1" in done.stderr) == (4, True, True), (
        done.stderr
    )


def test_following_logs_ends_with_the_endpoint(project: Project, options: list[str]) -> None:
    deploy(project, "double", options)
    command = [sys.executable, "-m", "mlem.cli", "deployment", "logs", APP, "--follow"]
    with subprocess.Popen(command, cwd=project.folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert project.mlem("deployment", "remove", APP).returncode == 0
        process.communicate(timeout=60)
    assert ("listening on" in first, process.returncode) == (True, 0)


def test_status_imports_neither_the_sagemaker_sdk_nor_dockers(project: Project, options: list[str]) -> None:
    deploy(project, "double", options)
    (project.folder / "data.json").write_text("[1, 2, 3]")
    script = (
        "import sys\nfrom mlem.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print('loaded', *sorted(set(sys.modules) & {'docker', 'sagemaker', 'requests', 'numpy'}), file=sys.stderr)"
    )
    for command in (
        ["status", APP],
        ["wait", APP],
        ["apply", APP, "data.json"],
        ["logs", APP, "--tail", "1"],
        ["plan", APP],
    ):
        done = project.python("-c", script, "deployment", *command)
        assert done.stderr.splitlines()[-1] == "loaded", (command, done.stderr)
    assert project.handle(APP).status() == Status(Phase.RUNNING)


def test_the_answers_are_those_of_the_local_model(project: Project, options: list[str], tmp_path: Path) -> None:
    (project.folder / "data.json").write_text(json.dumps([0.1, 1e300, -2.5]))
    deploy(project, "triple", options)
    local = project.json("apply", "triple", "data.json")
    assert project.json("deployment", "apply", APP, "data.json") == local
