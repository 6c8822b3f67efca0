"""``mlem deployment run | plan | rollback | remove``: the commands that change deployments, and their preview."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from mlem.cli.declare import _fields_command, _first_line, deployment_fields
from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.messages import say
from mlem.cli.terminal.output import output_option, print_result, progress, project_option, table
from mlem.deployments.deploying import declared, deploy
from mlem.deployments.execution.engine import LockOptions
from mlem.deployments.execution.kept_protection import planned_protection, protection_of
from mlem.deployments.execution.options import RunOptions
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.releases.planned import Planned
from mlem.deployments.resolving.resolve import deployment_class
from mlem_model.errors import UserError
from mlem_model.objects.files import write_atomic
from mlem_model.plugins.registry import registry

if TYPE_CHECKING:
    from mlem.deployments.deployment import Deployment
    from mlem.deployments.execution.engine import Outcome
    from mlem.deployments.step import Difference

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def lock_options(command: CommandT) -> CommandT:
    """Add ``--lock-timeout`` and ``--lock-id`` to a command that changes a state."""
    command = click.option(
        "--lock-timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Wait for another run this long.  [default: 600]",
    )(command)
    return click.option("--lock-id", metavar="ID", help="Name the lock, so that another command can release it.")(
        command
    )


def release_options(command: CommandT) -> CommandT:
    """Add what can be said about a command that makes a release; see `RunOptions`."""
    for option in (
        click.option("--drop-tls", is_flag=True, help="Stop using TLS, if the deployment uses it."),
        click.option("--drop-tokens", is_flag=True, help="Let everybody call what needs a token so far."),
        click.option(
            "--expect-release",
            type=click.IntRange(min=0),
            metavar="N",
            help="Refuse unless this release serves now; 0 for none.",
        ),
        click.option("--message", "-m", default="", metavar="TEXT", help="Why: it is kept with the release."),
    ):
        command = option(command)
    return command


def run_options(command: CommandT) -> CommandT:
    """Add what can be said about a run."""
    command = click.option("--again", is_flag=True, help="Deploy once more what was rolled back.")(command)
    help_ = "Deploy from a commit that is older than the one that serves."
    return release_options(click.option("--allow-older", is_flag=True, help=help_)(command))


def _options(given: Mapping[str, Any], planned: Planned | None = None) -> RunOptions:
    """Take the values of `release_options` and `run_options` together."""
    return RunOptions(
        planned=planned,
        message=given["message"],
        drop=[word for word in ("tokens", "tls") if given[f"drop_{word}"]],
        expect_release=given["expect_release"],
        allow_older=given.get("allow_older", False),
        again=given.get("again", False),
    )


def _lock(lock_timeout: float | None, lock_id: str | None) -> LockOptions:
    return LockOptions(timeout_s=lock_timeout, id=lock_id)


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
            _run_declared(cls, name, values, project, output, _lock(lock_timeout, lock_id), _options(said))

        return _fields_command(
            command, cmd_name, f"Declare and deploy as {cls.type}: {_first_line(cls)}", **deployment_fields(cls)
        )


@click.group(cls=RunTypes, invoke_without_command=True, subcommand_metavar="[TYPE NAME --model MODEL ...]")
@click.option("--load", metavar="NAME", type=ObjectName("deployment"), help="Deploy what is declared under this name.")
@overlay_option("load")
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
@project_option
@lock_options
@run_options
@output_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    load: str | None,
    model: str | None,
    env: str | None,
    plan_file: Path | None,
    project: str | None,
    output: str,
    lock_timeout: float | None,
    lock_id: str | None,
    **said: Any,
) -> None:
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
        return
    planned = Planned.read(plan_file) if plan_file is not None else None
    if planned is not None:
        if model is not None or env is not None or load not in (None, planned.name):
            hint = "leave out --load, --model and --env"
            raise UserError(f"{plan_file} says what is deployed: {planned.name}", hint=hint)
        load, model, env = planned.name, planned.model, planned.env
    if load is None:
        raise UserError(
            "what should be deployed?",
            hint="mlem deployment run TYPE NAME --model MODEL, or mlem deployment run --load NAME; "
            "list the types with: mlem types deployment",
        )
    values = {name: value for name, value in (("model", model), ("env", env)) if value is not None}
    _run_declared(None, load, values, project, output, _lock(lock_timeout, lock_id), _options(said, planned))


def _run_declared(
    cls: type[Deployment] | None,
    name: str,
    values: Mapping[str, Any],
    project: str | None,
    output: str,
    lock: LockOptions,
    options: RunOptions,
) -> None:
    with progress() as report:
        one, outcome = deploy(cls, name, values, project=project, report=report, lock=lock, options=options)
    _print_outcome(one, outcome, output)


def _print_outcome(one: DeploymentHandle, outcome: Outcome, output: str) -> None:
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
    if output == "json":
        print_result(output, data, "")
        return
    say(f"{one.name} is running" + ("" if outcome.changed else ": nothing to change"))
    if address:
        say(f"url: {address}")
    if protection is not None:
        say(
            "tokens: "
            f"{protection['tokens'] or 'none, anybody who reaches it may call it: set MLEM_SERVER_TOKENS, run again'}"
        )
    if address:
        example = _example(one, address, asks=bool(protection and protection["tokens"]))
        if example:
            say(f"try: {example}")


def _example(one: DeploymentHandle, address: str, *, asks: bool) -> str | None:
    """Return a curl command with the model's own sample row, and with the caller's token if the server needs one."""
    import shlex

    model = one.model()
    if not model.samples:
        return None
    method, sample = next(iter(model.samples.items()))
    body = json.dumps(sample.args)
    if len(body) > 2000:
        return None
    token = ' -H "Authorization: Bearer $MLEM_TOKEN"' if asks else ""
    return f"curl -X POST {address}/{method}{token} -H 'Content-Type: application/json' -d {shlex.quote(body)}"


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option("--model", metavar="MODEL", type=ObjectName("model"), help="A model other than the declared one.")
@click.option("--env", metavar="ENV", type=ObjectName("env"), help="An env other than the declared one.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 10 when a run would change something.")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the plan, for mlem deployment run --plan FILE.",
)
@project_option
@output_option
def plan(
    name: str,
    model: str | None,
    env: str | None,
    detailed_exitcode: bool,
    out: Path | None,
    project: str | None,
    output: str,
) -> int:
    """Show what a run would create, update, replace or remove, why, and the downtime for callers."""
    one = handle(name, project)
    values = {key: value for key, value in (("model", model), ("env", env)) if value is not None}
    if values:
        declaration = declared(None, name, values, project)
        one = DeploymentHandle.of(declaration.place, declaration.deployment)
    changes, planned = one.keep_plan(model, env)
    differs = any(change.action != "keep" for change in changes)
    rows = [[change.step, change.action, change.reason, change.downtime] for change in changes]
    if out is not None:
        write_atomic(out, planned.to_bytes())
    protection = planned_protection(changes)
    words = "".join(
        f"\n{key}: {_become(value)}"
        for key, value in (protection or {}).items()
        if key == "tokens" or value.old or value.new
    )
    text = table(rows, ["step", "action", "why", "downtime"]) + words + ("" if differs else "\nnothing to change")
    data = {
        "name": one.name,
        "changes": [asdict(change) for change in changes],
        "protection": None if protection is None else {key: asdict(value) for key, value in protection.items()},
        "differs": differs,
    }
    print_result(output, data, text)
    return 10 if detailed_exitcode and differs else 0


def _become(one: Difference) -> str:
    """Say how a protection changes: ``yes``, or ``yes -> none``."""
    old, new = one.old or "none", one.new or "none"
    return old if old == new else f"{old} -> {new}"


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option(
    "--to", "number", type=int, default=None, help="The release to put back.  [default: the one before the current]"
)
@state_option
@project_option
@lock_options
@release_options
@output_option
def rollback(
    name: str,
    number: int | None,
    store: str | None,
    project: str | None,
    lock_timeout: float | None,
    lock_id: str | None,
    output: str,
    **said: Any,
) -> None:
    """Put an earlier release back, and wait until it gives the right answer."""
    with progress() as report:
        one = handle(name, project, store, report=report, lock=_lock(lock_timeout, lock_id))
        release = one.rollback(number, _options(said))
    data = {
        "name": name,
        "release": release.number,
        "model_hash": release.model_hash,
        "rollback_of": release.rollback_of,
    }
    print_result(
        output,
        data,
        f"release {release.rollback_of} (model {release.model_hash}) serves again, as release {release.number}\n"
        f"to undo this: mlem deployment rollback {name}",
    )


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option(
    "--forget",
    is_flag=True,
    help="If its machine or account is gone for good: erase the record, and touch nothing else.",
)
@state_option
@project_option
@lock_options
@output_option
def remove(
    name: str,
    forget: bool,
    store: str | None,
    project: str | None,
    lock_timeout: float | None,
    lock_id: str | None,
    output: str,
) -> None:
    """Remove what is deployed; the declaration stays. Removing twice is fine."""
    with progress() as report:
        one = handle(name, project, store, report=report, lock=_lock(lock_timeout, lock_id))
        if forget:
            forgotten = one.forget()
            where = forgotten.place.words if forgotten and forgotten.place else "its platform"
            text = f"{name} is forgotten: what is on {where} stays as it is" if forgotten else f"{name} is not deployed"
            print_result(output, {"name": name, "removed": False, "forgotten": forgotten is not None}, text)
            return
        removed = one.remove()
    print_result(
        output, {"name": name, "removed": removed}, f"{name} is removed" if removed else f"{name} is not deployed"
    )
