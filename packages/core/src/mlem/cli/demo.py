"""``mlem demo``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from mlem import api
from mlem.cli.terminal.output import output_option, print_result
from mlem.cli.terminal.progress import progress
from mlem.project.project import init_project
from mlem_model.errors import ConflictError, PluginError, UserError
from mlem_model.objects.files import shown, unusable, write_atomic
from mlem_model.plugins.registry import registry

MODEL, DEPLOYMENT, SCRIPT_NAME = "iris", "demo", "train.py"
ROW = {"petal_length": 5.1, "petal_width": 1.9}
SCRIPT = f'''"""Learn three kinds of irises from nine petals, and save what was learnt."""

from math import dist

import mlem.api

PETALS = {{  # length and width in cm
    "setosa": [(1.4, 0.2), (1.7, 0.4), (1.5, 0.1)],
    "versicolor": [(4.7, 1.4), (4.0, 1.3), (4.5, 1.5)],
    "virginica": [(6.0, 2.5), (5.1, 1.9), (5.6, 1.8)],
}}
CENTRES = {{kind: [sum(side) / len(petals) for side in zip(*petals)] for kind, petals in PETALS.items()}}


def iris(petal_length: float, petal_width: float) -> str:
    """Name the kind of iris that a petal is of."""
    return min(CENTRES, key=lambda kind: dist(CENTRES[kind], (petal_length, petal_width)))


mlem.api.save(iris, "{MODEL}", sample_data={ROW!r})
'''


@click.command()
@click.argument("folder", metavar="[DIR]", default="mlem-demo")
@output_option
def demo(folder: str, output: str) -> None:
    """Make a small model in a new folder, deploy it on this machine, and ask it.

    It needs mlem-provider-local, and no library of models. What it makes is a project like any other: change train.py,
    run it, and deploy again. A second time, it goes on in the same folder.
    """
    if "local" not in registry().words("env"):
        raise PluginError(
            "nothing here deploys on this machine", code="not-installed", hint="pip install mlem-provider-local"
        )
    place = Path(folder).resolve()
    _prepare(place)
    with progress() as report:
        report(f"python {SCRIPT_NAME}: the model {MODEL} learns, and is saved")
        _train(place)
        handle = api.deploy("local", DEPLOYMENT, model=MODEL, project=place, report=report)
    with handle.get_client() as client:
        answer = client.call("predict", **ROW)
    address = handle.address() or ""
    text = f"""
{MODEL}({", ".join(f"{name}={value}" for name, value in ROW.items())}) is {answer!r}, says {address}

  {address}/  in a browser: the model's page
  cd {shown(place)}
  mlem deployment status {DEPLOYMENT}
  mlem deployment logs {DEPLOYMENT}
  python {SCRIPT_NAME} && mlem deployment run --load {DEPLOYMENT}  when you have changed it
  mlem deployment remove {DEPLOYMENT}"""
    print_result(output, {"folder": str(place), "address": address, "row": ROW, "answer": answer}, text.strip("\n"))


def _prepare(folder: Path) -> None:
    script = folder / SCRIPT_NAME
    try:
        if folder.exists() and any(folder.iterdir()) and not script.exists():
            raise ConflictError(f"{shown(folder)} has files of yours", code="exists", hint="mlem demo ANOTHER_FOLDER")
        folder.mkdir(parents=True, exist_ok=True)
        init_project(folder)
        if not script.exists():
            write_atomic(script, SCRIPT.encode())
    except OSError as error:
        raise unusable(folder, error, "make") from error


def _train(folder: Path) -> None:
    # S603: the script that was written here, or what its owner made of it
    done = subprocess.run(  # noqa: S603
        [sys.executable, SCRIPT_NAME], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = "\n".join(f"    | {line}" for line in done.stderr.splitlines()[-12:])
        raise UserError(f"{SCRIPT_NAME} fails:\n{lines}", code="script-failed", hint=f"mend {folder / SCRIPT_NAME}")
