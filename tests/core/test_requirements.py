from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from mlem.model import Requirement
from mlem.requirements import is_local, is_standard, local_modules, resolve


def test_modules_resolve_to_the_distributions_that_have_them_at_their_versions() -> None:
    assert resolve({"sklearn.linear_model._base", "sklearn.base", "numpy._core.multiarray", "yaml"}) == (
        Requirement(module="numpy", version=version("numpy"), package_name="numpy"),
        Requirement(module="sklearn", version=version("scikit-learn"), package_name="scikit-learn"),
        Requirement(module="yaml", version=version("pyyaml"), package_name="PyYAML"),
    )


def test_python_mlem_and_unknown_modules_are_no_requirements() -> None:
    assert resolve({"json.decoder", "builtins", "__main__", "mlem.model", "mlem_server.app", "no_such_module"}) == ()
    assert [is_standard(name) for name in ("os.path", "mlem.data", "mlem_provider_local", "numpy", "mlemming")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_a_file_beside_the_script_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_thing.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert [is_local(name) for name in ("own_thing", "numpy", "json", "mlem", "no_such_module")] == [True, False, False, False, False]
    __import__("own_thing")
    try:
        assert "own_thing" in [module.__name__ for module in local_modules()]
    finally:
        del sys.modules["own_thing"]
