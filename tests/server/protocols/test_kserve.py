"""KServe's protocol: its tensors as JSON and as bytes."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlem_model.data.types.any import infer
from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save
from mlem_server.inference.readiness import Health
from mlem_server.inference.service import CallService
from mlem_server.protocols.kserve import KServe
from mlem_server.protocols.server import kserve_routes

FRAME = pandas.DataFrame(
    {"sepal_length": [5.1, 6.3], "sepal_width": [3.5, 3.3], "petal_length": [1.4, 6.0], "petal_width": [0.2, 2.5]}
)
FRAME_TYPE = infer(FRAME)
MATRIX = numpy.array([[1.0, 2.0], [3.0, 4.5]])


@pytest.fixture(scope="session")
def words(shared_starter: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model that writes words in capitals."""

    def predict(x: list[str]) -> list[str]:
        return [word.upper() for word in x]

    path = tmp_path_factory.mktemp("words") / "words"
    save(predict, path, sample_data=["a"], model_types=(CallableModel,))
    return shared_starter.start(path)


def test_kserve_describes_server_and_model(iris: Any) -> None:
    assert iris.get("/v2/health/live").json == {"live": True}
    assert iris.get("/v2/health/ready").status == 200
    assert iris.get("/v2").json["name"] == "mlem-server"
    model = iris.get("/v2/models/iris").json
    assert model["inputs"][0] == {"name": "sepal_length", "datatype": "FP64", "shape": [-1]}
    assert model["outputs"] == [{"name": "predict", "datatype": "INT64", "shape": [-1]}]
    assert iris.get("/v2/models/iris/ready").status == 200
    assert iris.get("/v2/models/other").status == 404


def test_kserve_infers_with_a_tensor_for_each_column(iris: Any) -> None:
    inputs = [
        {"name": str(name), "datatype": "FP64", "shape": [2, 1], "data": column.tolist()}
        for name, column in FRAME.items()
    ]
    reply = iris.post("/v2/models/iris/infer", {"id": "7", "inputs": inputs})
    digest = iris.get("/interface.json").json["model"]["digest"]
    assert reply.json == {
        "model_name": "iris",
        "model_version": digest,
        "id": "7",
        "outputs": [{"name": "predict", "datatype": "INT64", "shape": [2], "data": [0, 2]}],
    }


