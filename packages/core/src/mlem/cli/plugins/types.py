"""``mlem types`` and ``mlem plugins``."""

from __future__ import annotations

import json
from typing import Any

import click

from mlem import api
from mlem.api import installed
from mlem.cli.terminal import traces
from mlem.cli.terminal.messages import note, say
from mlem.cli.terminal.output import output_option, print_result, table
from mlem.deployments.resolving.resolve import deployment_class
from mlem_model.errors import UserError
from mlem_model.objects.fields import describe_fields
from mlem_model.plugins.installed import DISABLE
from mlem_model.plugins.registry import KINDS, registry


@click.command()
@click.argument("kind", required=False)
@click.argument("type_", metavar="[TYPE]", required=False)
@click.option("--json", "as_json", is_flag=True, help="The same as --output json.")
@click.option(
    "--schema", is_flag=True, help="Print the JSON Schema of a type's fields; without a type, of all declarations."
)
@output_option
def types(kind: str | None, type_: str | None, as_json: bool, schema: bool, output: str) -> None:
    """List the installed types of a kind, or the fields of a type.

    Kinds are: env, deployment, state_manager, client, builder, model_type.
    """
    output = "json" if as_json else output
    if kind is not None:
        kind = kind.replace("-", "_")
        if kind not in KINDS:
            raise UserError(f'no kind "{kind}"', code="unknown-kind", known=KINDS)
    if type_ is not None:
        _describe(kind, type_, schema, output)
        return
    if schema and kind is not None:
        raise UserError(
            "--schema needs a type beside a kind", hint="mlem types env local --schema; or mlem types --schema"
        )
    if schema:
        say(json.dumps(api.schema(), indent=None if output == "json" else 2))
        return
    found = {name: registry().words(name) for name in KINDS if kind in (None, name)}
    for clash in registry().clashes():
        if clash.kinds and set(clash.kinds) & found.keys():
            note(f"note: {clash}")
    text = (
        "\n".join(found[kind])
        if kind
        else table([[name, " ".join(names)] for name, names in found.items()], ["kind", "types"])
    )
    print_result(output, found[kind] if kind else found, text)


def _describe(kind: Any, type_: str, schema: bool, output: str) -> None:
    import inspect

    from pydantic import BaseModel

    cls: Any = deployment_class(type_) if kind == "deployment" else registry().get(kind, type_)
    if not issubclass(cls, BaseModel):
        print_result(output, {"type": cls.type, "fields": []}, inspect.getdoc(cls) or cls.type)
        return
    if schema:
        say(json.dumps(cls.model_json_schema(), indent=None if output == "json" else 2))
        return
    fields = list(describe_fields(cls))
    rows = [
        [field.name, field.type, field.unit or "", "required" if field.required else _shown(field.default), field.help]
        for field in fields
    ]
    head = (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")
    text = f"{cls.type}: {head}\n\n" + (
        table(rows, ["field", "type", "unit", "default", "help"]) if rows else "no fields"
    )
    data = {
        "kind": kind,
        "type": cls.type,
        "help": head,
        "fields": [
            {
                "name": field.name,
                "type": field.type,
                "unit": field.unit,
                "required": field.required,
                "default": field.default,
                "help": field.help,
            }
            for field in fields
        ],
    }
    print_result(output, data, text)


def _shown(default: Any) -> str:
    return "" if default is None or default == {} or default == () else str(default)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The same as --output json.")
@output_option
def plugins(as_json: bool, output: str) -> None:
    """List the installed plugins: their types, the time that their import takes, and what is wrong with broken ones."""
    data, rows = [], []
    for one in installed.plugins():
        data.append(
            {
                "name": one.name,
                "distribution": one.distribution,
                "types": one.types,
                "problem": one.problem or None,
                "clashes": one.clashes,
                "off": one.off,
                "import_s": round(one.import_s, 4),
            }
        )
        brings = [f"{kind}: {' '.join(names)}" for kind, names in one.types.items()]
        broken = [f"broken: {one.problem}"] if one.problem else []
        off = [f"switched off by {DISABLE}"] if one.off else []
        rows.append([one.name, one.distribution, f"{one.import_s * 1000:.0f} ms", ", ".join([*off, *broken, *brings])])
        for trace in one.traces:
            traces.show_text(trace)
    notes = "".join(f"\nnote: {clash}" for clash in registry().clashes())
    print_result(
        "json" if as_json else output, data, table(rows, ["plugin", "distribution", "import", "types"]) + notes
    )
