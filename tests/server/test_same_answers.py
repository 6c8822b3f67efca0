"""What is deployed answers as the model does: the local answer and the one over HTTP are compared whole."""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from scipy import sparse
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from mlem.clients.http import HttpClient
from mlem_model.data.types.any import difference
from mlem_model.errors import DataError, UserError
from mlem_model.frameworks.callable import CallableModel, ObjectModel
from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.model import Model
from mlem_model.models.saving import save

TYPES = (SklearnModel, ObjectModel, CallableModel)
Deploy = Callable[..., HttpClient]


@pytest.fixture
def deploy(starter: Any, tmp_path: Path) -> Iterator[Deploy]:
    """Save a model, serve it in a process of its own, and return a client."""
    clients: list[HttpClient] = []

    def start(obj: Any, sample: Any = None, *options: str, **how: Any) -> HttpClient:
        path = tmp_path / f"model{len(clients)}"
        model = save(obj, path, sample_data=sample, model_types=TYPES, **how)
        assert isinstance(model, Model)
        client = HttpClient(url=starter.start(path, *options).url)
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.close()


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


@dataclasses.dataclass
class Point:
    x: float
    label: str = "none"


class Flat(TypedDict, total=False):
    rooms: int
    area: float


def sizes(data: Any) -> list[int]:
    return [len(item) for item in data["blob"]]


def add(data: Any) -> Any:
    return (data.index.to_numpy() + data["v"]).tolist()


def kinds(data: Any) -> list[str]:
    return [type(item).__name__ for item in data["f"]]


SHOP = pd.DataFrame({"v": [1.0, 2.0]}, index=[100, 200])


@pytest.mark.parametrize(
    ("function", "sample", "others"),
    [
        (sizes, pd.DataFrame({"blob": [b"abcdef", b"gh"]}), []),
        (add, SHOP, [SHOP * 3]),
        (kinds, pd.DataFrame({"f": pd.Series(["a", None], dtype=object)}), []),
        (kinds, pd.DataFrame({"f": pd.Series(["a", float("nan")], dtype=object)}), []),
        (kinds, pd.DataFrame({"f": pd.Series([1, "a", 2.5, None, b"x", date(2024, 1, 1)], dtype=object)}), []),
        (lambda data: data.index.name, pd.DataFrame({"v": [1]}, index=pd.Index([7], name="id")), []),
        (
            lambda data: data.index.strftime("%d").tolist(),
            pd.Series([1.0, 2.0], index=pd.date_range("2024-01-01", periods=2)), [],
        ),
        (lambda data: data.set_index("id", drop=False), pd.DataFrame({"id": [5, 6], "v": [1.0, 2.0]}), []),
        (lambda data: data[data.v > 1.0], pd.DataFrame({"v": [0.0, 2.0]}), [pd.DataFrame({"v": [2.0, 2.0]})]),
        (
            lambda data: data.columns.tolist(),
            pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])), [],
        ),
        (
            lambda data: list(data.columns),
            pd.DataFrame({'a"b': [1.0], "c\nd": [2.0], "e\\f": [3.0], "g\th": [4.0]}), [],
        ),
        (lambda item: type(item).__name__, Color.RED, [Color.BLUE]),
        (lambda rights: rights | Right.READ, Right.WRITE, [Right.READ | Right.WRITE, Right(0)]),
        (lambda rows: rows.shape, np.zeros((0, 8, 6, 3)), [np.zeros((2, 8, 6, 3))]),
        (lambda item: (type(item).__name__, item.x), Point(1.5, "a"), [Point(2)]),
        (lambda items: [type(item).__name__ for item in items], [Point(1.5), Color.RED, None], []),
        (lambda items: sorted(items), {"b", "a"}, [set(), {"c"}]),
        (lambda item: {np.int64(1): item}, 3, [4]),
        (
            lambda matrix: matrix @ np.ones(3), sparse.csr_matrix(np.eye(3)),
            [sparse.csr_matrix(np.arange(6.0).reshape(2, 3))],
        ),
        (lambda rows: sparse.csr_matrix(rows * 2), np.eye(2), []),
        (lambda image: image.size, Image.new("RGB", (4, 3)), [Image.new("RGB", (9, 1))]),
        (lambda image: image.rotate(90, expand=True), Image.new("L", (4, 3), 7), []),
        (lambda frame: frame.select(pl.col("a").sum()), pl.DataFrame({"a": [1, 2], "b": ["x", None]}), []),
        (lambda content: len(content), b"\x00\xffab", [b""]),
        (lambda text: f"{text}!", "a", ["", "ü\n"]),
        (lambda day: day.isoformat(), date(2024, 2, 29), []),
        (lambda rows: np.ma.masked_array(rows, mask=rows > 2), np.array([1.0, 5.0]), [np.array([9.0, 0.0])]),
    ],
)  # fmt: skip
def test_a_model_answers_as_here(deploy: Deploy, function: Any, sample: Any, others: list[Any]) -> None:
    client = deploy(function, sample)
    for value in [sample, *others]:
        assert difference(function(value), client.predict(value)) is None


