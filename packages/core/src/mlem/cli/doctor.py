"""``mlem doctor``."""

from __future__ import annotations

from collections.abc import Callable

import click

from mlem.cli.terminal.output import output_option, print_result, project_option, table
from mlem.deployments.shared_state import configured_store, try_store
from mlem.project.config import load_config
from mlem.project.predecessor import installed_version, remedy, version_beside
from mlem.project.project import locate
from mlem_model.errors import ConflictError, MlemError, PluginError
from mlem_model.plugins.registry import registry


@click.command()
@project_option
@output_option
def doctor(project: str | None, output: str) -> int:
    """Check the project, the plugins and the state store by using them; the exit code is the first problem's."""
    place = locate("x", project)

    def settings() -> str:
        config = load_config(place.root)
        if not place.in_project:
            return f"{place.root} is not in a project: all settings have their defaults"
        return f"{place.root / '.mlem.yaml'}, project id {config.project.id or 'missing (mlem init makes one)'}"

    def installation() -> str:
        import importlib.metadata

        found = version_beside() or installed_version()
        own = importlib.metadata.version("mlem-core")
        if found is not None:
            raise ConflictError(
                f"mlem {found}, the predecessor, is installed beside mlem-core {own}",
                code="predecessor",
                hint=remedy(own),
            )
        return f"mlem-core {own}"

    def plugins() -> str:
        found = registry().plugins()
        broken = [f"{plugin.name} of {plugin.distribution}: {plugin.problem}" for plugin in found if plugin.problem]
        clashes = registry().clashes()
        told = [*broken, *map(str, clashes)]
        if broken or any(clash.harmful for clash in clashes):
            hint = "mlem plugins shows each; MLEM_DISABLE_PLUGINS=NAME switches one off"
            raise PluginError("; ".join(told), code="broken-plugin" if broken else "duplicate-type", hint=hint)
        return "; ".join([", ".join(plugin.distribution for plugin in found if not plugin.off), *told])

    def store() -> str:
        manager = configured_store(place.root)
        tried = try_store(manager, place.root)
        opened = tried.store(place.root)
        warning = tried.warning(opened, "NAME")
        return f"{opened.where('NAME')}: " + (
            warning or ("excludes two writers" if manager.shared else "locked by the kernel")
        )

    checks: list[tuple[str, Callable[[], str]]] = [
        ("installation", installation),
        ("settings", settings),
        ("plugins", plugins),
        ("state store", store),
    ]
    rows, code = [], 0
    for name, check in checks:
        try:
            rows.append({"check": name, "ok": True, "message": check(), "hint": None})
        except MlemError as error:  # the other checks still run
            rows.append({"check": name, "ok": False, "message": error.message, "hint": error.hint})
            code = code or error.exit_code
    text = table(
        [[str(row["check"]), "ok" if row["ok"] else "WRONG", str(row["message"])] for row in rows], ["check", "", ""]
    )
    hints = "".join(f"\nhint: {row['hint']}" for row in rows if row["hint"])
    print_result(output, {"checks": rows, "ok": code == 0}, text + hints)
    return code
