"""Models that their frameworks have written without us: imported, compared; and what hostile files try is refused."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import catboost
import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import skops.io
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from mlem import api
from mlem.testing import Project
from mlem_model.errors import MlemError, UserError

FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[KINDS]
PEOPLE, PROGRESS = load_diabetes(return_X_y=True, as_frame=True)
FEW: dict[str, Any] = {"iterations": 5, "verbose": 0, "allow_writing_files": False}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project.make(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    FLOWERS.iloc[::10].to_csv("rows.csv", index=False)
    PEOPLE.iloc[::10].to_csv("people.csv", index=False)
    return project


def forest() -> Any:
    return RandomForestClassifier(n_estimators=5, random_state=0).fit(FLOWERS, NAMES)


def mixed() -> tuple[Any, Any]:
    frame = FLOWERS.assign(garden=np.where(np.arange(len(FLOWERS)) % 2, "north", "south"))
    encoded = ColumnTransformer([("garden", OneHotEncoder(), ["garden"])], remainder=StandardScaler())
    return make_pipeline(encoded, LogisticRegression()).fit(frame, NAMES), frame


def write_pickle(obj: Any, path: str) -> None:
    Path(path).write_bytes(pickle.dumps(obj))


WRITERS: dict[str, tuple[str, Callable[[], Any], Callable[[Any, str], Any]]] = {
    "pickle": ("model.pkl", forest, write_pickle),
    "old pickle": ("model.pickle", forest, lambda obj, path: Path(path).write_bytes(pickle.dumps(obj, protocol=2))),
    "joblib": ("model.joblib", forest, joblib.dump),
    "joblib, compressed": ("model.joblib", forest, lambda obj, path: joblib.dump(obj, path, compress=("gzip", 3))),
    "joblib, zlib": ("model.z", forest, lambda obj, path: joblib.dump(obj, path, compress=3)),
    "joblib, lzma": ("model.joblib", forest, lambda obj, path: joblib.dump(obj, path, compress=("xz", 3))),
    "joblib, bzip2": ("model.joblib", forest, lambda obj, path: joblib.dump(obj, path, compress=("bz2", 3))),
    "joblib as pkl": ("model.pkl", forest, joblib.dump),
    "svm": ("svm.pkl", lambda: SVC().fit(FLOWERS, NAMES), write_pickle),
    "gradient boosting": (
        "gb.joblib",
        lambda: GradientBoostingClassifier(n_estimators=3).fit(FLOWERS, NAMES),
        joblib.dump,
    ),
    "skops": ("model.skops", lambda: LogisticRegression(max_iter=500).fit(FLOWERS, NAMES), skops.io.dump),
    "xgboost": (
        "model.ubj",
        lambda: xgboost.XGBClassifier(n_estimators=5).fit(FLOWERS, KINDS),
        lambda obj, path: obj.save_model(path),
    ),
    "xgboost, json": (
        "model.json",
        lambda: xgboost.XGBClassifier(n_estimators=5).fit(FLOWERS, KINDS),
        lambda obj, path: obj.save_model(path),
    ),
    "catboost": (
        "model.cbm",
        lambda: catboost.CatBoostRegressor(**FEW).fit(FLOWERS, KINDS),
        lambda obj, path: obj.save_model(path),
    ),
    "lightgbm": (
        "model.txt",
        lambda: lightgbm.train({"verbose": -1}, lightgbm.Dataset(FLOWERS, KINDS), 5),
        lambda obj, path: obj.save_model(path),
    ),
}


@pytest.mark.parametrize("case", WRITERS)
def test_a_file_of_a_framework_is_imported_and_answers_alike(here: Project, case: str) -> None:
    name, make, write = WRITERS[case]
    obj = make()
    write(obj, name)
    done = here.mlem("import", name, "flowers", "--sample", "rows.csv")
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv("rows.csv")
    assert np.array_equal(np.asarray(api.apply("flowers", rows)), np.asarray(obj.predict(rows)))
    assert api.load_meta("flowers", kind="model").samples["predict"]


def test_a_pipeline_with_text_columns(here: Project) -> None:
    obj, frame = mixed()
    joblib.dump(obj, "model.joblib")
    frame.iloc[::10].to_csv("mixed.csv", index=False)
    done = here.mlem("import", "model.joblib", "flowers", "--sample", "mixed.csv")
    assert (done.returncode, "is a pickle" in done.stderr) == (0, True), done.stderr
    assert list(api.apply("flowers", frame)) == list(obj.predict(frame))


def test_what_was_imported_is_deployed(here: Project) -> None:
    booster = xgboost.train({}, xgboost.DMatrix(PEOPLE, PROGRESS), 5)
    booster.save_model("people.ubj")
    assert here.mlem("import", "people.ubj", "people", "--sample", "people.csv").returncode == 0
    done = here.run("local", "app", "people")
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv("people.csv")
    with here.handle("app").get_client() as client:
        assert np.allclose(client.predict(rows), booster.predict(xgboost.DMatrix(rows)))
    assert here.mlem("deployment", "remove", "app").returncode == 0


def test_from_a_url(here: Project) -> None:
    joblib.dump(forest(), "model.joblib")
    done = here.mlem("import", f"file://{here.folder}/model.joblib", "flowers", "--sample", "rows.csv")
    assert done.returncode == 0, done.stderr


def test_a_folder_of_mlflow_brings_its_example(here: Project) -> None:
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MLFLOW], capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert made.returncode == 0, made.stderr
    done = here.mlem("import", "mlflow-model", "flowers")
    assert done.returncode == 0, done.stderr
    saved = api.load_meta("flowers", kind="model")
    assert saved.samples["predict"].args["X"][0]["sepal length (cm)"] == 5.1
    assert list(api.apply("flowers", FLOWERS.head(3))) == ["setosa"] * 3


MLFLOW = """
import json, os, pathlib, cloudpickle
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
import numpy as np, yaml
X, y = load_iris(return_X_y=True, as_frame=True)
model = LogisticRegression(max_iter=500).fit(X, np.array(["setosa", "versicolor", "virginica"])[y])
try:
    import mlflow.sklearn
    mlflow.sklearn.save_model(model, "mlflow-model", input_example=X.head(2), serialization_format="pickle")
