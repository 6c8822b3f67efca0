"""Our own packages as wheels, made from what is installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

from mlem_provider_docker import wheels


def test_the_wheels_are_the_same_each_time() -> None:
    assert wheels.pack() == wheels.pack()
    assert len(wheels.digest()) == 64


def test_a_wheel_installs_and_runs_without_the_folder_it_came_from(tmp_path: Path) -> None:
    target = tmp_path / "site"
    for wheel in wheels.pack():
        path = tmp_path / wheel.name
        path.write_bytes(wheel.data)
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            archive.extractall(target)
    # the folder comes first, so that it hides what is installed
    code = f"import sys; sys.path.insert(0, {str(target)!r}); import mlem, mlem_server, importlib.metadata as m"
    code += "; print(mlem.__file__, m.version('mlem-server'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    path, version = done.stdout.split()
    assert (Path(path), version) == (target / "mlem" / "__init__.py", "0.5.0")


def test_a_wheel_lists_every_file_with_its_digest() -> None:
    for wheel in wheels.pack():
        with zipfile.ZipFile(BytesIO(wheel.data)) as archive:
            names = archive.namelist()
            record = next(name for name in names if name.endswith("RECORD"))
            listed = [line.split(",")[0] for line in archive.read(record).decode().splitlines()]
        assert listed == names
        assert not [name for name in names if "__pycache__" in name]
