"""``mlem import`` and ``mlem save``: what is in files becomes a model, or data."""

from __future__ import annotations

import click

from mlem import api
from mlem.api.importing import import_model, read_data
from mlem.cli.terminal.output import output_option, print_result, project_option
from mlem.project.project import locate

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what has the name.")


@click.command(name="import")
@click.argument("source", metavar="PATH_OR_URL")
@click.argument("name")
@click.option(
    "--sample",
    metavar="FILE",
    help="Sample data, with several rows: CSV, Parquet, JSON, npy.  [default: what the model brings]",
)
@click.option(
    "--type", "type_", metavar="TYPE", help="What it is, where that can't be seen: a model type, pickle, joblib."
)
@click.option(
    "--method", "methods", metavar="NAME", multiple=True, help="A method that can be called; may be repeated."
)
@click.option(
    "--profile", is_flag=True, help="Record what the sample's columns look like, for servers that watch for drift."
)
@click.option(
    "--require-hashes", is_flag=True, help="Record the hashes of the packages that it needs: no image gets other files."
)
@overwrite_option
@project_option
@output_option
def import_(
    source: str,
    name: str,
    sample: str | None,
    type_: str | None,
    methods: tuple[str, ...],
    profile: bool,
    require_hashes: bool,
    overwrite: bool,
    project: str | None,
    output: str,
) -> None:
    """Save a model that its framework has written to a file, a folder of MLflow, or what is behind a URL.

    Nothing of it runs before it is known to be harmless.
    """
    model = import_model(
        source,
        name,
        sample=sample,
        type_=type_,
        methods=methods or None,
        profile=profile,
        require_hashes=require_hashes,
        project=project,
        overwrite=overwrite,
    )
    data = {"name": name, "type": model.model_type, "methods": list(model.methods), "digest": model.digest}
    print_result(output, data, f"{name} is a {model.model_type} model with {', '.join(model.methods)}")


@click.command()
@click.argument("source", metavar="FILE")
@click.argument("name")
@overwrite_option
@project_option
@output_option
def save(source: str, name: str, overwrite: bool, project: str | None, output: str) -> None:
    """Save a file of data under a name: CSV, Parquet, JSON, npy. A model: mlem import."""
    api.save(read_data(source), name, project=project, overwrite=overwrite)
    print_result(output, {"name": name, "path": str(locate(name, project).path)}, f"saved {name}")
