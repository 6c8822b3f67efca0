"""Command-line options from the fields of a class.

``--port 80``, ``--env.host x``, ``--labels.team nlp``, ``--args.0 x``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

import click
from click.core import ParameterSource
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from mlem_model.errors import UserError
from mlem_model.objects.fields import describe_field, inner_type
from mlem_model.objects.yaml_file import parse_mapping


class FieldsCommand(click.Command):
    """A command with an option for each field of a class.

    Args:
        fields: The class.
        nested: Classes whose fields are options under a field's name, for fields that hold any mapping: ``env``.
    """

    def __init__(
        self, *args: Any, fields: type[BaseModel], nested: Mapping[str, type[BaseModel]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._class = fields
        self._nested = dict(nested or {})
        self._paths: dict[str, tuple[str, ...]] = {}
        own = {option.lstrip("-").replace("-", "_") for param in self.params for option in param.opts}
        for path, option in _options(fields, self._nested):
            if path not in own:
                self._paths[str(option.name)] = tuple(path.split("."))
                self.params.append(option)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options, including those for keys and indexes on this command line."""
        return [*super().get_params(ctx), *ctx.meta.get("mlem.open_options", ())]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; a dotted option below a mapping or a list is created when it is used."""
        known = {option.lstrip("-").replace("-", "_") for param in self.params for option in param.opts}
        paths = dict.fromkeys(
            token[2:].partition("=")[0] for token in args if token.startswith("--") and "." in token.partition("=")[0]
        )
        options: list[click.Option] = []
        for path in paths:
            normal = _open_path(self._class, self._nested, path)
            if normal is not None and ".".join(normal).replace("-", "_") not in known:
                option = click.Option([f"--{path}", f"open_{len(options)}"], hidden=True)
                options.append(option)
                self._paths[str(option.name)] = normal
        ctx.meta["mlem.open_options"] = options
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command with the given fields as ``values``.

        A nested mapping has only what was on the command line.
        """
        values: dict[str, Any] = {}
        for param in self.get_params(ctx):
            name = str(param.name)
            if name not in self._paths:
                continue
            value = ctx.params.pop(name)
            if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                _put(values, self._paths[name], list(value) if isinstance(value, tuple) else value)
        ctx.params["values"] = {name: _parsed(self._class, name, _lists(value)) for name, value in values.items()}
        return super().invoke(ctx)


def _options(
    cls: type[BaseModel], nested: Mapping[str, type[BaseModel]], prefix: str = ""
) -> Iterator[tuple[str, click.Option]]:
    for name, field in cls.model_fields.items():
        path = f"{prefix}{name}"
        inner = inner_type(field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _options(inner, {}, f"{path}.")
            continue
        description = describe_field(path, field)
        unit = f" [{description.unit}]" if description.unit else ""
        identifier = "field_" + path.replace(".", "__")
        origin = get_origin(inner)
        default = None if field.default is PydanticUndefined or not field.default else field.default
        common: dict[str, Any] = {
            "help": (description.help + unit).strip(),
            "required": False,
            "default": None if default is None else _shown(default),
            "show_default": default is not None,
        }
        if inner is bool:
            yield (
                path,
                click.Option(
                    [f"--{path}/--no-{path}", identifier],
                    is_flag=True,
                    **{**common, "default": bool(field.default), "show_default": True},
                ),
            )
        elif origin in (list, tuple):
            yield (
                path,
                click.Option(
                    [f"--{path}", identifier],
                    multiple=True,
                    metavar=_metavar(get_args(inner)[0]),
                    **{**common, "default": ()},
                ),
            )
        else:
            yield path, click.Option([f"--{path}", identifier], metavar=_metavar(inner), type=str, **common)
        if prefix == "" and name in nested:
            yield from _options(nested[name], {}, f"{name}.")


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(getattr(value, "value", value))


def _metavar(annotation: Any) -> str:
    inner = inner_type(annotation)
    if get_origin(inner) is dict:
        return "KEY VALUE"
    return {int: "INTEGER", float: "NUMBER", str: "TEXT"}.get(inner, "TEXT")


def _open_path(cls: type[BaseModel], nested: Mapping[str, type[BaseModel]], path: str) -> tuple[str, ...] | None:
    """Return a path below a field with free keys or indexes, in the fields' own names; None for any other path.

    Below a field whose keys have plain values, all that follows is one key: ``--labels.com.example.team``.
    """
    names: list[str] = []
    rest = path.split(".")
    while len(rest) > 1:
        names.append(rest.pop(0).replace("-", "_"))
        if len(names) == 1 and names[0] in nested:
            cls = nested[names[0]]
            continue
        field = cls.model_fields.get(names[-1])
        inner = inner_type(field.annotation) if field is not None else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            cls = inner
            continue
        if field is None or not _is_open(field.annotation):
            return None
        return (*names, ".".join(rest)) if _is_flat(field.annotation) else (*names, *rest)
    return None


def _is_flat(annotation: Any) -> bool:
    """Say whether a field takes keys with texts or numbers, nothing nested."""
    inner = inner_type(annotation)
    return get_origin(inner) is dict and inner_type(get_args(inner)[1]) in (str, int, float, bool)


def _is_open(annotation: Any) -> bool:
    """Say whether a field takes keys or indexes that are not declared."""
    return any(get_origin(inner_type(member)) in (dict, list, tuple) for member in [annotation, *get_args(annotation)])


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    *parents, last = path
    for parent in parents:
        inner = values.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise UserError(f"--{'.'.join(path)}: --{parent} was already given as a whole")
        values = inner
    if isinstance(values.get(last), dict):
        raise UserError(f"--{last}: part of it was already given, as --{last}.{next(iter(values[last]))}")
    values[last] = value


def _lists(value: Any) -> Any:
    """Turn mappings whose keys are indexes into lists."""
    if not isinstance(value, dict):
        return value
    items = {key: _lists(inner) for key, inner in value.items()}
    if items and all(key.isdigit() for key in items):
        return [items[key] for key in sorted(items, key=int)]
    return items


def _parsed(cls: type[BaseModel], name: str, value: Any) -> Any:
    """Read a mapping that was given as one text: ``--labels '{team: nlp}'``."""
    annotation = inner_type(cls.model_fields[name].annotation) if name in cls.model_fields else None
    if isinstance(value, str) and get_origin(annotation) is dict:
        return parse_mapping(value, f"--{name}")
    return value


def first_line(cls: Any) -> str:
    """Return the first line of what a class says of itself."""
    import inspect

    return (inspect.getdoc(cls) or "").partition("\n")[0]