@pytest.mark.parametrize(
    ("function", "sample", "others"),
    [
        (lambda x: {1: 10}.get(x), 1, [2, 1]),
        (lambda x: {"a": 1, **({"b": 2.5} if x else {})}, False, [True]),
        (lambda x: x if x > 1 else "small", 2, [1, 3]),
        (lambda x: [1, None][:x], 1, [2]),
        (lambda x: np.array([1, np.nan]) if x else np.array([1, 2]), False, [True]),
        (lambda x: np.array([1, 2]) if x else 5, False, [True]),
        (lambda x: pd.DataFrame({"a": [1, 2]}) if x else pd.DataFrame({"a": [1.5], "b": ["x"]}), True, [False]),
        (lambda x: pd.DataFrame({"a": [1, 2]}, index=[5, 6] if x else None), False, [True]),
        (lambda x: pd.Series(pd.Categorical(["lo", "new" if x else "lo"])), False, [True]),
        (lambda keys: pd.Series({"a": 1, "b": 2}).reindex(keys).reset_index(drop=True), ["a", "b"], [["a", "z"]]),
        (lambda x: (1, 2) if x else [1], False, [True]),
        (lambda x: None if x else 1.0, False, [True]),
    ],
)  # fmt: skip
def test_an_answer_of_another_type_than_the_samples_goes_out_as_it_is(
    deploy: Deploy, function: Any, sample: Any, others: list[Any]
) -> None:
    client = deploy(function, sample)
    for value in [sample, *others]:
        assert difference(function(value), client.predict(value)) is None


def half(x: float) -> float:
    return x / 2


def mode(way: Literal["fast", "exact"], k: int | None = None) -> str:
    return f"{way} {k}"


def rooms(flat: Flat) -> int:
    return flat.get("rooms", 0)


def test_annotations_tell_the_types_before_the_sample_does(deploy: Deploy) -> None:
    client = deploy(half, 2)
    assert [client.predict(2.5), client.predict(3)] == [1.25, 1.5]
    client = deploy(mode, {"way": "fast"})
    assert [client.predict("exact"), client.predict("fast", 3), client.predict("fast", k=None)] == [
        "exact None",
        "fast 3",
        "fast None",
    ]
    with pytest.raises(DataError, match=r"way: expected one of 'fast', 'exact', got 'fst'"):
        client.predict("fst")
    client = deploy(rooms, {"rooms": 3})
    assert [client.predict({"area": 20}), client.predict({})] == [0, 0]


def test_several_samples_unite_and_a_null_says_nothing(deploy: Deploy) -> None:
    client = deploy(
        lambda people: [person.get("age") for person in people], [{"name": "a", "age": None}, {"name": "b"}]
    )
    assert client.predict([{"name": "c", "age": 41}, {"name": "d"}, {"name": "e", "age": None}]) == [41, None, None]


def test_the_size_of_an_image_is_left_free_and_the_number_of_features_is_not(deploy: Deploy) -> None:
    client = deploy(lambda images: images.mean(axis=(1, 2)), np.zeros((2, 8, 8)))
    assert client.predict(np.ones((1, 5, 9))).tolist() == [1.0]
    client = deploy(lambda rows: rows @ np.ones(3), np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"expected an array of float64 of shape \(any, 3\)"):
        client.predict(np.zeros((2, 4)))


def test_a_signature_loosens_and_tightens_by_hand(deploy: Deploy) -> None:
    client = deploy(lambda x, y: x * y, {"x": 2, "y": 3}, signature={"x": float, "y": Literal[3, 4]})
    assert client.predict(2.5, 4) == 10.0
    with pytest.raises(DataError, match="y: expected one of 3, 4"):
        client.predict(1, 5)


