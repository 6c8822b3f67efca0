"""Call the models by the packages that openapi-python-client makes: its arguments are the models' addresses."""

from __future__ import annotations

import datetime
import json
import sys

import iris.iris_package.api.default.predict as iris_predict
import iris.iris_package.api.default.predict_proba as iris_proba
import my_orders.my_orders_package.api.default.echo as orders_echo
import my_orders.my_orders_package.api.default.predict as orders_predict
import my_orders.my_orders_package.api.default.predict_proba as orders_first
import my_orders.my_orders_package.api.default.predict_proba_2 as orders_second
import paint.paint_package.api.default.predict as paint_predict
import sums.sums_package.api.default.predict as sums_predict
import teller.teller_package.api.default.predict as teller_predict
from iris.iris_package.client import Client as Iris
from iris.iris_package.models.iris_row import IrisRow
from iris.iris_package.models.predict_proba_request import PredictProbaRequest
from iris.iris_package.models.predict_request import PredictRequest
from iris.iris_package.models.problem import Problem
from my_orders.my_orders_package import models as orders
from my_orders.my_orders_package.client import Client as Orders
from paint.paint_package import models as painted
from paint.paint_package.client import Client as Paint
from sums.sums_package import models as sums
from sums.sums_package.client import Client as Sums
from teller.teller_package import models as told
from teller.teller_package.client import Client as Teller

url = dict(argument.split("=", 1) for argument in sys.argv[1:])
answers: dict[str, object] = {}

iris = Iris(base_url=url["iris"])
rows = [
    IrisRow(sepal_length_cm=5.1, sepal_width_cm=3.5, petal_length_cm=length, petal_width_cm=width)
    for length, width in ((1.4, 0.2), (6.0, 2.5))
]
answers["classes"] = iris_predict.sync(client=iris, body=PredictRequest(x=rows))
answers["probabilities"] = iris_proba.sync(client=iris, body=PredictProbaRequest(x=rows))
refused = iris_predict.sync(client=iris, body=PredictRequest(x=[]))
answers["refused"] = refused.error.code if isinstance(refused, Problem) else refused

answers["sums"] = sums_predict.sync(
    client=Sums(base_url=url["sums"]), body=sums.PredictRequest(x=[[1.0, 2.5], [3.0, 4.0]])
)

orders_client = Orders(base_url=url["my_orders"])
first = orders.MyOrdersRow(
    ab=None, a_b=3, class_=None, été=True, field_1st=1, request=0.5, 日本=7, when="2024-02-29T12:00:00", kind="v"
)
answers["orders"] = orders_predict.sync(client=orders_client, body=orders.PredictRequest(frame=[first], scale=2.0))
answers["first"] = orders_first.sync(client=orders_client, body=orders.PredictProbaRequest(frame=[first]))
answers["second"] = orders_second.sync(client=orders_client, body=orders.PredictProba2Request(frame=[first]))
echoed = orders_echo.sync(client=orders_client, body=orders.EchoRequest(frame=[first]))
answers["echoed"] = [row.to_dict() for row in echoed] if isinstance(echoed, list) else echoed

picture = paint_predict.sync(
    client=Paint(base_url=url["paint"]),
    body=painted.PredictRequest(
        point=painted.Point(x=1.5, y=2.0, label="there"),
        colour=painted.Colour.BLUE,
        when=datetime.date(2024, 2, 29),
        blob="YmxvYg==",
        pair=[1, "one"],
        by_name=painted.PredictRequestByName.from_dict({"a": [1.0, 2.0]}),
        either=5,
        kind=painted.PredictKind.THICK,
    ),
)
answers["picture"] = picture.to_dict() if isinstance(picture, painted.PredictAnswer) else picture

teller = Teller(base_url=url["teller"], headers={"Accept": "application/json"})
items = teller_predict.sync(client=teller, body=told.PredictRequest(count=2))
answers["items"] = [item.to_dict() for item in items] if isinstance(items, list) else items
print(json.dumps(answers))
