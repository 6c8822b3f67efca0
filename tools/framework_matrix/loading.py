"""What loading a model runs of its file, by Python's own audit events."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from mlem_model.models.model import Model

_LOAD = """
import json, sys
from mlem import api
from mlem.api.objects import with_object
name, modules = sys.argv[1:]
for module in filter(None, modules.split(",")):
    __import__(module)
seen, loading = set(), True
CODE = ("pickle.find_class", "os.system", "subprocess.Popen")
sys.addaudithook(lambda event, args: seen.add(event) if loading and event in CODE else None)
with_object(name, None, served=True)
loading = False
print(json.dumps(sorted(seen)))
"""
"""The frameworks are imported before: what that runs is not the file's."""


def events(folder: Path, name: str, model: Model) -> list[str]:
    """Load a model in a process of its own, as a server does.

    Args:
        folder: Its project.
        name: Its name.
        model: Its metadata.

    Returns:
        The events by which code of a file is found and run; none where nothing of it was run.
    """
    modules = ",".join(requirement.module for requirement in model.requirements)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _LOAD, name, modules],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"it can't be loaded: {done.stderr[-2000:]}")
    return list(json.loads(done.stdout.splitlines()[-1]))