PEOPLE = pd.DataFrame({"name": ["a", "b"], "age": [3, 4]})


@pytest.mark.parametrize(
    "body",
    [
        {"data": PEOPLE.to_dict("records")},
        {"data": json.loads(PEOPLE.to_json())},
        {"data": json.loads(PEOPLE.to_json(orient="index"))},
        json.loads(PEOPLE.to_json(orient="split")),
        json.loads(PEOPLE.to_json(orient="table")),
        {"dataframe_split": PEOPLE.to_dict("split")},
        {"dataframe_records": PEOPLE.to_dict("records")},
        {"instances": PEOPLE.to_dict("records")},
        {"inputs": PEOPLE.to_dict("list"), "params": {}},
        {"data": [["a", 3.0], ["b", 4]]},
        PEOPLE.to_dict("list"),
    ],
)  # fmt: skip
def test_requests_in_the_shapes_of_pandas_and_mlflow_are_read(served_people: Any, body: Any) -> None:
    assert served_people.post("/predict", body).json == ["a 3", "b 4"]
    assert served_people.post("/invocations", body).json == ["a 3", "b 4"]


def test_one_record_is_one_row(served_people: Any) -> None:
    assert served_people.post("/predict", {"name": "c", "age": 5}).json == ["c 5"]
    reply = served_people.post("/predict", "text")
    assert (reply.status, reply.json["error"]["hint"]) == (422, 'send {"data": "text"}')


@pytest.fixture
def served_people(starter: Any, tmp_path: Path) -> Any:
    path = tmp_path / "people"
    save(
        lambda data: [f"{name} {age}" for name, age in zip(data["name"], data["age"], strict=True)],
        path,
        sample_data=PEOPLE,
        model_types=TYPES,
    )
    return starter.start(path)


def test_a_column_too_many_is_left_out_with_a_note_or_refused(deploy: Deploy, caplog: pytest.LogCaptureFixture) -> None:
    def total(data: Any) -> float:
        return float(data["v"].sum())

    frame = pd.DataFrame({"v": [1.0, 2.0]})
    client = deploy(total, frame)
    assert client.predict(frame.assign(more=1)) == 3.0
    assert caplog.messages == ['predict: the column "more" is not one of the model\'s, and was left out']
    strict = deploy(total, frame, "--strict")
    with pytest.raises(DataError, match="more: expected one of the columns v, got an unknown column"):
        HttpClient(url=strict.url).call_encoded("predict", {"data": [{"v": 1.0, "more": 1}]})


def test_records_may_have_other_keys_where_the_model_takes_them(
    deploy: Deploy, caplog: pytest.LogCaptureFixture
) -> None:
    records = [{"city": "Bonn", "rooms": 2}, {"city": "Ulm"}, {"rooms": 1}]
    model = make_pipeline(DictVectorizer(), LinearRegression()).fit(records, [1.0, 2.0, 3.0])
    client = deploy(model, records)
    for rows in (records, [{"city": "Ulm", "pool": True}], [{"rooms": 3}, {}]):
        assert client.call("predict", rows) == pytest.approx(model.predict(rows))
    assert 'the key "pool" is not one of those that the model was saved with' in caplog.text
    careful = deploy(
        lambda rows: [dict(row, mlem=1) if set(row) <= {"a"} else 1 / 0 for row in rows], [{"a": 1}, {"a": 2}]
    )
    with pytest.raises(DataError, match="an unknown key"):
        careful.call("predict", [{"b": 1}])


def test_a_category_that_was_never_seen_is_what_the_model_makes_of_it(deploy: Deploy) -> None:
    def codes(data: Any) -> list[int]:
        return [int(code) for code in data["c"].cat.codes]

    client = deploy(codes, pd.DataFrame({"c": pd.Categorical(["lo", "hi"])}))
    assert client.predict(pd.DataFrame({"c": pd.Categorical(["hi", "new"])})) == [0, 2]


def test_whole_floats_fit_a_column_of_integers(deploy: Deploy) -> None:
    client = deploy(lambda data: data["n"].tolist(), pd.DataFrame({"n": [1, 2]}))
    assert client.predict(pd.DataFrame({"n": [3.0, 4.0]})) == [3, 4]
    large = pd.DataFrame({"n": np.arange(2000.0)})
    assert client.predict(large) == list(range(2000))


