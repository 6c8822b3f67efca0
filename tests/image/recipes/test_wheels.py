"""Our own packages as wheels, made from what is installed."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from mlem_image.recipes import wheels


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
    code = f"import sys; sys.path.insert(0, {str(target)!r}); import mlem_model, mlem_server, importlib.metadata as m"
    code += "; print(mlem_model.__file__, m.version('mlem-server'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    path, version = done.stdout.split()
    assert (Path(path), version) == (target / "mlem_model" / "__init__.py", "0.5.0")


def test_a_wheel_lists_every_file_with_its_digest() -> None:
    for wheel in wheels.pack():
        with zipfile.ZipFile(BytesIO(wheel.data)) as archive:
            names = archive.namelist()
            record = next(name for name in names if name.endswith("RECORD"))
            listed = [line.split(",")[0] for line in archive.read(record).decode().splitlines()]
        assert listed == names
        assert not [name for name in names if "__pycache__" in name]


def test_the_core_is_in_an_image_where_a_package_of_the_model_builds_on_it() -> None:
    assert wheels.distributions(("scikit-learn==1.9.1", "no-such-distribution")) == wheels.SERVING
    assert wheels.distributions(("mlem-core==0.5.0",)) == (*wheels.SERVING, "mlem-core")
    assert wheels.distributions(("mlem-image==0.5.0",)) == (*wheels.SERVING, "mlem-core"), (
        "as a model type of a stranger does"
    )


@pytest.mark.parametrize(("package", "changes"), [("mlem", False), ("mlem_model", True), ("mlem_server", True)])
def test_a_change_of_the_core_leaves_the_identity_of_images_as_it_is(
    tmp_path: Path, package: str, changes: bool
) -> None:
    before = identity(tmp_path)
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    shutil.copytree(Path(spec.origin).parent, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / package / "errors.py" if package == "mlem_model" else tmp_path / package / "__init__.py").open(
        "a"
    ) as file:
        file.write('\nHELP = "another text"\n')
    assert (identity(tmp_path) != before) is changes


def identity(first_on_the_path: Path) -> str:
    """Return the identity of a model's image, as a Python says it that finds packages in a folder first."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from mlem import Model; "
        "from mlem_image.recipes.options import ImageOptions;"
        "from mlem_image.recipes.recipe import Recipe; import mlem, mlem_model, mlem_server;"
        "model = Model(model_type='callable', artifacts={}, methods={}, python='3.11.7');"
        "print(Recipe.of(ImageOptions(), model).digest)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(first_on_the_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
