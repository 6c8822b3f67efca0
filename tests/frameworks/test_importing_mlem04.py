"""Models of MLEM 0.4 with files of their frameworks: imported by their metadata, which says what the file is."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost
import yaml
from sklearn.datasets import load_iris

from mlem import api
from mlem.testing import Project

FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project.make(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    FLOWERS.iloc[::10].to_csv("rows.csv", index=False)
    return project


def write(word: str, uri: str, io: str = "", **more: Any) -> None:
    """Write metadata as MLEM 0.4 does."""
    methods = {"predict": {"name": "predict", "args": [{"name": "data", "type_": {"type": "unspecified"}}]}}
    content = {
        "artifacts": {"data": {"uri": uri, "size": 1, "hash": "0" * 32}},
        "call_orders": {"predict": [["model", "predict"]]},
        "object_type": "model",
        "processors": {"model": {"methods": methods, "type": word, "io": {"type": io or f"{word}_io", **more}}},
        "requirements": [{"module": word, "version": "1"}],
    }
    Path("old.mlem").write_text(yaml.safe_dump(content))


def booster() -> Any:
    return xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(FLOWERS, KINDS), 3)


def trees() -> Any:
    return lightgbm.train({"verbose": -1}, lightgbm.Dataset(FLOWERS, KINDS), 3)


def cats() -> Any:
    return catboost.CatBoostRegressor(iterations=3, verbose=0, allow_writing_files=False).fit(FLOWERS, KINDS)


CASES: dict[str, tuple[str, Callable[[], Any], Callable[[Any], Any]]] = {
    "xgboost": ("old/model.xgb", booster, lambda obj: obj.predict(xgboost.DMatrix(FLOWERS))),
    "lightgbm": ("old/model.lgb", trees, lambda obj: obj.predict(FLOWERS)),
    "catboost": ("old/rgr.cb", cats, lambda obj: obj.predict(FLOWERS)),
}


@pytest.mark.parametrize("word", CASES)
def test_a_file_of_a_framework_is_imported_by_its_metadata(here: Project, word: str) -> None:
    uri, make, ask = CASES[word]
    obj = make()
    Path("old").mkdir()
    obj.save_model("model.ubj")  # XGBoost warns of other endings, and writes the same
    Path("model.ubj").rename(uri)
    write(word, uri)
    done = here.mlem("deployment", "run", "local", "app", "--model", "old")
    assert (done.returncode, "mlem import" in done.stderr) == (2, True), done.stderr
    done = here.mlem("import", "old.mlem", "new", "--sample", "rows.csv")
    assert done.returncode == 0, done.stderr
    handle = api.deploy("local", "app", model="new")
    try:
        assert np.allclose(handle.get_client().predict(FLOWERS), ask(obj), rtol=1e-6)
    finally:
        handle.remove()


@pytest.mark.parametrize("uri", ["../outside", "/etc/passwd", "a/../../b", "\x1b[31mred"])
def test_metadata_that_names_other_files_is_refused(here: Project, uri: str) -> None:
    Path("../outside").write_bytes(bytes(booster().save_raw()))
    write("xgboost", uri)
    done = here.mlem("import", "old.mlem", "new")
    assert (done.returncode, "Traceback" in done.stderr, "\x1b[31m" in done.stderr) == (2, False, False), done.stderr
    assert not Path("new.mlem").exists()


def test_what_is_read_as_it_is_or_is_any_code_is_told(here: Project) -> None:
    Path("old").write_bytes(pickle.dumps(len))
    write("sklearn", "old", "simple_pickle")
    done = here.mlem("import", "old.mlem", "new")
    assert (done.returncode, "it is read as it is" in done.stderr) == (2, True), done.stderr
    write("torch", "old", is_jit=False)
    done = here.mlem("import", "old.mlem", "new")
    assert (done.returncode, "a pickle of PyTorch, which is any code" in done.stderr) == (2, True), done.stderr
