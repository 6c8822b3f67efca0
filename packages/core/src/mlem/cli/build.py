"""``mlem build``."""

from __future__ import annotations

from typing import Any

import click

from mlem.api import load_meta
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.options import FieldsCommand, first_line
from mlem.cli.terminal.output import output_option, print_result, project_option, verbose_option
from mlem.cli.terminal.progress import progress
from mlem.project.config import load_config
from mlem.project.head import expect_object
from mlem.project.project import locate
from mlem_model.models.model import Model
from mlem_model.plugins.registry import registry


class BuilderTypes(click.Group):
    """A command for each installed builder type."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the installed builder types."""
        return registry().words("builder")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of a type."""
        cls = registry().get("builder", cmd_name)

        @project_option
        @verbose_option
        @output_option
        def command(model: str, values: dict[str, Any], project: str | None, output: str) -> None:
            place = locate(model, project)
            builder = cls.from_data(values, f"mlem build {cmd_name}")
            expect_object(place.read("model"), "model", place)
            meta: Model = load_meta(model, project)
            load_config(place.root).core.trust.check(meta, place.source)
            with progress(times=True) as report:
                made = builder.build(meta, report)
            print_result(output, dict(made), "\n".join(f"{key}: {value}" for key, value in made.items()))

        params = [click.Argument(["model"], type=ObjectName("model")), *getattr(command, "__click_params__", [])[::-1]]
        return FieldsCommand(cmd_name, callback=command, params=params, help=first_line(cls), fields=cls)


build = BuilderTypes("build", help="Make an artifact from a model: a Docker image, a folder with a Dockerfile.")
