"""``mlem declare env`` and ``mlem declare deployment``."""

from __future__ import annotations

from typing import Any

import click

from mlem.api import declare_deployment, declare_env, load_meta
from mlem.cli.parameters.names import ObjectName, complete_objects
from mlem.cli.parameters.options import FieldsCommand, first_line
from mlem.cli.terminal.output import output_option, print_result, project_option
from mlem.deployments.resolving.resolve import deployment_class
from mlem_model.errors import NotFoundError, PluginError, UserError
from mlem_model.objects.files import shown
from mlem_model.plugins.registry import registry


@click.group()
def declare() -> None:
    """Write a declaration of an env or a deployment."""


class EnvTypes(click.Group):
    """A command for each installed env type."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the installed env types."""
        return registry().words("env")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of a type."""
        cls = registry().get("env", cmd_name)

        @project_option
        @output_option
        def command(name: str, values: dict[str, Any], project: str | None, output: str) -> None:
            path = declare_env(registry().word_of(cls), name, values, project).path
            print_result(output, {"path": str(path)}, f"saved {shown(path)}")

        return _fields_command(command, cmd_name, f"Declare an env of type {cls.type}: {first_line(cls)}", fields=cls)


class DeploymentTypes(click.Group):
    """A command for each installed deployment type; without a type, ``--env`` decides."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the installed deployment types."""
        return registry().words("deployment")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of a type."""
        cls = deployment_class(cmd_name)

        @project_option
        @output_option
        def command(name: str, values: dict[str, Any], project: str | None, output: str) -> None:
            path = declare_deployment(registry().word_of(cls), name, values, project).path
            print_result(output, {"path": str(path)}, f"saved {shown(path)}")

        return _fields_command(
            command, cmd_name, f"Declare a deployment of type {cls.type}: {first_line(cls)}", **deployment_fields(cls)
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take the type from the first word, else from the env that is named."""
        env = _value_of(args, "env")
        second_is_a_name = len(args) > 1 and not args[1].startswith("-")
        if env is not None and not second_is_a_name and not _is_likely_a_type(args[0]):
            return self._by_env(ctx, env, args)
        try:
            return args[0], self.get_command(ctx, args[0]), args[1:]
        except PluginError as error:
            if second_is_a_name:
                raise
            if env is not None:
                return self._by_env(ctx, env, args)
            raise UserError(
                f'no deployment type for "{args[0]}"',
                known=error.known,
                hint=f"mlem declare deployment TYPE {args[0]}, or name an env that has one: --env NAME",
            ) from error

    def _by_env(
        self, ctx: click.Context, env: str, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        type_ = _deployment_type_of(env, _value_of(args, "project"))
        return type_, self.get_command(ctx, type_), args


def _is_likely_a_type(word: str) -> bool:
    """Whether a word is a type of a plugin that is named after it.

    Other plugins are not asked, because the word is most likely a deployment's name.
    """
    return registry().find(("deployment", "env"), word, guess=False) is not None


def deployment_fields(cls: Any) -> dict[str, Any]:
    """Return what `FieldsCommand` needs for a deployment class: its fields, and those of its env."""
    return {"fields": cls, "nested": {"env": registry().beside(cls, "env", cls.env_type)}}


def _value_of(args: list[str], option: str) -> str | None:
    for index, word in enumerate(args):
        if word == f"--{option}" and index + 1 < len(args):
            return args[index + 1]
        if word.startswith(f"--{option}="):
            return word.partition("=")[2]
    return None


def _deployment_type_of(env: str, project: str | None) -> str:
    try:
        declared = type(load_meta(env, project))
    except NotFoundError:
        declared = registry().get("env", env)
    return registry().word_of(registry().beside(declared, "deployment", declared.deployment_type))


def _fields_command(callback: Any, name: str, text: str, **fields: Any) -> click.Command:
    params = [*getattr(callback, "__click_params__", [])[::-1]]
    kind = "deployment" if "nested" in fields else "env"
    made = FieldsCommand(
        name, callback=callback, params=[click.Argument(["name"], type=ObjectName(kind)), *params], help=text, **fields
    )
    complete_objects(made, {"--model": "model", "--env": "env"})
    return made


declare.add_command(EnvTypes("env", help="Declare an env: where to deploy."))
declare.add_command(DeploymentTypes("deployment", help="Declare a deployment: what to deploy, and how."))
