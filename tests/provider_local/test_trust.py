"""What the project trusts reaches the server."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from mlem import GateError, api
from mlem.project.config import set_setting

pytest.importorskip("sklearn")
pytest.importorskip("skops", minversion="0.14")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("FORMATS", "TYPES"):
        monkeypatch.delenv(f"MLEM_CORE__TRUST__{name}", raising=False)
    api.init(tmp_path)
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(FunctionTransformer(copy.deepcopy), RandomForestClassifier(3, random_state=0).fit(X, y))
    api.save(model, "forest", sample_data=X, format="skops", project=tmp_path)
    return tmp_path


def test_classes_that_the_project_trusts_are_trusted_by_the_server(project: Path) -> None:
    with pytest.raises(GateError, match="classes that are not trusted"):
        api.deploy("local", "app", model="forest", project=project)
    set_setting(project, "core.trust.types", "copy.deepcopy")
    set_setting(project, "core.trust.formats", "skops")
    handle: Any = api.deploy("local", "app", model="forest", project=project)
    try:
        first = handle.state().records["process"]
        variables = {"MLEM_CORE__TRUST__FORMATS": "skops", "MLEM_CORE__TRUST__TYPES": "copy.deepcopy"}
        assert (str(handle.status().phase), first["variables"]) == ("running", variables)
        assert [change.action for change in handle.plan()] == ["keep", "keep"]
        set_setting(project, "core.trust.formats", "skops,onnx")
        handle = api.load("app", project=project)
        handle.run()
        second = handle.state().records["process"]
        assert second["variables"] == {**variables, "MLEM_CORE__TRUST__FORMATS": "skops,onnx"}
        assert second["pid"] != first["pid"]  # a server hears of it when it starts
    finally:
        handle.remove()
