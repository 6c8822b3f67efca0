"""``mlem deployment run``: from options, or from what is declared, to a running deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from mlem.cli.declare import _fields_command, deployment_fields
from mlem.cli.deployment import calls
from mlem.cli.deployment.handles import chosen, parallel_option
from mlem.cli.deployment.results import results_in_markdown
from mlem.cli.deployment.several import Result, for_each, for_one
from mlem.cli.parameters.changes import lock_of, lock_options, run_options, run_options_of
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.options import first_line
from mlem.cli.parameters.overlay import overlay_of_several, overlay_option
from mlem.cli.terminal.output import output_option, project_option, verbose_option
from mlem.cli.terminal.progress import Report
from mlem.deployments.deploying import deploy
from mlem.deployments.execution.engine import LockOptions
from mlem.deployments.execution.kept_protection import protection_of
from mlem.deployments.execution.options import RunOptions
from mlem.deployments.releases.planned import Planned
from mlem.deployments.resolving.resolve import deployment_class
from mlem_model.errors import MlemError, UserError
from mlem_model.plugins.registry import registry

if TYPE_CHECKING:
    from mlem.deployments.deployment import Deployment
    from mlem.deployments.execution.engine import Outcome
    from mlem.deployments.handle import DeploymentHandle
    from mlem.deployments.overview.selection import Selected


class RunTypes(click.Group):
    """``run --load NAME``, or a command for each installed type."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the installed env and deployment types."""
        return sorted({*registry().words("deployment"), *registry().words("env")})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of a type."""
        cls = deployment_class(cmd_name)

        @overlay_option()
        @project_option
        @lock_options
        @run_options
        @verbose_option
        @output_option
        def command(
            name: str,
            values: dict[str, Any],
            project: str | None,
            output: str,
            lock_timeout: float | None,
            lock_id: str | None,
            **said: Any,
        ) -> None:
            _run_declared(cls, name, values, project, output, lock_of(lock_timeout, lock_id), run_options_of(said))

        return _fields_command(
            command, cmd_name, f"Declare and deploy as {cls.type}: {first_line(cls)}", **deployment_fields(cls)
        )


@click.group(cls=RunTypes, invoke_without_command=True, subcommand_metavar="[TYPE NAME --model MODEL ...]")
@click.option(
    "--load",
    metavar="NAME|FOLDER",
    type=ObjectName("deployment"),
    multiple=True,
    help="Deploy what is declared under this name, or in this folder; may be repeated.",
)
@click.option("--all", "everything", is_flag=True, help="Deploy all that is declared in the project.")
@overlay_of_several
@click.option(
    "--model",
    metavar="MODEL",
    type=ObjectName("model"),
    help="With --load: a model other than the declared one; the declaration is updated.",
)
@click.option(
    "--env",
    metavar="ENV",
    type=ObjectName("env"),
    help="With --load: an env other than the declared one, by name or by type; the declaration is updated.",
)
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Do exactly what this file of mlem deployment plan --out says, or nothing.",
)
@parallel_option
@project_option
@lock_options
@run_options
@verbose_option
@output_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    load: tuple[str, ...],
    everything: bool,
    overlay: str | None,
    model: str | None,
    env: str | None,
    plan_file: Path | None,
    parallel: int,
    project: str | None,
    output: str,
    lock_timeout: float | None,
    lock_id: str | None,
    **said: Any,
) -> int:
    """Deploy a model, and wait until it gives the right answer. Running it again without changes changes nothing."""
    if ctx.invoked_subcommand is not None:
        early = [
            f"--{name.replace('_', '-')}"
            for name in ctx.params
            if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        ]
        if early:
            raise UserError(
                f"{', '.join(early)} comes before the type",
                hint=f"options go after the name: mlem deployment run {ctx.invoked_subcommand} NAME ...",
            )
        return 0
    planned = Planned.read(plan_file) if plan_file is not None else None
    if planned is not None:
        if model is not None or env is not None or everything or load not in ((), (planned.name,)):
            hint = "leave out --load, --all, --model and --env"
            raise UserError(f"{plan_file} says what is deployed: {planned.name}", hint=hint)
        load, model, env = (planned.name,), planned.model, planned.env
    if not load and not everything:
        raise UserError(
            "what should be deployed?",
            hint="mlem deployment run TYPE NAME --model MODEL, or mlem deployment run --load NAME; "
            "list the types with: mlem types deployment",
        )
    values = {name: value for name, value in (("model", model), ("env", env)) if value is not None}
    selected, single = chosen(load, everything, project, overlay=overlay)
    lock, options = lock_of(lock_timeout, lock_id), run_options_of(said, planned)
    if single:
        return _run_declared(None, selected[0].source, values, project, output, lock, options, selected[0].name)

    def work(one: Selected, report: Report) -> Result:
        found, outcome = deploy(None, one.source, values, project=project, report=report, lock=lock, options=options)
        return _result(found, outcome)

    _prepare(selected)
    return for_each(selected, work, output, parallel=parallel, summary=results_in_markdown)


def _prepare(selected: Sequence[Selected]) -> None:
    """Import what all runs need, once, before each gets a process."""
    import mlem.deployments.execution.gate  # noqa: F401

    for one in selected:
        with suppress(MlemError):  # its own run says it
            one.handle()


def _run_declared(
    cls: type[Deployment] | None,
    name: str,
    values: Mapping[str, Any],
    project: str | None,
    output: str,
    lock: LockOptions,
    options: RunOptions,
    title: str = "",
) -> int:
    def work(report: Report) -> Result:
        one, outcome = deploy(cls, name, values, project=project, report=report, lock=lock, options=options)
        return outcome_result(one, outcome)

    return for_one(title or name, work, output, results_in_markdown).exit_code


def outcome_result(one: DeploymentHandle, outcome: Outcome) -> Result:
    """Return what a run has done, and to a person how to call what serves."""
    result = _result(one, outcome)
    address, protection = result.data["url"], result.data["protection"]
    example = calls.example(one, address, asks=bool(protection and protection["tokens"])) if address else None
    return replace(result, text=f"{result.text}\ntry: {example}") if example else result


def _result(one: DeploymentHandle, outcome: Outcome) -> Result:
    address, release = one.address(outcome.state), outcome.state.releases[0]
    protection = protection_of(outcome.state.records)
    data = {
        "name": one.name,
        "status": "running",
        "changed": outcome.changed,
        "url": address,
        "model_hash": release.model_hash,
        "release": release.number,
        "protection": protection,
        "changes": [asdict(change) for change in outcome.changes],
    }
    lines = [f"{one.name} is running" + ("" if outcome.changed else ": nothing to change")]
    if address:
        lines.append(f"url: {address}")
        page = calls.page(address)
        lines += [f"page: {page}"] if page else []
    if protection is not None:
        nobody = "none, anybody who reaches it may call it: set MLEM_SERVER_TOKENS, run again"
        lines.append(f"tokens: {protection['tokens'] or nobody}")
    done = "is deployed" if outcome.changed else "nothing to change"
    return Result(one.name, data, "\n".join(lines), done=done)
