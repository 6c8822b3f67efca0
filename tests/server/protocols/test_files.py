"""CSV on SageMaker's /invocations: by the rule of files, and with what RFC 4180 lets a media type say.

Bytes and images as bodies.
"""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pandas
import pytest

from mlem_model.data.csv.table import CsvReader
from mlem_model.data.csv.text import CsvForm
from mlem_model.data.types.any import infer
from mlem_model.errors import UserError
from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save

PEOPLE = pandas.DataFrame({"name": ["Ann", "007"], "city": ["Rome", "true"], "age": [1.5, None]})


@pytest.fixture(scope="session")
def people(shared_starter: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model that tells what it was given."""

    def predict(d: Any) -> Any:
        return [[None if value != value else value for value in row] for row in d.to_numpy().tolist()]

    path = tmp_path_factory.mktemp("people") / "people"
    save(predict, path, sample_data=PEOPLE, model_types=(CallableModel,))
    return shared_starter.start(path)


@pytest.fixture(scope="session")
def texts(shared_starter: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model that writes texts in capitals."""

    def predict(x: list[str]) -> list[str]:
        return [text.upper() for text in x]

    path = tmp_path_factory.mktemp("texts") / "texts"
    save(predict, path, sample_data=["a", "b"], model_types=(CallableModel,))
    return shared_starter.start(path)


def invoke(served: Any, body: str | bytes, content_type: str = "text/csv") -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else body.encode()
    reply = served.request(
        "POST", "/invocations", content, {"content-type": content_type, "content-length": str(len(content))}
    )
    return reply.status, reply.json if reply.status == 200 else reply.json["error"]["code"]


ANN = [["Ann", "Rome", 1.5]]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("name,city,age\nAnn,Rome,1.5\n", "text/csv"),
        ("age,city,name\n1.5,Rome,Ann\n", "text/csv"),
        ("age;city;name\n1.5;Rome;Ann\n", "text/csv"),
        ("Ann,Rome,1.5\n", "text/csv"),
        ("Ann,Rome,1.5\n", "text/csv; header=absent"),
        ("name,city,age\nAnn,Rome,1.5\n", 'text/csv;header="present";charset=utf-8'),
        ("Ann;Rome;1,5\n", 'text/csv; separator=";"; decimal=","'),
        ("Ann,Rome,1.5\n", "text/csv; label_size=0"),
        ('"","name","city","age"\n"1","Ann","Rome",1.5\n', "text/csv"),
        ("name,city,age\r\nAnn,Rome,1.5\r\n".encode("utf-16"), "text/csv"),
    ],
)
def test_a_table_is_read_with_and_without_names(people: Any, body: str | bytes, content_type: str) -> None:
    assert invoke(people, body, content_type) == (200, ANN)


def test_text_stays_text_and_missing_is_missing(people: Any) -> None:
    assert invoke(people, "name,city,age\n007,true,NA\nnan,,\n") == (200, [["007", "true", None], ["nan", None, None]])
    body = "name,city,age\nÄnn,Rome,1\n".encode("latin-1")
    assert invoke(people, body, "text/csv; charset=iso-8859-1") == (200, [["Änn", "Rome", 1.0]])


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("City,Name,Age\nRome,Ann,1\n", "text/csv", 422, "bad-header"),
        ("city,naem,age\nRome,Ann,1\n", "text/csv", 422, "bad-header"),
        ("Nom,Ville,Ans\nAnn,Rome,1\n", "text/csv", 422, "bad-data"),
        ("Ann,Rome\n", "text/csv", 422, "bad-header"),
        ("name,city,age\nAnn,Rome,1\n", "text/csv; header=absent", 422, "bad-header"),
        ("Ann,Rome,1\n", "text/csv; header=present", 422, "bad-header"),
        ('name,city,age\nAnn,"Rome,1\n', "text/csv", 400, "bad-csv"),
        ("name,city,age\nAnn,Rome\n", "text/csv", 400, "bad-csv"),
        ("", "text/csv", 400, "empty-data"),
        ("name,city,age\nÄnn,Rome,1\n".encode("latin-1"), "text/csv", 400, "bad-encoding"),
        (gzip.compress(b"name,city,age\nAnn,Rome,1\n", mtime=0), "text/csv", 400, "bad-csv"),
        ("Ann,Rome,1\n", "text/csv; header=maybe", 415, "bad-content-type"),
        ("Ann,Rome,1\n", "text/csv; charset=klingon", 415, "bad-content-type"),
        ("Ann,Rome,1\n", "text/csv; charset=idna", 415, "bad-content-type"),
        ("Ann,Rome,1\n", "text/csv; haeder=absent", 415, "bad-content-type"),
        ("Ann,Rome,1\n", 'text/csv; header="absent', 415, "bad-content-type"),
        ("Ann,Rome,1\n", "text/csv; label_size=1", 415, "bad-content-type"),
        ("[]", "application/json; charset=utf-16", 415, "bad-content-type"),
    ],
)
def test_a_table_that_is_not_told_is_refused(
    people: Any, body: str | bytes, content_type: str, status: int, code: str
) -> None:
    assert invoke(people, body, content_type) == (status, code)


