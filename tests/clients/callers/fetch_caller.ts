// Call the models with openapi-fetch, by the types that openapi-typescript makes.
import createClient from "openapi-fetch";
import type { components as Iris, paths as IrisPaths } from "./iris/model.js";
import type { components as Orders, paths as OrdersPaths } from "./my_orders/model.js";
import type { paths as PaintPaths } from "./paint/model.js";
import type { paths as SumsPaths } from "./sums/model.js";
import type { paths as TellerPaths } from "./teller/model.js";

const url = Object.fromEntries(process.argv.slice(2).map((argument) => argument.split(/=(.*)/).slice(0, 2)));

async function main(): Promise<void> {
  const answers: Record<string, unknown> = {};
  const iris = createClient<IrisPaths>({ baseUrl: url.iris });
  const rows: Iris["schemas"]["IrisRow"][] = [[1.4, 0.2], [6.0, 2.5]].map(([length, width]) => ({
    "sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": length, "petal width (cm)": width,
  }));
  const classes = await iris.POST("/predict", { body: { X: rows } });
  const numbers: number[] | undefined = classes.data;
  answers.classes = numbers;
  const probabilities = await iris.POST("/predict_proba", { body: { X: rows } });
  const table: number[][] | undefined = probabilities.data;
  answers.probabilities = table;
  const refused = await iris.POST("/predict", { body: { X: [] } });
  answers.refused = refused.error?.error.code;

  const sums = createClient<SumsPaths>({ baseUrl: url.sums });
  answers.sums = (await sums.POST("/predict", { body: { X: [[1.0, 2.5], [3.0, 4.0]] } })).data;

  const orders = createClient<OrdersPaths>({ baseUrl: url.my_orders });
  const first: Orders["schemas"]["MyOrdersRow"] = {
    "a b": null, a_b: 3, class: null, été: true, "1st": 1, Request: 0.5, 日本: 7, when: "2024-02-29T12:00:00", kind: "v",
  };
  answers.orders = (await orders.POST("/predict", { body: { frame: [first], scale: 2.0 } })).data;
  answers.first = (await orders.POST("/predictProba", { body: { frame: [first] } })).data;
  answers.second = (await orders.POST("/predict_proba", { body: { frame: [first] } })).data;
  answers.echoed = (await orders.POST("/echo", { body: { frame: [first] } })).data;

  const paint = createClient<PaintPaths>({ baseUrl: url.paint });
  answers.picture = (
    await paint.POST("/predict", {
      body: {
        point: { x: 1.5, y: 2.0, label: "there" }, colour: "blue", when: "2024-02-29", blob: "YmxvYg==",
        pair: [1, "one"], by_name: { a: [1.0, 2.0] }, either: 5, kind: "thick", factor: 2.0,
      },
    })
  ).data;

  const teller = createClient<TellerPaths>({ baseUrl: url.teller, headers: { Accept: "application/json" } });
  answers.items = (await teller.POST("/predict", { body: { count: 2 } })).data;
  const lines = await teller.POST("/predict", {
    body: { count: 2 }, parseAs: "text", headers: { Accept: "application/x-ndjson" },
  });
  answers.lines = String(lines.data).trim().split("\n").map((line) => JSON.parse(line));
  console.log(JSON.stringify(answers));
}

void main();
