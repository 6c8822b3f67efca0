from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlem_model.artifacts.artifact import Artifact
from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.data.types.any import DataFrameType, NdarrayType, PrimitiveType, UnspecifiedType
from mlem_model.errors import DataError, DeclarationError, PlatformError, PluginError, UserError
from mlem_model.models.model import Argument, Method, Model, Sample
from mlem_model.objects.yaml_file import dump, parse_mapping
from mlem_model.plugins.registry import registry
from mlem_model.serving.interface import Interface

NUMBER = PrimitiveType(ptype="float")
SCALE = Method(
    name="__call__",
    args=(
        Argument(name="x", data_type=NUMBER, kind="positional_only"),
        Argument(name="by", data_type=NUMBER),
        Argument(name="plus", data_type=NUMBER, required=False, default=0.0, kind="keyword_only"),
    ),
    returns=NUMBER,
)
DOUBLE = Method(name="double", args=(Argument(name="X", data_type=NUMBER),), returns=NUMBER)
WORDS = ", ".join(sorted(registry().all("data_type")))
MODEL = Model(
    model_type="callable",
    artifacts={"data": Artifact(uri="scale", size_bytes=3, sha256="a" * 64)},
    methods={"predict": SCALE, "double": DOUBLE},
    samples={"predict": Sample(args={"x": 1.0, "by": 2.0}, returns=2.0)},
    requirements=(Requirement(module="sklearn", version="1.9.1", package_name="scikit-learn"),),
    python="3.11.7",
)

RF_OF_04: dict[str, Any] = {
    "artifacts": {"data": {"hash": "0d8663a87b6920572105d062ab38a3e8", "size": 6545, "uri": "rf"}},
    "call_orders": {"predict": [["model", "predict"]]},
    "object_type": "model",
    "processors": {
        "model": {
            "type": "sklearn",
            "methods": {
                "predict": {
                    "args": [
                        {
                            "name": "X",
                            "type_": {"columns": ["a"], "dtypes": ["float64"], "index_cols": [], "type": "dataframe"},
                        }
                    ],
                    "name": "predict",
                    "returns": {"dtype": "int64", "shape": [None], "type": "ndarray"},
                }
            },
        }
    },
    "requirements": [
        {"module": "sklearn", "package_name": "scikit-learn", "version": "1.3.2"},
        {"module": "numpy", "version": "1.26.4"},
    ],
}


def changed(data: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(data))
    *parents, last = path.split(".")
    inner: Any = copy
    for part in parents:
        inner = inner[int(part)] if part.isdigit() else inner[part]
    inner[last] = value
    return copy


def test_a_model_comes_back_from_its_file() -> None:
    text = dump(MODEL.to_data())
    assert Model.from_data(parse_mapping(text, "m.mlem"), "m.mlem") == MODEL


def test_the_digest_is_of_the_content_not_of_names() -> None:
    renamed = MODEL.model_copy(
        update={"artifacts": {"data": Artifact(uri="elsewhere/x", size_bytes=3, sha256="a" * 64)}}
    )
    other = MODEL.model_copy(update={"artifacts": {"data": Artifact(uri="scale", size_bytes=3, sha256="b" * 64)}})
    assert renamed.digest == MODEL.digest
    assert other.digest != MODEL.digest
    assert MODEL.model_copy(update={"params": {"alpha": 1}}).digest != MODEL.digest
    assert (len(MODEL.digest), set(MODEL.digest) <= set("0123456789abcdef")) == (32, True)


