from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.artifacts.packages.requirements import is_local, is_standard, local_modules, resolve


def test_modules_resolve_to_the_distributions_that_have_them_at_their_versions() -> None:
    assert resolve({"sklearn.linear_model._base", "sklearn.base", "numpy._core.multiarray", "yaml"}) == (
        Requirement(module="numpy", version=version("numpy"), package_name="numpy"),
        Requirement(module="sklearn", version=version("scikit-learn"), package_name="scikit-learn"),
        Requirement(module="yaml", version=version("pyyaml"), package_name="PyYAML"),
    )


def test_python_mlem_and_unknown_modules_are_no_requirements() -> None:
    assert (
        resolve(
            {"json.decoder", "builtins", "__main__", "mlem_model.models.model", "mlem_server.app", "no_such_module"}
        )
        == ()
    )
    assert [
        is_standard(name) for name in ("os.path", "mlem_model.data", "mlem_provider_local", "numpy", "mlemming")
    ] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_a_file_beside_the_script_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_thing.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert [is_local(name) for name in ("own_thing", "numpy", "json", "mlem", "no_such_module")] == [
        True,
        False,
        False,
        False,
        False,
    ]
    __import__("own_thing")
    try:
        assert "own_thing" in [module.__name__ for module in local_modules()]
    finally:
        del sys.modules["own_thing"]


def test_a_module_of_the_users_is_local_also_where_a_distribution_installs_one_of_its_name(tmp_path: Path) -> None:
    """As smdebug-rulesconfig 1.0.1 does, which comes with the SageMaker SDK: it installs a ``tests``."""
    site, own = tmp_path / "site", tmp_path / "own"
    for folder in (site / "careless-1.0.dist-info", site / "helpers", site / "theirs", own):
        folder.mkdir(parents=True)
    (site / "careless-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: careless\nVersion: 1.0\n")
    (site / "careless-1.0.dist-info" / "RECORD").write_text("helpers/__init__.py,,\ntheirs/__init__.py,,\n")
    for path in (site / "helpers" / "__init__.py", site / "theirs" / "__init__.py", own / "helpers.py"):
        path.touch()
    code = (
        "import helpers, theirs, mlem_model.artifacts.packages.requirements as r; "
        "print([r.is_local(name) for name in ('helpers', 'theirs')])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (own, site)))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[True, False]", done.stderr
