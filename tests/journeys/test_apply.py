"""``mlem apply`` and ``mlem deployment apply``: the same data, the same answer.

Several arguments; what a model raises.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mlem.testing import Project

MODELS = """
from __future__ import annotations
import datetime
import pydantic
import numpy as np
import pandas as pd
import mlem.api
from PIL import Image
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

def score(X, threshold=0.5, unit="m", flags=None):
    if threshold > 5:
        raise ValueError("a threshold above\\n5")
    if threshold > 1:
        return [1 // 0]
    return [f"{name}:{value}:{threshold}:{unit}:{flags}" for name, value in zip(X["name"], X["value"])]

def area(width: float, height: float, double: bool = False):
    return width * height * (2 if double else 1)

class Room(pydantic.BaseModel):
    area: float
    name: str = "?"

class House(pydantic.BaseModel):
    rooms: list[Room]

def total(house: House) -> float:
    return sum(room.area for room in house.rooms)

frame = pd.DataFrame({"name": ["a", "b"], "value": [1.5, 2.5]})
mlem.api.save(score, "score", sample_data=frame)
mlem.api.save(total, "total", sample_data=House(rooms=[Room(area=2.0)]))
mlem.api.save(area, "area", sample_data={"width": 1.0, "height": 2.0})
mlem.api.save(lambda texts: [text.upper() for text in texts], "texts", sample_data=["a", "b"])
mlem.api.save(lambda content: len(content), "size", sample_data=b"ab")
mlem.api.save(lambda img: list(img.size), "img", sample_data=Image.new("RGB", (3, 2)))
mlem.api.save(lambda d: d["value"].tolist(), "values", sample_data=frame)
X = pd.DataFrame({"a": [5, 1, 0, 3], "b": [1, 2, 4, 7]})
mlem.api.save(LinearRegression().fit(X, 10 * X["a"] + X["b"]), "named")
mlem.api.save(StandardScaler().fit([[1.0], [3.0]]), "scaler", sample_data=[[1.0], [3.0]])
mlem.api.save(LinearRegression().fit(X.to_numpy(), 10 * X["a"] + X["b"]), "positions")
X[["b", "a"]][:3].to_csv("ba.csv", index=False)
X[["b", "a"]][:3].to_parquet("ba.parquet")
frame.to_csv("x.csv", index=False)
frame.to_parquet("x.parquet")
pd.DataFrame({"name": ["007", "NA"], "value": [None, 1.0]}).to_csv("index.csv")
Image.new("L", (7, 5)).save("x.png")
open("texts.csv", "w").write("007\\ntrue\\nnan\\n")
open("swapped.csv", "w").write("Value,Name\\n1,a\\n")
open("latin.csv", "wb").write("name;value\\nÄ;1,5\\n".encode("latin-1"))
"""


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = Project.make(
        tmp_path_factory.mktemp("applied"),
        {"PYTHONWARNINGS": "ignore", "XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))},
    )
    done = project.python("-c", MODELS)
    assert done.returncode == 0, done.stderr
    for model in ("score", "texts", "scaler"):
        assert project.run("local", f"{model}-app", model).returncode == 0
    yield project
    for model in ("score", "texts", "scaler"):
        project.mlem("deployment", "remove", f"{model}-app")


def answer(project: Project, *arguments: str, stdin: str | None = None) -> Any:
    done = project.mlem(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def error(project: Project, *arguments: str) -> dict[str, Any]:
    done = project.mlem(*arguments, "--output", "json")
    found: dict[str, Any] = json.loads(done.stdout)["error"]
    assert (done.returncode, "Traceback" in done.stderr) == (found["exit_code"], False)
    return found


def test_data_is_read_into_the_classes_that_a_model_brings(applied: Project) -> None:
    assert answer(applied, "apply", "total", '{"rooms": [{"area": 2.5}, {"area": 1, "name": "b"}]}') == 3.5


@pytest.mark.parametrize("command", [["apply", "scaler"], ["deployment", "apply", "scaler-app"]])
def test_a_model_without_predict_is_asked_by_its_first_method(applied: Project, command: list[str]) -> None:
    assert answer(applied, *command, "[[1.0], [5.0]]") == [[-1.0], [3.0]]
    assert answer(applied, *command, "[[-1.0], [3.0]]", "--method", "inverse_transform") == [[1.0], [5.0]]
    refused = error(applied, *command, "[[1.0]]", "--method", "inverse_transfor")
    assert (refused["code"], refused["known"], refused["hint"]) == (
        "unknown-method",
        ["inverse_transform", "transform"],
        'did you mean "inverse_transform"?',
    )


def test_arguments_are_a_file_options_or_json(applied: Project) -> None:
    both = ["a:1.5:0.9:m:None", "b:2.5:0.9:m:None"]
    local, deployed = ["apply", "score"], ["deployment", "apply", "score-app"]
    for command in (local, deployed):
        assert answer(applied, *command, "x.csv", "--threshold", "0.9") == both
        assert answer(applied, *command, '{"X": [{"name": "a", "value": 1.5}], "threshold": 0.9, "flags": [1]}') == [
            "a:1.5:0.9:m:[1]"
        ]
        assert answer(applied, *command, "latin.csv", "--encoding", "latin-1", "--decimal", ",") == ["Ä:1.5:0.5:m:None"]
    assert answer(applied, *local, "--threshold=0.9", "--X", "@x.parquet") == both
    assert answer(applied, *deployed, "-", "--unit", "007", "--flags", "[2]", stdin="value,name\n1,x\n") == [
        "x:1.0:0.5:007:[2]"
    ]
    assert answer(applied, *local, "index.csv") == ["007:nan:0.5:m:None", "NA:1.0:0.5:m:None"]
    assert answer(applied, *local, "-", "--no-header", stdin="y,2\n") == ["y:2.0:0.5:m:None"]


@pytest.mark.parametrize("command", [["apply", "score"], ["deployment", "apply", "score-app"]])
def test_what_a_model_raises_is_an_error_without_a_traceback(applied: Project, command: list[str]) -> None:
    refused = error(applied, *command, "x.csv", "--threshold", "9")
    assert (refused["code"], refused["exit_code"]) == ("model-refused", 2)
    assert "a threshold above 5" in refused["message"]
    failed = error(applied, *command, "x.csv", "--threshold", "2")
    assert (failed["code"], failed["exit_code"]) == ("model-failed", 7)


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["x.csv", "--treshold", "1"], "bad-arguments", 'did you mean "--threshold"?'),
        (["x.csv", "--threshold", "high"], "bad-data", None),
        ([], "bad-arguments", '--X ..., or \'{"X": "..."}\', or a file'),
        (["swapped.csv"], "bad-data", 'did you mean "value"?'),
        (["latin.csv"], "bad-encoding", "name its encoding: --encoding latin-1, or charset=latin-1"),
    ],
)
def test_what_is_wrong_is_told(applied: Project, arguments: list[str], code: str, hint: str | None) -> None:
    found = error(applied, "apply", "score", *arguments)
    assert (found["code"], found["hint"], found["exit_code"]) == (code, hint, 2)


def test_a_list_of_texts_is_answered_line_by_line(applied: Project) -> None:
    for command in (["apply", "texts"], ["deployment", "apply", "texts-app"]):
        assert answer(applied, *command, "texts.csv") == ["007", "TRUE", "NAN"]
        assert applied.mlem(*command, "texts.csv", "-o", "out.txt").returncode == 0
        assert (applied.folder / "out.txt").read_text() == "007\nTRUE\nNAN\n"


def test_several_arguments_need_no_file(applied: Project) -> None:
    assert answer(applied, "apply", "area", "--width", "2", "--height", "3") == 6.0
    assert answer(applied, "apply", "area", "--width=2", "--height=3", "--double") == 12.0
    assert answer(applied, "apply", "area", '{"width": 2, "height": 3}', "--no-double") == 6.0


def test_bytes_and_images_are_files_as_they_are(applied: Project) -> None:
    size = (applied.folder / "x.png").stat().st_size
    assert answer(applied, "apply", "size", "x.png") == size
    assert answer(applied, "apply", "img", "x.png") == [7, 5]


@pytest.mark.parametrize("name", ["ba.csv", "ba.parquet"])
def test_columns_of_a_model_without_a_sample_go_by_their_names(applied: Project, name: str) -> None:
    assert answer(applied, "apply", "named", name) == pytest.approx([51, 12, 4])
    assert error(applied, "apply", "positions", name)["code"] == "bad-data"


def test_a_traceback_is_printed_where_it_is_asked_for(applied: Project) -> None:
    done = applied.mlem("apply", "score", "x.csv", "--threshold", "9", "--traceback")
    assert (done.returncode, "Traceback (most recent call last)" in done.stderr) == (2, True)


def test_columns_that_nobody_asked_for_are_noted_or_refused(applied: Project) -> None:
    (applied.folder / "more.csv").write_text("id,name,value\n1,a,2\n")
    done = applied.mlem("apply", "values", "more.csv")
    assert (done.stdout, done.stderr) == (
        "[2.0]\n",
        'note: the column "id" is not one of the model\'s, and was left out\n',
    )
    assert error(applied, "apply", "values", "more.csv", "--strict")["code"] == "bad-data"


def test_help_of_the_command_imports_no_data_library(applied: Project) -> None:
    code = "import sys; from mlem.cli.main import main\ntry:\n    main(['apply', '--help'])\nfinally:\n"
    code += "    print({'pandas', 'numpy', 'pyarrow'} & set(sys.modules))"
    done = applied.python("-c", code)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "set()")


def test_a_large_table_is_asked_for_in_parts_with_the_same_answers(applied: Project) -> None:
    (applied.folder / "many.csv").write_text("".join(f"text {number}\n" for number in range(2500)))
    for source in ("many.csv", "many.csv.gz"):
        if source.endswith(".gz"):
            assert (
                applied.python(
                    "-c", "import gzip; gzip.open('many.csv.gz', 'wb').write(open('many.csv', 'rb').read())"
                ).returncode
                == 0
            )
        done = applied.mlem("deployment", "apply", "texts-app", source, "-o", "many.jsonl", "--batch-rows", "1000")
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in (applied.folder / "many.jsonl").read_text().splitlines()]
        assert answers == [f"TEXT {number}" for number in range(2500)]
