// Call the models by the clients that @hey-api/openapi-ts makes.
import { client as irisClient } from "./iris/client/client.gen";
import { predict, predictProba } from "./iris/client/sdk.gen";
import type { IrisRow, PredictAnswer } from "./iris/client/types.gen";
import { client as ordersClient } from "./my_orders/client/client.gen";
import * as orders from "./my_orders/client/sdk.gen";
import type { MyOrdersRow } from "./my_orders/client/types.gen";
import { client as paintClient } from "./paint/client/client.gen";
import * as paint from "./paint/client/sdk.gen";
import { client as sumsClient } from "./sums/client/client.gen";
import * as sums from "./sums/client/sdk.gen";
import { client as tellerClient } from "./teller/client/client.gen";
import * as teller from "./teller/client/sdk.gen";

const url = Object.fromEntries(process.argv.slice(2).map((argument) => argument.split(/=(.*)/).slice(0, 2)));

async function main(): Promise<void> {
  const answers: Record<string, unknown> = {};
  irisClient.setConfig({ baseUrl: url.iris });
  ordersClient.setConfig({ baseUrl: url.my_orders });
  paintClient.setConfig({ baseUrl: url.paint });
  sumsClient.setConfig({ baseUrl: url.sums });
  tellerClient.setConfig({ baseUrl: url.teller });

  const rows: IrisRow[] = [[1.4, 0.2], [6.0, 2.5]].map(([length, width]) => ({
    "sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": length, "petal width (cm)": width,
  }));
  const classes: PredictAnswer | undefined = (await predict({ body: { X: rows } })).data;
  answers.classes = classes;
  answers.probabilities = (await predictProba({ body: { X: rows } })).data;
  const refused = await predict({ body: { X: [] } });
  answers.refused = refused.error?.error.code;
  answers.sums = (await sums.predict({ body: { X: [[1.0, 2.5], [3.0, 4.0]] } })).data;

  const first: MyOrdersRow = {
    "a b": null, a_b: 3, class: null, été: true, "1st": 1, Request: 0.5, 日本: 7, when: "2024-02-29T12:00:00", kind: "v",
  };
  answers.orders = (await orders.predict({ body: { frame: [first], scale: 2.0 } })).data;
  answers.first = (await orders.predictProba({ body: { frame: [first] } })).data;
  answers.second = (await orders.predictProba2({ body: { frame: [first] } })).data;
  answers.echoed = (await orders.echo({ body: { frame: [first] } })).data;
  answers.picture = (
    await paint.predict({
      body: {
        point: { x: 1.5, y: 2.0, label: "there" }, colour: "blue", when: "2024-02-29", blob: "YmxvYg==",
        pair: [1, "one"], by_name: { a: [1.0, 2.0] }, either: 5, kind: "thick",
      },
    })
  ).data;
  answers.items = (await teller.predict({ body: { count: 2 }, headers: { Accept: "application/json" } })).data;
  console.log(JSON.stringify(answers));
}

void main();