def test_a_requirement_says_what_pip_installs() -> None:
    assert MODEL.requirements[0].pip == "scikit-learn==1.9.1"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("modeltype", "x", "m.mlem: modeltype: unknown field"),
        (
            "artifacts.data.size_bytes",
            "big",
            'm.mlem: artifacts.data.size_bytes: expected an integer of at least 0, got "big"',
        ),
        (
            "methods.predict.returns",
            {"type": "tensor"},
            f"m.mlem: methods.predict.returns: expected a data type, with one of {WORDS} as its type; "
            'no installed package has "tensor"',
        ),
    ],
)
def test_a_broken_file_is_an_error_with_the_path_of_the_field(path: str, value: Any, message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Model.from_data(changed(MODEL.to_data(), path, value), "m.mlem")
    assert str(caught.value) == message


def test_the_metadata_of_mlem_04_is_translated() -> None:
    assert Model.from_data(RF_OF_04, "rf.mlem") == Model(
        model_type="sklearn",
        artifacts={"data": Artifact(uri="rf", size_bytes=6545, md5="0d8663a87b6920572105d062ab38a3e8")},
        methods={
            "predict": Method(
                name="predict",
                args=(Argument(name="X", data_type=DataFrameType(columns=("a",), dtypes=("float64",))),),
                returns=NdarrayType(shape=(None,), dtype="int64"),
            )
        },
        requirements=(
            Requirement(module="sklearn", version="1.3.2", package_name="scikit-learn"),
            Requirement(module="numpy", version="1.26.4", package_name="numpy"),
        ),
    )


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("processors.preprocess", {"type": "callable"}, "processors.preprocess"),
        ("processors.model.type", "callable", "processors.model.type"),
        ("processors.model.io", {"type": "torch_io"}, "processors.model.io.type"),
        ("processors.model.methods.predict.args.0.secret", 1, "processors.model.methods.predict.args.0.secret"),
        ("call_orders.predict", [["preprocess", "predict"], ["model", "predict"]], "call_orders.predict"),
        ("requirements.0.type", "unix", "requirements.0.type"),
        ("requirements.0.vcs", "git", "requirements.0.vcs"),
        ("artifacts.data.type", "dvc", "artifacts.data.type"),
        ("labels", [], "labels"),
    ],
)
def test_what_has_no_counterpart_in_mlem_04_is_named(path: str, value: Any, where: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Model.from_data(changed(RF_OF_04, path, value), "rf.mlem")
    assert str(caught.value).startswith(f"rf.mlem: {where}: ")


def test_an_interface_comes_back_from_json_without_the_model() -> None:
    interface = Interface.of(MODEL, "scale")
    assert Interface.parse(json.loads(json.dumps(interface.to_json()))) == interface
    assert interface.to_json()["methods"]["double"] == {
        "name": "double",
        "attribute": "double",
        "args": [
            {
                "name": "X",
                "data_type": {"type": "primitive", "ptype": "float"},
                "schema": NUMBER.json_schema(),
                "required": True,
                "default": None,
                "kind": "positional_or_keyword",
            }
        ],
        "returns": {"data_type": {"type": "primitive", "ptype": "float"}, "schema": NUMBER.json_schema()},
        "rowwise": False,
    }
    assert (interface.to_json()["model"], interface.digest) == (
        {"digest": MODEL.digest, "model_type": "callable", "name": "scale"},
        MODEL.digest,
    )


@pytest.mark.parametrize(
    "data", [None, [], {}, "x", {"version": "1", "methods": {}}, {"version": "0.4", "model": {}, "methods": {"a": 1}}]
)
def test_what_is_no_interface_is_refused(data: Any) -> None:
    with pytest.raises(PlatformError) as caught:
        Interface.parse(data, "http://x/interface.json")
    assert (str(caught.value), caught.value.code) == (
        "http://x/interface.json: not the interface of an mlem server",
        "not-a-mlem-server",
    )


def test_arguments_bind_by_position_and_by_name() -> None:
    interface = Interface.of(MODEL)
    assert interface.bind("predict", (1, 2.5)) == {"x": 1, "by": 2.5}
    assert interface.bind("predict", (1,), {"plus": 3, "by": 2}) == {"x": 1, "by": 2, "plus": 3}
    assert interface.bind("double", (), {"data": 4}) == interface.bind("double", (4,)) == {"X": 4}


@pytest.mark.parametrize(
    ("method", "args", "kwargs", "code", "message"),
    [
        ("predikt", (), {}, "unknown-method", 'the model has no method "predikt"'),
        ("predict", (1,), {}, "bad-arguments", "predict needs the argument by"),
        ("predict", (), {}, "bad-arguments", "predict needs the arguments x, by"),
        ("predict", (1, 2, 3), {}, "bad-arguments", "predict takes 2 arguments, got 3"),
        ("predict", (1, 2), {"pluss": 1}, "bad-arguments", 'predict has no argument "pluss"'),
        ("predict", (1, 2), {"by": 1}, "bad-arguments", 'predict got several values for the argument "by"'),
        ("double", ("x",), {}, "bad-data", "X: expected a number, got a string"),
    ],
)
def test_a_wrong_call_is_refused_before_it_is_sent(
    method: str, args: Any, kwargs: Any, code: str, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        Interface.of(MODEL).bind(method, args, kwargs)
    assert (caught.value.code, str(caught.value)) == (code, message)


def test_an_unknown_method_comes_with_the_known_ones() -> None:
    with pytest.raises(UserError) as caught:
        MODEL.method("predikt")
    assert (caught.value.known, caught.value.hint) == (("double", "predict"), 'did you mean "predict"?')


def test_a_request_is_decoded_by_name_or_by_the_name_that_mlem_04_sends() -> None:
    assert SCALE.decode_args({"x": 1, "by": 2}) == {"x": 1.0, "by": 2.0}
    assert DOUBLE.decode_args({"data": 1}) == DOUBLE.decode_args({"X": 1}) == {"X": 1.0}


@pytest.mark.parametrize(
    ("payload", "message", "hint"),
    [
        (5, "body: expected an object with the arguments X, got an integer", 'send {"X": 5}'),
        ([1], "body: expected an object with the arguments X, got a list", 'send {"X": [1]}'),
        ({}, "body.X: expected a value: the arguments are X, got nothing", 'send {"X": ...}'),
        ({"X": 1, "Y": 2}, "body.Y: expected one of the arguments X, got an unknown argument", 'send {"X": 1}'),
        ({"a": 1}, "body.a: expected one of the arguments X, got an unknown argument", 'send {"X": {"a": 1}}'),
        ({"X": "a"}, "X: expected a number, got a string", None),
    ],
)
def test_a_wrong_request_is_refused_with_the_right_shape(payload: Any, message: str, hint: str | None) -> None:
    with pytest.raises(DataError) as caught:
        DOUBLE.decode_args(payload)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_a_method_is_called_as_its_signature_allows() -> None:
    def scale(x: float, /, by: float, *, plus: float = 0.0) -> float:
        return x * by + plus

    assert SCALE.call(scale, {"x": 2.0, "by": 3.0, "plus": 1.0}) == 7.0
    assert SCALE.call(scale, {"x": 2.0, "by": 3.0}) == 6.0


def test_only_code_that_another_python_compiled_is_refused() -> None:
    compiled = Artifact(uri="m", size_bytes=1, code="3.9")
    model = MODEL.model_copy(update={"artifacts": {"data": compiled}})
    model.expect_python("3.9")
    MODEL.expect_python("3.12")
    with pytest.raises(PluginError) as caught:
        model.expect_python("3.12")
    assert (caught.value.code, caught.value.message, caught.value.hint) == (
        "other-python",
        "the model has code that Python 3.9 compiled, which Python 3.12 can't run",
        "use Python 3.9, or save the model again with Python 3.12",
    )


def test_an_error_that_gets_a_sentence_keeps_its_own_fields() -> None:
    error = DataError("data[3].age", "a number", "a text", hint="send numbers")
    error.add_note("seen by the test")
    extended = error.extended("release 1 serves again", "look at the data")
    assert (type(extended), extended.path, extended.expected, extended.got) == (
        DataError,
        "data[3].age",
        "a number",
        "a text",
    )
    assert str(extended) == "data[3].age: expected a number, got a text\nrelease 1 serves again"
    assert extended.__notes__ == ["seen by the test", "hint: look at the data"]
    assert (error.message, error.hint) == ("data[3].age: expected a number, got a text", "send numbers")


def test_unspecified_types_stay_in_the_file() -> None:
    model = MODEL.model_copy(update={"methods": {"predict": Method(name="__call__", returns=UnspecifiedType())}})
    assert model.to_data()["methods"] == {"predict": {"name": "__call__", "returns": {"type": "unspecified"}}}
    assert Model.from_data(model.to_data(), "m") == model


def test_importing_models_imports_no_framework() -> None:
    import subprocess
    import sys

    heavy = "'numpy', 'pandas', 'sklearn', 'cloudpickle', 'fsspec', 'click'"
    code = (
        "import sys, mlem_model.models.saving, mlem_model.serving.interface; "
        f"print(sorted({{{heavy}}} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(sys.prefix)
    )
    assert done.stdout == "[]\n"
