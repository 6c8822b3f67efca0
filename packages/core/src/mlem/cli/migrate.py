"""``mlem migrate``."""

from __future__ import annotations

import click

from mlem.cli.terminal.output import output_option, print_result
from mlem.cli.terminal.progress import progress
from mlem.migrating.project import migrate as migrate_project


@click.command()
@click.argument("path", metavar="[PATH]", default=".")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing; no platform is asked.")
@output_option
def migrate(path: str, dry_run: bool, output: str) -> int:
    """Turn what MLEM 0.4 wrote into this version's files: settings, envs, deployments, and what is deployed.

    PATH is a project, a folder in it or one object; the current folder when none is given. The old files are kept as
    NAME.04. The exit code is that of the first file that could not be migrated.
    """
    with progress() as report:
        results = migrate_project(path, dry_run=dry_run, report=report)
    failed = [result.error for result in results if result.error is not None]
    data = {"dry_run": dry_run, "files": [result.to_data() for result in results], "ok": not failed}
    lines = [result.to_text(dry_run=dry_run) for result in results]
    if not any(result.changes or result.error for result in results):
        lines.append("nothing to do")
    print_result(output, data, "\n".join(lines))
    return failed[0].exit_code if failed else 0
