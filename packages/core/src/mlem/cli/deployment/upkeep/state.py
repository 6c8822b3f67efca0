"""``mlem deployment state``."""

from __future__ import annotations

from typing import Any

import click

from mlem.cli.deployment.handles import handle
from mlem.cli.deployment.results import results_in_markdown
from mlem.cli.deployment.running.run import outcome_result
from mlem.cli.deployment.several import Result, for_one
from mlem.cli.parameters.changes import lock_of, lock_options, run_options, run_options_of
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.messages import note, say
from mlem.cli.terminal.output import output_option, print_result, project_option, verbose_option
from mlem.cli.terminal.progress import Report
from mlem.deployments.execution.moving import move as move_state
from mlem.deployments.execution.moving import push as push_state
from mlem.deployments.resolving.resolve import configured_manager
from mlem.deployments.upkeep.adopting import find_candidates
from mlem.deployments.upkeep.adopting import recover as recover_state
from mlem.deployments.upkeep.forgetting import forget_state
from mlem.deployments.upkeep.renaming import rename_state
from mlem.project.project import locate
from mlem_model.objects.files import shown


@click.group()
def state() -> None:
    """Move, rename, forget or recover the state of a deployment, or push one that was kept."""


@state.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.argument("uri")
@project_option
@lock_options
@output_option
def move(
    name: str, uri: str, project: str | None, lock_timeout: float | None, lock_id: str | None, output: str
) -> None:
    """Move the state to another store: a URI, or "local" for files beside the declarations."""
    target = handle(name, project).target
    old, new = move_state(target, uri, lock_of(lock_timeout, lock_id))
    print_result(output, {"name": name, "from": old, "to": new}, f"moved from {old}\nto {new}")
    if target.deployment.state_manager is not None:
        note(f"set state_manager: {uri} in {shown(target.location.top)}")
    elif configured_manager(target.config).store(target.location.root).where(target.name) != new:
        say(
            f"next: mlem config set core.state.uri {uri}"
            if uri != "local"
            else "next: mlem config unset core.state.uri",
            err=True,
        )


@state.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@project_option
@lock_options
@output_option
def push(name: str, project: str | None, lock_timeout: float | None, lock_id: str | None, output: str) -> None:
    """Write the state that was kept when the store did not respond."""
    kept, written = push_state(handle(name, project).target, lock_of(lock_timeout, lock_id))
    words = f"pushed serial {kept.serial}" if written else f"serial {kept.serial} is already there: nothing to push"
    print_result(output, {"name": name, "serial": kept.serial, "written": written}, words)


@state.command()
@click.argument("name", type=ObjectName("deployment"))
@click.argument("new")
@click.option("--state", "place", metavar="URI", default=None, help="The store.  [default: the project's]")
@project_option
@lock_options
@output_option
def rename(
    name: str,
    new: str,
    place: str | None,
    project: str | None,
    lock_timeout: float | None,
    lock_id: str | None,
    output: str,
) -> None:
    """Give a deployment another name; what is on its platform stays as it is until the next run."""
    before, after = rename_state(name, new, place, project, lock_of(lock_timeout, lock_id))
    print_result(output, {"name": new, "from": before, "to": after}, f"moved from {before}\nto {after}")
    declared = locate(new, project)
    if not declared.path.exists():
        note(f"next: rename the declaration to {declared}")
    note(f"what a run changes on the platform: mlem deployment plan {new}")


@state.command()
@click.argument("name")
@overlay_option()
@click.option("--state", "place", metavar="URI", default=None, help="The store.  [default: the project's]")
@project_option
@lock_options
@output_option
def forget(
    name: str, place: str | None, project: str | None, lock_timeout: float | None, lock_id: str | None, output: str
) -> None:
    """Erase the record of a deployment whose platform or provider is gone for good; what is there stays as it is."""
    left = forget_state(name, place, project, lock_of(lock_timeout, lock_id))
    words = "".join(f"\n- {resource}" for resource in left.resources)
    text = f"{name} is forgotten; on {left.where} stays what is there" + (f":{words}" if words else "")
    data = {"name": name, "forgotten": True, "where": left.where, "left": left.state.records}
    print_result(output, data, text)


@state.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option("--from", "id_", metavar="ID", default=None, help="What to put on record, of what was found.")
@click.option("--other-model", is_flag=True, help="Deploy the declared model in the place of another one that serves.")
@project_option
@lock_options
@run_options
@verbose_option
@output_option
def recover(
    name: str,
    id_: str | None,
    other_model: bool,
    project: str | None,
    lock_timeout: float | None,
    lock_id: str | None,
    output: str,
    **said: Any,
) -> None:
    """Put what serves on record again when its state is lost; without --from, show what is found by its marks."""
    if id_ is None:
        _print_candidates(name, project, output)
        return
    lock, options = lock_of(lock_timeout, lock_id), run_options_of(said)

    def work(report: Report) -> Result:
        found = recover_state(
            name, id_, other_model=other_model, project=project, report=report, lock=lock, options=options
        )
        return outcome_result(*found)

    for_one(name, work, output, results_in_markdown)


def _print_candidates(name: str, project: str | None, output: str) -> None:
    found = find_candidates(name, project=project)
    data = [
        {
            "id": one.id,
            "what": one.what,
            "lineage": one.owner.lineage,
            "deployment": one.owner.deployment,
            "model_hash": one.model_hash,
        }
        for one in found
    ]
    print_result(output, data, "\n".join(str(one) for one in found) or "nothing was found")
    ours = next((one for one in found if one.ours), None)
    if ours is not None:
        note(f"to put it on record again: mlem deployment state recover {name} --from {ours.id}")
