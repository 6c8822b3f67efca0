"""Call the models by what datamodel-code-generator makes for pydantic."""

from __future__ import annotations

import datetime
import json
import sys
import urllib.request

import iris.iris_models as iris
import my_orders.my_orders_models as orders
import paint.paint_models as painted
import sums.sums_models as sums
import teller.teller_models as told
from pydantic import BaseModel

url = dict(argument.split("=", 1) for argument in sys.argv[1:])


def post(address: str, body: BaseModel) -> bytes:
    """Call a method."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    data = body.model_dump_json(by_alias=True, exclude_unset=True).encode()
    with urllib.request.urlopen(urllib.request.Request(address, data, headers)) as reply:
        answer: bytes = reply.read()
    return answer


answers: dict[str, object] = {}
rows = [
    iris.IrisRow.model_validate(
        {"sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": length, "petal width (cm)": width}
    )
    for length, width in ((1.4, 0.2), (6.0, 2.5))
]
answers["classes"] = iris.PredictAnswer.model_validate_json(
    post(url["iris"] + "/predict", iris.PredictRequest(X=rows))
).model_dump()
answers["probabilities"] = iris.PredictProbaAnswer.model_validate_json(
    post(url["iris"] + "/predict_proba", iris.PredictProbaRequest(X=rows))
).model_dump()
array = sums.PredictRequest.model_validate({"X": [[1.0, 2.5], [3.0, 4.0]]})
answers["sums"] = sums.PredictAnswer.model_validate_json(post(url["sums"] + "/predict", array)).model_dump()

row = {
    "a b": None,
    "a_b": 3,
    "class": None,
    "été": True,
    "1st": 1,
    "Request": 0.5,
    "日本": 7,
    "when": "2024-02-29T12:00:00",
    "kind": "v",
}
order = orders.PredictRequest.model_validate({"frame": [row], "scale": 2.0})
answers["orders"] = orders.PredictAnswer.model_validate_json(post(url["my_orders"] + "/predict", order)).model_dump()
answers["echoed"] = orders.EchoAnswer.model_validate_json(
    post(url["my_orders"] + "/echo", orders.EchoRequest(frame=order.frame))
).model_dump(by_alias=True)

picture = painted.PredictRequest(
    point=painted.Point(x=1.5, y=2.0, label="there"),
    colour=painted.Colour.blue,
    when=datetime.date(2024, 2, 29),
    blob="YmxvYg==",
    pair=(1, "one"),
    by_name={"a": [1.0, 2.0]},
    either=5,
    kind=painted.PredictKind.thick,
)
answers["picture"] = painted.PredictAnswer.model_validate_json(post(url["paint"] + "/predict", picture)).model_dump(
    mode="json"
)
answers["items"] = told.PredictAnswer.model_validate_json(
    post(url["teller"] + "/predict", told.PredictRequest(count=2))
).model_dump()
print(json.dumps(answers))