def test_a_model_that_writes_into_its_input_changes_nobodys(deploy: Deploy) -> None:
    class Writer:
        def predict(self, data: Any) -> Any:
            data["w"] = data.pop("v") * 2
            return data["w"].tolist()

        def names(self, data: Any) -> list[str]:
            return list(data.columns)

    frame = pd.DataFrame({"v": [1.0, 2.0]})
    client = deploy(Writer(), frame, methods=["predict", "names"])
    assert (list(frame.columns), client.predict(frame), client.names(frame)) == (["v"], [2.0, 4.0], ["v"])


def test_a_sample_that_is_kept_to_oneself_is_in_no_public_document(starter: Any, tmp_path: Path) -> None:
    save(lambda text: len(text), tmp_path / "m", sample_data="my secret text", public_sample=False, model_types=TYPES)
    served = starter.start(tmp_path / "m")
    documents = [served.get(path).body for path in ("/interface.json", "/openapi.json", "/docs")]
    assert [b"secret" in document for document in documents] == [False, False, False]


def decorated(function: Any) -> Any:
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


def test_functions_without_a_signature_of_their_own_are_called_as_the_sample_says(deploy: Deploy) -> None:
    assert deploy(decorated(lambda x: x + 1), 1).predict(4) == 5
    assert deploy(decorated(lambda a, b: a - b), (5, 3)).predict(9, 4) == 5
    assert deploy(lambda **values: sorted(values), {"b": 1, "a": 2}).predict(a=1, b=2) == ["a", "b"]


def test_an_object_with_methods_is_a_model(deploy: Deploy) -> None:
    class Shop:
        def predict(self, x: int) -> int:
            return x + 1

        def price(self, x: int, *, factor: float = 2.0) -> float:
            return x * factor

    client = deploy(Shop(), 3, methods=["predict", "price"])
    assert (client.predict(1), client.price(2), client.price(2, factor=0.5)) == (2, 4.0, 1.0)


def test_of_a_list_the_first_item_alone_is_kept_as_sample(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(3000)]
    model = save(lambda items: [len(item) for item in items], tmp_path / "m", sample_data=texts, model_types=TYPES)
    assert isinstance(model, Model)
    assert model.samples["predict"].args == {"items": ["text 0"]}


def test_a_list_that_the_model_needs_as_a_whole_is_kept_as_a_whole(tmp_path: Path) -> None:
    model = save(lambda vector: vector[0] * vector[2], tmp_path / "m", sample_data=[1.0, 2.0, 3.0], model_types=TYPES)
    assert isinstance(model, Model)
    assert (model.samples["predict"].args, model.samples["predict"].returns) == ({"vector": [1.0, 2.0, 3.0]}, 3.0)


