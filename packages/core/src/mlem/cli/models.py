"""``mlem apply`` and ``mlem serve``: a saved model in this process."""

from __future__ import annotations

import click

from mlem.cli.data import data_options, print_answer, read_argument
from mlem.cli.output import project_option
from mlem.errors import PluginError


@click.command()
@click.argument("model")
@data_options
def apply(model: str, data: str, method: str, format_: str | None, target: str | None, project: str | None, output: str) -> None:
    """Call a method of a saved model in this process, with DATA: a file (csv, json, npy, parquet), a data object, or - for stdin."""
    from mlem import api
    from mlem.project import locate
    from mlem.target import expect_object

    place = locate(model, project)
    expect_object(place.read(), "model", place)
    described = api.load_meta(model, project).method(method)
    value = read_argument(described, data, format_)
    print_answer(described, api.apply(model, value, method, project), target)


@click.command()
@click.argument("model")
@click.option("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 lets other machines in.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, help="Port to listen on; 0 for any free one.")
@project_option
def serve(model: str, host: str, port: int, project: str | None) -> None:
    """Serve a saved model over HTTP in this terminal, until Ctrl-C."""
    from mlem.config import load_config
    from mlem.project import locate
    from mlem.target import expect_object

    place = locate(model, project)
    expect_object(place.read(), "model", place)
    try:
        from mlem_server import Settings
        from mlem_server import serve as run_server
    except ModuleNotFoundError as error:
        if error.name != "mlem_server":
            raise
        raise PluginError("the server is not installed", hint="pip install mlem-server") from error
    trust = load_config(place.root).core.trust
    run_server(place.path, Settings(host=host, port=port, trust=trust))
