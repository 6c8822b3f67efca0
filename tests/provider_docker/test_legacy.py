"""Declarations of MLEM 0.4 load, or say which field has no counterpart."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlem import DeclarationError
from mlem_model.plugins.registry import registry
from mlem_provider_docker.builders import DockerBuilder
from mlem_provider_docker.deployment import DockerContainer
from mlem_provider_docker.env import DockerEnv, ImageRegistry

SAMPLES = Path(__file__).parents[3] / "shared" / "mlem04" / "samples"
DC: dict[str, Any] = {
    "container_name": "myc",
    "env": {"object_type": "env", "type": "docker"},
    "image": {"name": "img", "tag": "v7"},
    "object_type": "deployment",
    "params": {"mem_limit": "1g"},
    "ports": ["8080:8080"],
    "server": {"type": "fastapi"},
    "type": "docker_container",
}
DC_NOW = {
    "container_name": "myc",
    "env": {"object_type": "env", "type": "docker"},
    "image_name": "img",
    "image_tag": "v7",
    "run_arguments": {"mem_limit": "1g"},
    "port": 8080,
    "bind_address": "0.0.0.0",
    "object_type": "deployment",
    "type": "docker_container",
}


def test_a_deployment_of_0_4_is_translated() -> None:
    assert DockerContainer.from_data(DC, "dc.mlem").to_data() == DC_NOW


def test_an_env_of_0_4_is_translated() -> None:
    data = {
        "registry": {"type": "remote", "host": "127.0.0.1:5000"},
        "daemon": {"host": "ssh://deploy@box"},
        "type": "docker",
    }
    assert DockerEnv.from_data(data, "dk.mlem") == DockerEnv(
        host="ssh://deploy@box", registry=ImageRegistry(host="127.0.0.1:5000")
    )
    assert DockerEnv.from_data({"registry": {"type": "local"}}, "dk.mlem") == DockerEnv()
    assert DockerEnv.from_data({"registry": {"type": "docker_io"}}, "dk.mlem") == DockerEnv(
        registry=ImageRegistry(host="docker.io")
    )


def test_the_files_that_0_4_wrote_load() -> None:
    if not SAMPLES.is_dir():
        assert os.environ.get("CI") != "true", f"{SAMPLES} is needed in CI"
        pytest.skip("the files of MLEM 0.4 are not beside this checkout")
    loaded = [
        registry().get(kind, data["type"]).from_data(data, name).to_data()
        for kind, name in (("deployment", "dc.mlem"), ("env", "dk.mlem"))
        for data in [yaml.safe_load((SAMPLES / name).read_text())]
    ]
    assert loaded == [DC_NOW, {"registry": {"host": "127.0.0.1:5000"}, "object_type": "env", "type": "docker"}]


@pytest.mark.parametrize(
    ("ports", "fields"),
    [
        (["80"], {"bind_address": "0.0.0.0", "container_port": 80}),
        (["8080"], {"bind_address": "0.0.0.0"}),
        (["9000:8080"], {"port": 9000, "bind_address": "0.0.0.0"}),
        (["127.0.0.1:9000:8888"], {"port": 9000, "container_port": 8888}),
        ([], {}),
    ],
)
def test_ports_become_a_port_and_an_address(ports: list[str], fields: dict[str, Any]) -> None:
    own = ("object_type", "type")
    if fields.get("container_port") == 80:
        with pytest.raises(DeclarationError, match="container_port: expected an integer from 1024"):
            DockerContainer.from_data({"ports": ports}, "dc.mlem")
        return
    data = DockerContainer.from_data({"ports": ports}, "dc.mlem").to_data()
    assert {key: value for key, value in data.items() if key not in own} == fields


def test_build_arguments_and_variables_are_mapped() -> None:
    args = {
        "base_image": "python:3.11-slim",
        "python_version": "3.11",
        "platform": "linux/amd64",
        "run_cmd": "sh run.sh",
        "templates_dir": [],
        "build_arg": ["A=1"],
        "set_env": ["B=2=3", "TOKEN"],
    }
    assert DockerContainer.from_data({"args": args, "rm": True}, "dc.mlem").to_data() == {
        "base_image": "python:3.11-slim",
        "python_version": "3.11",
        "platform": "linux/amd64",
        "build_arguments": {"A": "1"},
        "environment": {"B": "2=3"},
        "pass_environment": ["TOKEN"],
        "object_type": "deployment",
        "type": "docker_container",
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"server": {"type": "heroku"}}, "dc.mlem: server: 'heroku' has no counterpart"),
        ({"server": {"type": "fastapi", "debug": True}}, "dc.mlem: server.debug: MLEM 0.4's field has no counterpart"),
        ({"image": {"name": "a", "repository": "b"}}, "dc.mlem: image.repository: set the env's registry.host"),
        ({"image": "img"}, "dc.mlem: image: expected a mapping"),
        ({"ports": ["80", "81"]}, "dc.mlem: ports: a deployment publishes one port"),
        ({"ports": ["80/udp"]}, 'dc.mlem: ports: "80/udp" is not a TCP port'),
        ({"args": {"templates_dir": ["t"]}}, "dc.mlem: args.templates_dir: MLEM 0.4's field has no counterpart"),
        ({"args": {"build_arg": ["A"]}}, 'dc.mlem: args.build_arg: expected NAME=value, got "A"'),
    ],
)
def test_what_has_no_counterpart_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        DockerContainer.from_data(fields, "dc.mlem")
    assert str(caught.value).startswith(message)


def test_a_registry_of_another_kind_is_named() -> None:
    with pytest.raises(DeclarationError, match=r'dk\.mlem: registry\.type: a registry of type "ecr"'):
        DockerEnv.from_data({"registry": {"type": "ecr", "account": "1"}}, "dk.mlem")


def test_a_builder_of_0_4_is_translated() -> None:
    made = DockerBuilder.from_data({"image": {"name": "iris", "tag": "1"}, "server": {"type": "fastapi"}}, "build.mlem")
    assert made == DockerBuilder(image_name="iris", tag="1")