def test_a_large_sample_is_beside_the_metadata_and_is_asked_all_the_same(starter: Any, tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((3, 64, 64, 3))
    save(lambda X: X.mean(axis=(1, 2, 3)), tmp_path / "m", sample_data=images, model_types=TYPES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "m.mlem", "m.samples.json"]
    assert (tmp_path / "m.mlem").stat().st_size < 4000
    served = starter.start(tmp_path / "m")
    assert served.get("/interface.json").json["samples"] == {}
    (tmp_path / "m.samples.json").write_text((tmp_path / "m.samples.json").read_text().replace("returns", "return_"))
    broken = starter.start(tmp_path / "m", wait=False)
    assert broken.process.wait(60) != 0
    assert "is not the file that was saved" in broken.log


@pytest.mark.filterwarnings("ignore:m is saved without sample_data")
def test_without_a_sample_columns_go_by_their_names_or_not_at_all(starter: Any, tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame({"a": [1.0, 0.0, 2.0], "b": [0.0, 1.0, 5.0]})
    target = 10 * frame["a"] + frame["b"]
    save(LinearRegression().fit(frame, target), tmp_path / "m", model_types=TYPES)
    served = starter.start(tmp_path / "m")
    assert [round(value) for value in served.post("/predict", {"X": [{"b": 4, "a": 5}]}).json] == [54]
    reply = served.request("POST", "/invocations", b"b,a\n4,5\n", {"content-type": "text/csv"})
    assert [round(value) for value in reply.json] == [54]
    save(LinearRegression().fit(frame.to_numpy(), target), tmp_path / "m", model_types=TYPES)
    served = starter.start(tmp_path / "m")
    reply = served.post("/predict", {"X": [{"b": 4, "a": 5}]})
    assert (reply.status, reply.json["error"]["got"]) == (422, "the columns b, a")


def twice(x: float) -> float:
    return x * 2


@pytest.mark.parametrize(
    ("function", "sample", "others"),
    [
        (twice, 3, [4.5, 2.0]),
        (lambda x: x, 1, [2.0, -0.0]),
        (lambda x: [x], 1, [2.0]),
        (lambda x: {"s": x}, 1, [2.0]),
        (lambda d: pd.get_dummies(d["c"]), pd.DataFrame({"c": ["x", "y"]}), [pd.DataFrame({"c": ["z"]})]),
        (
            lambda d: d.T,
            pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}),
            [pd.DataFrame({"a": [1.0], "b": [float("nan")]})],
        ),
        (
            lambda d: d.dropna(axis=1),
            pd.DataFrame({"a": [1.0, None], "b": [1.0, 2.0]}),
            [pd.DataFrame({"a": [2.0], "b": [1.0]})],
        ),
    ],
)
def test_a_number_keeps_its_class_and_a_frame_its_columns(
    deploy: Deploy, function: Any, sample: Any, others: list[Any]
) -> None:
    client = deploy(
        function, sample, **({} if function is twice else {"signature": {"x": Any}} if isinstance(sample, int) else {})
    )
    for value in others:
        here, there = function(value), client.predict(value)
        assert difference(here, there) is None
        assert json.dumps(here, default=str) == json.dumps(there, default=str) or isinstance(here, pd.DataFrame)


def test_a_signature_of_an_argument_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='predict has no argument "y"'):
        save(lambda x: x, tmp_path / "m", sample_data=1, signature={"y": float}, model_types=TYPES)


def test_data_that_can_not_be_saved_says_what_of_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='two columns of the name "a"'):
        save(pd.DataFrame([[1, 2]], columns=["a", "a"]), tmp_path / "m", model_types=TYPES)


def wrapped(function: Any) -> Any:
    @functools.wraps(function)
    def inner(X: Any) -> Any:
        return function(X)

    return inner


@wrapped
def plus_one(rows: list[int]) -> list[int]:
    return [row + 1 for row in rows]


def test_a_function_that_is_wrapped_under_other_names_is_called(deploy: Deploy) -> None:
    assert deploy(plus_one, [1, 2]).predict([5]) == [6]


def test_a_missing_value_of_another_kind_is_noted(deploy: Deploy, caplog: pytest.LogCaptureFixture) -> None:
    client = deploy(kinds, pd.DataFrame({"f": pd.Series(["a", None], dtype=object)}))
    assert client.predict(pd.DataFrame({"f": pd.Series([float("nan"), "b"], dtype=object)})) == ["NoneType", "str"]
    assert caplog.messages == ["predict: data[].f: a missing value that is NaN reaches the model as None"]


def test_a_column_of_mixed_categories_is_carried(deploy: Deploy) -> None:
    frame = pd.DataFrame({"c": pd.Categorical([1, "a", None])})
    assert deploy(lambda data: [str(item) for item in data["c"]], frame).predict(frame) == ["1", "a", "nan"]


@pytest.mark.parametrize(
    "function",
    [lambda data: data["a"] * 2, lambda data: data[["a"]] + 1.0, lambda data: data.assign(b=data["a"].astype(str))],
)
def test_an_index_that_the_model_hands_on_is_the_callers_again(deploy: Deploy, function: Any) -> None:
    client = deploy(function, pd.DataFrame({"a": [1.0, 2.0, 3.0]}))
    rows = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=["x", "y", "z"]).iloc[1:]
    for value in (rows, rows.reset_index(drop=True), pd.DataFrame({"a": [1.0]}, index=[7])):
        assert difference(function(value), client.predict(value)) is None


def test_an_answer_with_an_index_of_its_own_keeps_it(deploy: Deploy) -> None:
    def fresh(data: Any) -> Any:
        return pd.Series([1.0] * len(data))

    rows = pd.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"])
    client = deploy(fresh, pd.DataFrame({"a": [1.0, 2.0]}))
    assert difference(fresh(rows), client.predict(rows)) is None
