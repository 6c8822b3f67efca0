"""``mlem doctor``."""

from __future__ import annotations

import click

from mlem.api.diagnosis import diagnose
from mlem.cli.terminal.output import output_option, print_result, project_option, table


@click.command()
@project_option
@output_option
def doctor(project: str | None, output: str) -> int:
    """Check the project, the plugins, the state store and the platforms by using them.

    The exit code is the first problem's.
    """
    checks = diagnose(project)
    errors = [one.error for one in checks if one.error is not None]
    rows = [
        {"check": one.name, "ok": one.error is None, "message": one.message, "hint": one.error and one.error.hint}
        for one in checks
    ]
    text = table([[one.name, "WRONG" if one.error else "ok", one.message] for one in checks], ["check", "", ""])
    hints = "".join(f"\nhint: {error.hint}" for error in errors if error.hint)
    print_result(output, {"checks": rows, "ok": not errors}, text + hints)
    return errors[0].exit_code if errors else 0
