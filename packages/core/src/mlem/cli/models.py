"""``mlem apply`` and ``mlem serve``: a saved model in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from mlem import api
from mlem.cli.parameters.data import EPILOG, CallCommand, data_options, form_of, noted, print_answer, reader_of
from mlem.cli.parameters.names import ObjectName
from mlem.cli.terminal.messages import say
from mlem.cli.terminal.output import project_option
from mlem.project.head import expect_object
from mlem.project.project import locate
from mlem_model.data.column_names import by_names
from mlem_model.data.types.any import UnspecifiedType
from mlem_model.data.types.containers.classes import class_types
from mlem_model.models.errors import model_failed
from mlem_model.models.method_choice import default_method

if TYPE_CHECKING:
    from mlem_model.models.calls.reader import Given
    from mlem_model.models.model import Method


@click.command(cls=CallCommand, epilog=EPILOG)
@click.argument("model", type=ObjectName("model"))
@data_options
@click.option("--traceback", is_flag=True, help="When the model fails, print its traceback.")
@click.pass_context
def apply(
    ctx: click.Context,
    model: str,
    data: str | None,
    given: Given,
    method: str | None,
    format_: str | None,
    header: bool | None,
    separator: str | None,
    encoding: str | None,
    decimal: str | None,
    empty: str | None,
    strict: bool,
    target: str | None,
    project: str | None,
    output: str,
    traceback: bool,
) -> None:
    """Call a method of a saved model in this process.

    DATA is the value of the method's only required argument, or all arguments as a JSON object: a file (csv, json, npy,
    parquet, bytes and images as they are), a saved data object, - for stdin, or JSON itself.
    """
    place = locate(model, project)
    expect_object(place.read("model"), "model", place)
    meta = api.load_meta(model, project)
    called = method or default_method(meta.methods)
    described = meta.method(called)
    form = form_of(header=header, separator=separator, encoding=encoding, decimal=decimal, empty=empty)
    # Wrong data is reported before a model is loaded, which takes time, unless the model brings the classes of the
    # data.
    loaded = api.load(model, project) if any(class_types(argument.data_type for argument in described.args)) else None
    with noted(strict=strict):
        values = reader_of(ctx, described, called, format_, form).read(data, given)
    answer = _call(described, called, api.load(model, project) if loaded is None else loaded, values, show=traceback)
    print_answer(described, answer, target)


def _call(described: Method, called: str, obj: Any, values: Mapping[str, Any], *, show: bool) -> Any:
    """Call the model; an exception is reported as the model's own, not as a defect of ours."""
    untyped = {argument.name for argument in described.args if isinstance(argument.data_type, UnspecifiedType)}
    ready = {name: by_names(obj, value, name) if name in untyped else value for name, value in values.items()}
    try:
        return described.call(obj, ready)
    except (Exception, SystemExit) as error:
        if show:
            import traceback

            say("".join(traceback.format_exception(error)), err=True, nl=False)
        raise model_failed(called, error, hint=None if show else "where it failed: --traceback") from error


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...", type=ObjectName("model"))
@click.option("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 lets other machines in.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, help="Port to listen on; 0 for any free one.")
@click.option("--reload", is_flag=True, help="Serve a model anew when it is saved again.")
@project_option
def serve(models: tuple[str, ...], host: str, port: int, reload: bool, project: str | None) -> None:
    """Serve saved models over HTTP in this terminal, until Ctrl-C.

    A single model answers at the root, each of several under /models/NAME/. A folder stands for all models in it.
    """
    api.serve(*models, host=host, port=port, reload=reload, project=project)
