"""Options are made from the fields of a class."""

from __future__ import annotations

from typing import Annotated, Any

import click
import pytest
from click.testing import CliRunner
from pydantic import Field

from mlem.cli.main import CONTEXT_SETTINGS
from mlem.cli.parameters.options import FieldsCommand
from mlem.deployments.resolving.layers import merge
from mlem_model.objects.fields import Unit
from mlem_model.objects.object import Value


class Autoscaling(Value):
    maximum: int = Field(default=2, description="most instances")
    zones: list[str] = Field(default=[], description="where")


class Example(Value):
    env: str | dict[str, Any] | None = Field(default=None, description="where")
    port: Annotated[int, Field(ge=1)] | None = Field(default=None, description="port to listen on")
    memory_mib: Annotated[int, Unit("MiB")] = Field(default=512, description="memory")
    read_only: bool = Field(default=False, description="read-only root")
    labels: dict[str, str] = Field(default={}, description="labels")
    args: list[str] = Field(default=[], description="arguments")
    autoscaling: Autoscaling | None = Field(default=None, description="scaling")


class ExampleEnv(Value):
    host: str | None = Field(default=None, description="the host")
    host_tags: dict[str, str] = Field(default={}, description="tags")
    scaling: Autoscaling = Field(default_factory=Autoscaling, description="scaling")


def values_of(*arguments: str) -> Any:
    seen: list[Any] = []

    def callback(name: str, values: Any) -> None:
        seen.append((name, values))

    command = FieldsCommand(
        "run",
        callback=callback,
        params=[click.Argument(["name"])],
        fields=Example,
        nested={"env": ExampleEnv},
        context_settings=CONTEXT_SETTINGS,
    )
    result = CliRunner().invoke(command, list(arguments), standalone_mode=False)
    if result.exception:
        raise result.exception
    return seen[0] if seen else result.output


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ([], {}),
        (["--port", "80"], {"port": "80"}),
        (["--memory-mib=64"], {"memory_mib": "64"}),
        (["--memory_mib", "512"], {"memory_mib": "512"}),
        (["--read_only"], {"read_only": True}),
        (["--no-read-only"], {"read_only": False}),
        (["--labels.team", "nlp", "--labels.cost-centre", "7"], {"labels": {"team": "nlp", "cost-centre": "7"}}),
        (
            ["--labels.com.example.team", "nlp", "--env.host-tags.a.b=c"],
            {"labels": {"com.example.team": "nlp"}, "env": {"host_tags": {"a.b": "c"}}},
        ),
        (["--labels", "{team: nlp}"], {"labels": {"team": "nlp"}}),
        (["--args", "a", "--args", "b"], {"args": ["a", "b"]}),
        (["--args.1", "b", "--args.0", "a"], {"args": ["a", "b"]}),
        (["--env", "prod"], {"env": "prod"}),
        (["--env.host", "ssh://x"], {"env": {"host": "ssh://x"}}),
        (["--autoscaling.maximum", "5"], {"autoscaling": {"maximum": "5"}}),
        (["--autoscaling.zones.0", "a"], {"autoscaling": {"zones": ["a"]}}),
        (["--env.host-tags.cost-centre", "7"], {"env": {"host_tags": {"cost-centre": "7"}}}),
        (["--env.scaling.zones.0", "a", "--env.scaling.zones.1=b"], {"env": {"scaling": {"zones": ["a", "b"]}}}),
    ],
)
def test_options_become_values(arguments: list[str], values: dict[str, Any]) -> None:
    assert values_of("app", *arguments) == ("app", values)


@pytest.mark.parametrize(
    "arguments",
    [["--prot", "1"], ["--env.hots", "x"], ["--port.x", "1"], ["--autoscaling.minimum", "1"], ["--env.host.x", "1"]],
)
def test_an_option_that_no_field_has_is_refused(arguments: list[str]) -> None:
    with pytest.raises(click.NoSuchOption):
        values_of("app", *arguments)


def test_help_shows_true_defaults_and_units() -> None:
    text = " ".join(values_of("--help").split())
    assert "memory [MiB] [default: 512]" in text
    assert "--read_only / --no-read_only" in text
    assert "--env.host TEXT the host" in text


def test_given_values_are_laid_over_declared_ones_key_by_key() -> None:
    assert merge({"a": {"x": 1, "y": 2}, "b": 1}, {"a": {"y": 3}, "c": 4}) == {"a": {"x": 1, "y": 3}, "b": 1, "c": 4}
