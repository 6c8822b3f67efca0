// The form of a model: made from what /interface.json says, so that it knows no model and needs no build.
"use strict";

const element = (id) => document.getElementById(id);
const MOST_ROWS = 200;
let model = null;
let token = sessionStorage.getItem("token") || "";

function headers() {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function open() {
  const reply = await fetch("/interface.json", { headers: headers() });
  if (reply.status === 401) {
    element("token-form").hidden = false;
    element("token-error").textContent = token ? "This token is not valid." : "";
    element("token").focus();
    return;
  }
  if (!reply.ok) throw new Error(`the server answers with ${reply.status}`);
  model = await reply.json();
  sessionStorage.setItem("token", token);
  element("token-form").hidden = true;
  const name = model.model.name || "Model";
  document.title = name;
  element("name").textContent = name;
  element("about").textContent = `${model.model.model_type} · ${model.model.digest} · mlem ${model.version}`;
  const methods = element("method");
  methods.replaceChildren(...Object.keys(model.methods).map((method) => new Option(method, method)));
  element("call").hidden = false;
  showMethod();
}

function showMethod() {
  const name = element("method").value;
  const sample = (model.samples[name] || { args: {} }).args;
  const fields = model.methods[name].args.map((argument) => argumentField(argument, sample[argument.name] ?? argument.default));
  element("arguments").replaceChildren(...fields);
  element("result").hidden = true;
  showCurl();
}

// Arguments: a fieldset with a function `value` that reads what was typed.

function argumentField(argument, given) {
  const type = argument.data_type;
  const field = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = argument.required ? argument.name : `${argument.name} (optional)`;
  field.append(legend);
  field.name = argument.name;
  const columns = columnsOf(argument);
  const editor = columns ? tableEditor(argument.name, columns, given, type.type === "ndarray") : singleEditor(argument, given);
  field.append(editor.node);
  field.value = editor.value;
  return field;
}

function columnsOf(argument) {
  const type = argument.data_type;
  if (type.type === "dataframe") {
    const properties = argument.schema.items.properties;
    return type.columns.map((column) => ({ name: String(column), schema: properties[String(column)] }));
  }
  if (type.type === "ndarray" && type.shape.length === 2 && type.shape[0] === null && type.shape[1] && type.shape[1] <= MOST_ROWS) {
    return Array.from({ length: type.shape[1] }, (_, index) => ({ name: String(index), schema: argument.schema.items.items }));
  }
  return null;
}

function tableEditor(name, columns, given, positional) {
  const node = document.createElement("div");
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const column of columns) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = column.name;
    head.append(cell);
  }
  const body = table.createTBody();
  const addRow = (values) => {
    const row = body.insertRow();
    for (const [index, column] of columns.entries()) {
      const value = values ? (positional ? values[index] : values[column.name]) : null;
      row.insertCell().append(cellInput(column.schema, value, `${name}, row ${body.rows.length}, ${column.name}`));
    }
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Remove";
    remove.ariaLabel = `Remove row ${body.rows.length}`;
    remove.onclick = () => { row.remove(); showCurl(); };
    row.insertCell().append(remove);
  };
  for (const values of Array.isArray(given) && given.length ? given : [null]) addRow(values);
  const add = document.createElement("button");
  add.type = "button";
  add.textContent = "Add a row";
  add.onclick = () => {
    const rows = read();
    addRow(rows.length ? rows[rows.length - 1] : null);
    body.rows[body.rows.length - 1].querySelector("input, select").focus();
    showCurl();
  };
  const read = () => [...body.rows].map((row) => {
    const values = columns.map((column, index) => readCell(row.cells[index].firstChild));
    return positional ? values : Object.fromEntries(columns.map((column, index) => [column.name, values[index]]));
  });
  scroll.append(table);
  node.append(scroll, add);
  return { node, value: read };
}

function kindOf(schema) {
  if (schema.enum && !schema.enum.includes("NaN")) return "enum";
  const types = [schema.type, ...(schema.anyOf || []).map((one) => one.type)].flat().filter(Boolean);
  if (types.includes("boolean")) return "boolean";
  if (types.includes("integer")) return "integer";
  if (types.includes("number")) return "number";
  return types.includes("string") ? "string" : "json";
}

function cellInput(schema, value, label) {
  const kind = kindOf(schema);
  let input;
  if (kind === "enum" || kind === "boolean") {
    input = document.createElement("select");
    const options = kind === "enum" ? schema.enum : [true, false];
    input.append(...options.map((option) => new Option(option === null ? "none" : String(option), JSON.stringify(option))));
    input.value = JSON.stringify(value === undefined ? options[0] : value);
    if (input.selectedIndex < 0) input.selectedIndex = 0;
  } else {
    input = document.createElement("input");
    input.value = value === null || value === undefined ? "" : kind === "json" ? JSON.stringify(value) : String(value);
    if (kind === "integer" || kind === "number") input.inputMode = kind === "integer" ? "numeric" : "decimal";
  }
  input.dataset.kind = kind;
  input.ariaLabel = label;
  return input;
}