def test_kserve_takes_a_matrix_flat_or_nested_and_names_the_method(iris: Any, sums: Any) -> None:
    for data in ([1.0, 2.0, 3.0, 4.5], MATRIX.tolist()):
        reply = sums.post(
            "/v2/models/sums/infer",
            {"inputs": [{"name": "input-0", "shape": [2, 2], "datatype": "FP64", "data": data}]},
        )
        assert reply.json["outputs"] == [{"name": "predict", "datatype": "FP64", "shape": [2], "data": [3.0, 7.5]}]
    inputs = [
        {"name": str(name), "datatype": "FP64", "shape": [2], "data": column.tolist()} for name, column in FRAME.items()
    ]
    reply = iris.post("/v2/models/iris/infer", {"inputs": inputs, "parameters": {"method": "predict_proba"}})
    assert (reply.json["outputs"][0]["shape"], reply.json["outputs"][0]["data"]) == (
        [2, 3],
        [1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    )


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ([], 422),
        ({"inputs": [1]}, 422),
        ({"inputs": [{"name": "X", "shape": [2, 2], "datatype": "FP64", "data": [1.0]}]}, 422),
        ({"inputs": [{"name": "X", "shape": "x", "datatype": "FP64", "data": [1.0]}]}, 422),
        ({"inputs": [{"name": "X", "shape": [1, 2], "datatype": "BYTES", "data": ["a", "b"]}]}, 422),
        ({"inputs": [], "parameters": {"method": "nothing"}}, 404),
        ({"inputs": [{"name": n, "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]} for n in ("X", "Y")]}, 422),
    ],
)
def test_kserve_refuses_what_does_not_fit(sums: Any, payload: Any, status: int) -> None:
    reply = sums.post("/v2/models/sums/infer", payload)
    assert reply.status == status
    assert reply.json["error"]


# KServe's binary tensors


def binary_request(document: dict[str, Any], *tensors: bytes) -> tuple[bytes, dict[str, str]]:
    head = json.dumps(document).encode()
    return b"".join((head, *tensors)), {
        "inference-header-content-length": str(len(head)),
        "content-type": "application/octet-stream",
    }


def tensor(content: bytes, name: str = "X", shape: list[int] | None = None, datatype: str = "FP64") -> dict[str, Any]:
    parameters = {"binary_data_size": len(content)}
    return {"name": name, "shape": shape or [2, 2], "datatype": datatype, "parameters": parameters}


def test_kserve_takes_and_gives_binary_tensors(sums: Any) -> None:
    content = MATRIX.astype("<f8").tobytes()
    body, headers = binary_request({"inputs": [tensor(content)], "parameters": {"binary_data_output": True}}, content)
    reply = sums.request("POST", "/v2/models/sums/infer", body, headers)
    size = int(reply.headers["inference-header-content-length"])
    output = json.loads(reply.body[:size])["outputs"][0]
    assert output == {"name": "predict", "datatype": "FP64", "shape": [2], "parameters": {"binary_data_size": 16}}
    assert numpy.frombuffer(reply.body[size:], "<f8").tolist() == [3.0, 7.5]
    assert sums.get("/v2").json["extensions"] == ["binary_tensor_data"]


def test_kserve_gives_binary_only_the_outputs_that_are_asked_for_so(sums: Any) -> None:
    for asked, whole in (({"binary_data": False}, True), ({"binary_data": True}, False)):
        outputs = [{"name": "predict", "parameters": asked}]
        inputs = [{"name": "X", "shape": [2, 2], "datatype": "FP64", "data": MATRIX.tolist()}]
        document = {"inputs": inputs, "outputs": outputs, "parameters": {"binary_data_output": whole}}
        reply = sums.post("/v2/models/sums/infer", document)
        assert ("inference-header-content-length" in reply.headers) is asked["binary_data"]


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "INT8", "UINT16", "INT64", "BOOL"])
def test_kserve_reads_every_datatype_of_numbers(sums: Any, datatype: str) -> None:
    dtype = {"FP16": "<f2", "FP32": "<f4", "INT8": "<i1", "UINT16": "<u2", "INT64": "<i8", "BOOL": "?"}[datatype]
    content = numpy.array([[1, 0], [1, 1]], dtype=dtype).tobytes()
    body, headers = binary_request({"inputs": [tensor(content, datatype=datatype)]}, content)
    reply = sums.request("POST", "/v2/models/sums/infer", body, headers)
    if datatype == "BOOL":  # which is not a number here, as in JSON
        assert reply.status == 422
    else:
        assert reply.json["outputs"][0]["data"] == [1.0, 2.0]


@given(
    st.binary(max_size=64),
    st.integers(0, 80),
    st.sampled_from(["FP64", "BYTES", "INT8", "BOOL", "nothing", None]),
    st.integers(-1, 64),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_kserve_refuses_bytes_that_are_no_tensors(
    sums: Any, content: bytes, header: int, datatype: str | None, size: int
) -> None:
    given_tensor = {**tensor(content), "datatype": datatype, "parameters": {"binary_data_size": size}}
    body, headers = binary_request({"inputs": [given_tensor]}, content)
    for length in (headers["inference-header-content-length"], str(header), "x"):
        reply = sums.request(
            "POST", "/v2/models/sums/infer", body, {**headers, "inference-header-content-length": length}
        )
        assert reply.status in (200, 400, 422)
        assert reply.status == 200 or isinstance(reply.json["error"], str)


def test_kserve_takes_strings_by_their_lengths(words: Any) -> None:
    def pack(*texts: str) -> bytes:
        return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)

    content = pack("a", "", "\u00e9t\u00e9")
    document = {"inputs": [tensor(content, "x", [3], "BYTES")], "parameters": {"binary_data_output": True}}
    reply = words.request("POST", "/v2/models/words/infer", *binary_request(document, content))
    assert reply.body[int(reply.headers["inference-header-content-length"]) :] == pack("A", "", "\u00c9T\u00c9")
    cut = content[:-1]
    refused = words.request(
        "POST", "/v2/models/words/infer", *binary_request({"inputs": [tensor(cut, "x", [3], "BYTES")]}, cut)
    )
    assert (refused.status, "BYTES" in refused.json["error"]) == (422, True)


TRITON = """
import json, sys, numpy, tritonclient.http as triton
url, rows = sys.argv[1], numpy.array(json.loads(sys.argv[2]))
client = triton.InferenceServerClient(url)
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("sums")
answers = []
for binary in (True, False):
    tensor = triton.InferInput("X", list(rows.shape), "FP64")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    outputs = None if binary else [triton.InferRequestedOutput("predict", binary_data=False)]
    answers.append(client.infer("sums", [tensor], outputs=outputs).as_numpy("predict").tolist())
wrong = triton.InferInput("X", [1, 3], "FP64")
wrong.set_data_from_numpy(numpy.zeros((1, 3)))
try:
    client.infer("sums", [wrong])
except triton.InferenceServerException as error:
    answers.append(str(error))
print(json.dumps(answers))
"""


def test_tritons_own_client_works(sums: Any) -> None:
    url = sums.url.removeprefix("http://")
    done = subprocess.run(
        [sys.executable, "-c", TRITON, url, json.dumps(MATRIX.tolist())],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[3.0, 7.5], [3.0, 7.5], "[422] X[0]: expected a list of 2 items, got 3 items"]


def test_the_table_has_the_routes_of_the_protocol(service: CallService, health: Health) -> None:
    table = [*kserve_routes("1.0", health.ready), *KServe(service, health, "iris", "d1").routes()]
    assert [(route.method, route.path, route.name, route.public, route.calls) for route in table] == [
        ("GET", "/v2", "", False, False),
        ("GET", "/v2/health/live", "", True, False),
        ("GET", "/v2/health/ready", "", True, False),
        ("GET", "/v2/models/iris", "", False, False),
        ("GET", "/v2/models/iris/ready", "", True, False),
        ("POST", "/v2/models/iris/infer", "infer", False, True),
    ]
