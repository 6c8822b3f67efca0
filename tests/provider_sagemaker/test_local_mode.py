"""The image under SageMaker's own local mode, which runs it by SageMaker's contract.

A check that does not come from us.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from mlem.testing import SAMPLE, Project
from mlem_provider_docker import Engine

SCRIPT = """
import json, sys, boto3
from sagemaker.core.local import LocalSession
image, port, model_data = sys.argv[1:4]
session = LocalSession(boto_session=boto3.Session(region_name="eu-west-1"))
session.config = {"local": {"serving_port": int(port)}}
client, runtime = session.sagemaker_client, session.sagemaker_runtime_client
client.create_model("m", {"Image": image, "ModelDataUrl": "file://" + model_data, "Environment": {}})
variant = {"InstanceType": "local", "InitialInstanceCount": 1, "ModelName": "m", "VariantName": "AllTraffic"}
client.create_endpoint_config("c", [variant])
client.create_endpoint("e", "c")
try:
    def ask(body, attributes):
        request = {"Body": json.dumps(body), "ContentType": "application/json", "CustomAttributes": attributes}
        return json.loads(runtime.invoke_endpoint(EndpointName="e", **request)["Body"].read())
    status = client.describe_endpoint("e")["EndpointStatus"]
    found = [status, ask([1, 2, 3], "method=predict"), ask({}, "mlem=interface")["model"]["digest"]]
finally:
    client.delete_endpoint("e")
print("RESULT " + json.dumps(found))
"""


@pytest.fixture
def compose() -> None:
    if shutil.which("docker-compose") is None:
        reason = "docker-compose is not installed: SageMaker's local mode needs it (python tools/engine/start.py)"
        if os.environ.get("CI") == "true" or os.environ.get("MLEM_REQUIRE_ENGINE"):
            pytest.fail(reason)
        pytest.skip(reason)


def test_the_image_serves_in_sagemakers_local_mode(
    project: Project, engine: Engine, compose: None, name: str, tmp_path: Path
) -> None:
    image = f"{name}:local"
    done = project.mlem("build", "docker", "double", "--image_name", name, "--tag", "local")
    assert done.returncode == 0, done.stderr
    config = tmp_path / "config.yaml"
    config.write_text("SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n")
    (tmp_path / "data").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    project.environment["SAGEMAKER_USER_CONFIG_OVERRIDE"] = str(config)  # type: ignore[index]  # the fixture made a dict
    try:
        ran = project.python("-c", SCRIPT, image, str(port), str(tmp_path / "data"), timeout_s=180)
    finally:
        for left in engine.api.containers(
            all=True, filters={"ancestor": image}
        ):  # local mode stops its containers, no more
            engine.remove_container(left["Id"])
        engine.remove_image(image)
    result = next((line for line in ran.stdout.splitlines() if line.startswith("RESULT ")), None)
    assert result is not None, ran.stdout + ran.stderr
    from mlem import api

    digest = api.load_meta("double", str(project.folder)).digest
    assert json.loads(result.removeprefix("RESULT ")) == ["InService", [2 * value for value in SAMPLE], digest]