function readCell(input) {
  const text = input.value;
  if (input.tagName === "SELECT") return JSON.parse(text);
  if (input.dataset.kind === "string") return text;
  if (text.trim() === "") return null;
  if (input.dataset.kind === "json") return parsed(text);
  const number = Number(text.replace(",", "."));
  return Number.isNaN(number) ? text : number; // other text is sent as it is, and the server says what is wrong
}

function singleEditor(argument, given) {
  const kind = argument.data_type.type === "primitive" ? kindOf(argument.schema) : "json";
  if (kind !== "json") {
    const input = cellInput(argument.schema, given, argument.name);
    return { node: input, value: () => readCell(input) };
  }
  const area = document.createElement("textarea");
  area.ariaLabel = `${argument.name} as JSON`;
  area.spellcheck = false;
  area.value = JSON.stringify(given ?? null, null, 1);
  return { node: area, value: () => parsed(area.value) };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`this is not JSON: ${error.message}`);
  }
}

function body() {
  const method = model.methods[element("method").value];
  const values = {};
  for (const field of element("arguments").children) {
    const argument = method.args.find((one) => one.name === field.name);
    const value = field.value();
    if (argument.required || JSON.stringify(value) !== JSON.stringify(argument.default)) values[field.name] = value;
  }
  return values;
}

// Asking and answering.

async function ask(event) {
  event.preventDefault();
  fail("");
  const name = element("method").value;
  element("send").disabled = true;
  try {
    const started = performance.now();
    const reply = await fetch(`/${encodeURIComponent(name)}`, {
      method: "POST",
      headers: { ...headers(), "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body()),
    });
    const document_ = await reply.json();
    if (!reply.ok) {
      const { message, hint } = document_.error;
      throw new Error(hint ? `${message} (${hint})` : message);
    }
    element("took").textContent = `${(performance.now() - started).toFixed(1)} ms`;
    element("answer").replaceChildren(shown(document_));
    element("result").hidden = false;
  } catch (error) {
    element("result").hidden = true;
    fail(error.message);
  } finally {
    element("send").disabled = false;
  }
}

function shown(answer) {
  const rows = Array.isArray(answer) ? answer : [answer];
  const flat = (value) => value === null || typeof value !== "object";
  const tabular = rows.length && rows.length <= MOST_ROWS && rows.every((row) => flat(row) || Object.values(row).every(flat));
  if (!tabular) {
    const pre = document.createElement("pre");
    pre.textContent = JSON.stringify(answer, null, 1);
    return pre;
  }
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  const table = document.createElement("table");
  if (!flat(rows[0]) && !Array.isArray(rows[0])) {
    const head = table.createTHead().insertRow();
    for (const key of Object.keys(rows[0])) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = key;
      head.append(cell);
    }
  }
  const tableBody = table.createTBody();
  for (const row of rows) {
    const line = tableBody.insertRow();
    for (const value of flat(row) ? [row] : Object.values(row)) line.insertCell().textContent = String(value);
  }
  scroll.append(table);
  return scroll;
}

function showCurl() {
  try {
    const quoted = `'${JSON.stringify(body()).replaceAll("'", "'\\''")}'`;
    const secret = token ? ' -H "Authorization: Bearer $MLEM_TOKEN"' : "";
    const url = `${location.origin}/${encodeURIComponent(element("method").value)}`;
    element("curl").textContent = `curl ${url}${secret} -H 'Content-Type: application/json' -d ${quoted}`;
    element("command").hidden = false;
    fail("");
  } catch (error) {
    fail(error.message);
  }
}

async function copy() {
  try {
    await navigator.clipboard.writeText(element("curl").textContent);
  } catch { // a page that is not from this machine, without TLS, has no clipboard
    getSelection().selectAllChildren(element("curl"));
    document.execCommand("copy");
  }
  element("copy").textContent = "Copied";
  setTimeout(() => { element("copy").textContent = "Copy"; }, 2000);
}

function fail(message) {
  element("failure").textContent = message;
}

const start = () => open().catch((error) => fail(error.message));
element("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = element("token").value.trim();
  start();
});
element("call").addEventListener("submit", ask);
element("call").addEventListener("input", showCurl);
element("method").addEventListener("change", showMethod);
element("reset").addEventListener("click", showMethod);
element("copy").addEventListener("click", copy);
start();