def test_a_list_of_texts_is_answered_line_by_line(texts: Any) -> None:
    assert invoke(texts, "good\nbad\nugly\n") == (200, ["GOOD", "BAD", "UGLY"])
    assert invoke(texts, "007\ntrue\nnan\n") == (200, ["007", "TRUE", "NAN"])
    assert invoke(texts, "x\nbad\n") == (422, "bad-header")
    assert invoke(texts, "x\nbad\n", "text/csv; header=present") == (200, ["BAD"])


@pytest.mark.parametrize(
    "body",
    [
        "name,city,age\n007,true,NA\n",
        "city,name,age\nRome,NA,1\n",
        "City,name,age\nRome,NA,1\n",
        "name;city;age\n1;2;3\n",
    ],
)
def test_the_command_line_reads_the_same_of_the_same_bytes(people: Any, body: str) -> None:
    try:
        rows = CsvReader(infer(PEOPLE), CsvForm()).read(io.BytesIO(body.encode()))
    except UserError:
        assert invoke(people, body)[0] == 422
    else:
        assert invoke(people, body) == (200, [[row["name"], row["city"], row["age"]] for row in rows])


def test_a_file_of_any_format_has_its_notes_and_may_be_held_to_the_letter(starter: Any, tmp_path: Path) -> None:
    save(
        lambda d: d["a"].tolist(),
        tmp_path / "a",
        sample_data=pandas.DataFrame({"a": [1.0, 2.0]}),
        model_types=(CallableModel,),
    )
    more = pandas.DataFrame({"a": [1.0], "b": [2.0]})
    parquet = io.BytesIO()
    more.to_parquet(parquet)
    bodies = {
        "text/csv": more.to_csv(index=False).encode(),
        "application/jsonlines": more.to_json(orient="records", lines=True).encode(),
        "application/x-parquet": parquet.getvalue(),
    }
    free, strict = starter.start(tmp_path / "a"), starter.start(tmp_path / "a", "--strict")
    for media_type, body in bodies.items():
        reply = free.request("POST", "/invocations", body, {"content-type": media_type})
        assert (reply.json, json.loads(reply.headers["mlem-notes"])) == (
            [1.0],
            ['the column "b" is not one of the model\'s, and was left out'],
        )
        assert strict.request("POST", "/invocations", body, {"content-type": media_type}).status == 422


@pytest.fixture(scope="session")
def size(shared_starter: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model that counts bytes."""

    def predict(content: bytes, add: int = 0) -> int:
        return len(content) + add

    path = tmp_path_factory.mktemp("size") / "size"
    save(predict, path, sample_data=b"ab", model_types=(CallableModel,))
    return shared_starter.start(path)


@pytest.mark.parametrize("path", ["/predict", "/invocations"])
def test_bytes_are_sent_as_they_are(size: Any, path: str) -> None:
    for content in (b"\0\xff{", b"", b"x" * 100_000):
        headers = {"content-type": "application/octet-stream", "content-length": str(len(content))}
        reply = size.request("POST", path, content, headers)
        assert (reply.status, reply.json) == (200, len(content))
    assert size.post("/predict", {"content": "YWI=", "add": 3}).json == 5
    assert size.request("POST", path, b"x", {"content-type": "image/png"}).status == 415


@pytest.mark.parametrize("path", ["/predict", "/invocations"])
def test_images_are_sent_as_they_are(starter: Any, tmp_path: Path, path: str) -> None:
    from PIL import Image

    def predict(img: Any) -> Any:
        return [*img.size, *img.getpixel((1, 0))]

    image = Image.new("RGB", (3, 2), (128, 128, 128))  # JPEG keeps such a grey
    save(predict, tmp_path / "img", sample_data=image, model_types=(CallableModel,))
    served = starter.start(tmp_path / "img")
    for kind in ("PNG", "JPEG"):
        buffer = io.BytesIO()
        image.resize((5, 4)).save(buffer, kind, quality=100)
        reply = served.request("POST", path, buffer.getvalue(), {"content-type": f"image/{kind.lower()}"})
        assert (reply.status, reply.json) == (200, [5, 4, 128, 128, 128])
    reply = served.request("POST", path, b"no image", {"content-type": "image/png"})
    assert (reply.status, reply.json["error"]["code"]) == (422, "bad-data")