except ImportError:
    raise SystemExit("mlflow is not installed")
"""


class Evil:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self.reduced = (call, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


def evils(mark: str) -> dict[str, Any]:
    touch = f"touch {mark}"
    inside = np.array([Evil(os.system, touch), 1], dtype=object)
    return {
        "os.system": Evil(os.system, touch),
        "eval": Evil(eval, f"open({mark!r}, 'w')"),
        "getattr": Evil(getattr, "text", "upper"),
        "popen": Evil(subprocess.Popen, ["touch", mark]),
        "through numpy": Evil(
            np.testing.runstring if hasattr(np.testing, "runstring") else exec, f"open({mark!r}, 'w')", {}
        ),
        "in an estimator": LogisticRegression(C=Evil(os.system, touch)),
        "in an array of objects": LogisticRegression(C=inside),
        "memmap": Evil(np.memmap, mark, "uint8", "w+", 0, (4,)),
        "load": Evil(np.load, mark),
    }


@pytest.mark.parametrize("write", [write_pickle, joblib.dump, lambda obj, path: joblib.dump(obj, path, compress=3)])
@pytest.mark.parametrize("case", evils("x"))
def test_a_malicious_pickle_is_refused_before_anything_runs(here: Project, case: str, write: Any) -> None:
    mark = here.folder / "pwned"
    write(evils(str(mark))[case], "model.joblib")
    done = here.mlem("import", "model.joblib", "model")
    assert (done.returncode, mark.exists(), "Traceback" in done.stderr) == (2, False, False), done.stderr
    assert "error[untrusted-types]" in done.stderr, done.stderr
    assert not (here.folder / "model.mlem").exists()


def by_hand(*lines: bytes) -> bytes:
    return b"".join(lines) + b"."


@pytest.mark.parametrize(
    "content",
    [
        by_hand(b"csklearn.utils\nos.system\n", b"(S'touch pwned'\ntR"),
        by_hand(b"\x80\x04", b"\x8c\x0dsklearn.utils\x8c\x09os.system\x93", b"\x8c\x0btouch pwned\x85R"),
        by_hand(b"csklearn.datasets\nload_files\n", b"(S'/'\ntR"),
        by_hand(b"cbuiltins\n__import__\n", b"(S'os'\ntR"),
        by_hand(b"cnumpy.core\n_ufunc_reconstruct\n", b"(S'os'\nS'system'\ntR"),
        by_hand(b"cpandas.core.common\nimport_optional_dependency\n", b"(S'this'\ntR"),
    ],
)
def test_a_way_round_is_refused_as_well(here: Project, content: bytes) -> None:
    Path("model.pkl").write_bytes(content)
    done = here.mlem("import", "model.pkl", "model")
    assert (done.returncode in (2, 3), (here.folder / "pwned").exists()) == (True, False), done.stderr
    assert "error[untrusted-types]" in done.stderr or "error[wrong-versions]" in done.stderr, done.stderr


def test_what_the_user_trusts_by_name_is_made(here: Project) -> None:
    write_pickle({"model": Evil(os.path.join, "a", "b")}, "model.pkl")
    refused = here.mlem("import", "model.pkl", "model")
    assert "core.trust.types posixpath.join" in refused.stderr, refused.stderr
    assert here.mlem("config", "set", "core.trust.types", "posixpath.join").returncode == 0
    done = here.mlem("import", "model.pkl", "model")
    assert (done.returncode, "core.trust.types names" in done.stderr) == (2, True), done.stderr
    assert "is data, and not a model" in done.stderr


def test_a_format_that_the_project_does_not_trust_is_refused(here: Project) -> None:
    joblib.dump(forest(), "model.joblib")
    assert here.mlem("config", "set", "core.trust.formats", "skops,ubj").returncode == 0
    done = here.mlem("import", "model.joblib", "model", "--sample", "rows.csv")
    assert (done.returncode, "error[untrusted-format]" in done.stderr) == (2, True), done.stderr


def test_a_bomb_is_refused_before_it_unfolds(here: Project) -> None:
    zeros = b"\0" * (1 << 20)
    packer = zlib.compressobj(9)
    Path("bomb.joblib").write_bytes(b"".join(packer.compress(zeros) for _ in range(600)) + packer.flush())
    with gzip.open("bomb.pkl.gz", "wb", 9) as file:
        for _ in range(600):
            file.write(zeros)
    with (
        zipfile.ZipFile("bomb.skops", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("schema.json", "w") as member,
    ):
        for _ in range(600):
            member.write(zeros)
    for name in ("bomb.joblib", "bomb.pkl.gz", "bomb.skops"):
        done = here.mlem("import", name, "model")
        assert (done.returncode, "error[too-large]" in done.stderr) == (2, True), (name, done.stderr)


def test_an_archive_whose_names_lead_out_of_it_is_refused(here: Project) -> None:
    with zipfile.ZipFile("model.skops", "w") as archive:
        archive.writestr("../../evil", b"x")
    done = here.mlem("import", "model.skops", "model")
    assert (done.returncode, "error[outside]" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("name", ["model.ubj", "model.cbm", "model.lgb", "model.skops", "model.pkl", "model.joblib"])
@pytest.mark.parametrize("content", [b"", b"\x80", b"not a model", b"\x80\x04\x95\xff\xff", b"PK\x03\x04rest"])
def test_a_damaged_file_is_an_error(here: Project, name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    done = here.mlem("import", name, "model")
    assert (done.returncode in (2, 3), "Traceback" in done.stderr) == (True, False), done.stderr
    assert not (here.folder / "model.mlem").exists()


def test_a_cut_model_that_crashes_its_framework_is_an_error(here: Project) -> None:
    catboost.CatBoostRegressor(**FEW).fit(FLOWERS, KINDS).save_model("whole.cbm")
    content = Path("whole.cbm").read_bytes()
    for length in range(8, len(content), max(1, len(content) // 4)):
        Path("cut.cbm").write_bytes(content[:length])
        done = here.mlem("import", "cut.cbm", "model")
        assert (done.returncode, "its end is missing" in done.stderr) == (2, True), (
            length,
            done.returncode,
            done.stderr,
        )


def test_what_is_not_known_or_not_there_is_named(here: Project) -> None:
    for name, code, exit_code in (("none.pkl", "not-found", 3), ("notes.doc", "unknown-file", 2)):
        if exit_code == 2:
            Path(name).write_text("hello")
        done = here.mlem("import", name, "model")
        assert (done.returncode, f"error[{code}]" in done.stderr) == (exit_code, True), done.stderr
    done = here.mlem("import", "notes.doc", "model", "--type", "nonsense")
    assert (done.returncode, "xgboost" in done.stderr) == (2, True), done.stderr


def test_a_model_that_is_a_file_is_told_how_to_import_it(here: Project) -> None:
    joblib.dump(forest(), "model.pkl")
    done = here.run("local", "app", "model.pkl")
    assert (done.returncode, "mlem import model.pkl" in done.stderr) == (3, True), done.stderr


def test_data_is_saved_from_a_file(here: Project) -> None:
    done = here.mlem("save", "rows.csv", "rows")
    assert (done.returncode, done.stdout) == (0, "saved rows\n"), done.stderr
    assert api.load("rows").shape == (15, 4)
    again = here.mlem("save", "none.csv", "others")
    assert again.returncode == 3, again.stderr


def test_from_python(here: Project) -> None:
    buffer = io.BytesIO()
    joblib.dump(forest(), buffer)
    Path("model.joblib").write_bytes(buffer.getvalue())
    saved = api.import_model("model.joblib", "flowers", sample=FLOWERS)
    assert (saved.model_type, next(iter(saved.methods))) == ("sklearn", "predict")
    with pytest.raises(UserError):
        api.import_model("rows.csv", "rows")
    with pytest.raises(MlemError):
        api.import_model("memory://nothing.pkl", "rows")
