"""The image that is made without Docker has the files of the one that an Engine builds; here is what may differ."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from mlem import api
from mlem.testing import Project
from mlem_image.builder import ImageBuilder
from mlem_model.plugins.registry import registry
from mlem_provider_docker.api.sdk import Engine

MAY_DIFFER = re.compile(
    r"""
    venv/lib64                                      # a link to lib, of venv's
    | venv/include(/.*)?                            # empty, of venv's
    | venv/bin/([Aa]ctivate.*|python.*)             # for shells; links to the base's Python under several names
    | venv/pyvenv.cfg                               # says which command has made it
    | venv/pins(/.*)?                               # the packages with hashes: ours among them, or not
    | .*/__pycache__(/.*)?                          # compiled by the image's Python, or by one of that version
    | .*\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json)  # say who has installed it
    | venv/bin/.*-server                            # a script: pip's words, and the installer's
    | opt/mlem/model/model\.mlem                    # the same data, with the name that the copy has
    | (dev|etc|proc|sys)(/.*)? | \.dockerenv        # made by the Engine when a container starts
    | (tmp|run|var)(/.*)?                           # logs and caches of pip's and of Debian's
    """,
    re.VERBOSE,
)


def files(image: str, folder: Path) -> dict[str, tuple[str, int, str]]:
    """Return kind, permissions and content of each file of an image."""
    container = subprocess.run(["docker", "create", image], capture_output=True, text=True, check=True).stdout.strip()
    try:
        with (folder / "files.tar").open("wb") as file:
            subprocess.run(["docker", "export", container], stdout=file, check=True)
    finally:
        subprocess.run(["docker", "rm", container], capture_output=True, check=True)
    found = {}
    with tarfile.open(folder / "files.tar") as archive:
        for member in archive:
            content = ""
            if member.isreg():
                opened = archive.extractfile(member)
                content = hashlib.sha256(opened.read() if opened is not None else b"").hexdigest()
            elif member.issym():
                content = member.linkname
            kind = "folder" if member.isdir() else "link" if member.issym() else "file"
            found[member.name.rstrip("/")] = (kind, member.mode & 0o7777, content)
    return found


def test_both_have_the_same_files_and_settings(
    engine: Engine,
    warm: None,
    hub: str,
    tmp_path: Path,
) -> None:
    project = Project.make(tmp_path / "project")
    project.save("double", 2.0)
    model = api.load_meta("double", str(project.folder))
    by_engine, ours = "mlem-test-by-engine:1", f"{hub.rpartition('/')[0]}/made-by-us:1"
    fields: Any = {"image_name": "mlem-test-by-engine", "tag": "1", "base_image": hub}
    registry().get("builder", "docker").from_data(fields, "the tests").build(model, lambda _line: None)
    try:
        ImageBuilder(name=ours, base_image=hub).build(model, lambda _line: None)
        subprocess.run(["docker", "pull", "--quiet", ours], capture_output=True, check=True)
        left, right = files(by_engine, tmp_path), files(ours, tmp_path)
        differing = {
            path: (left.get(path), right.get(path))
            for path in left.keys() | right.keys()
            if left.get(path) != right.get(path) and not MAY_DIFFER.fullmatch(path)
        }
        assert differing == {}
        assert len(left) > 1000
        settings = [
            json.loads(subprocess.run(["docker", "inspect", image], capture_output=True, check=True).stdout)[0][
                "Config"
            ]
            for image in (by_engine, ours)
        ]
        for name in ("User", "ExposedPorts", "WorkingDir", "Entrypoint", "Healthcheck", "StopSignal"):
            assert settings[0].get(name) == settings[1].get(name), name
        assert sorted(settings[0]["Env"]) == sorted(settings[1]["Env"])
    finally:
        subprocess.run(["docker", "rmi", "--force", by_engine, ours], capture_output=True, check=False)
