// The form of a model: made from what /interface.json says, so that it knows no model and needs no build.
import { headed, labelled } from "./answer.js";

const MOST_COLUMNS = 200;

// Arguments: a fieldset with a function `value` that reads what was typed.

export function argumentField(argument, given, changed) {
  const type = argument.data_type;
  const field = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = argument.required ? argument.name : `${argument.name} (optional)`;
  field.append(legend);
  field.name = argument.name;
  const columns = columnsOf(argument);
  const editor = columns ? tableEditor(argument.name, columns, given, type.type === "ndarray", changed) : singleEditor(argument, given);
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
  if (type.type === "ndarray" && type.shape.length === 2 && type.shape[0] === null && type.shape[1] && type.shape[1] <= MOST_COLUMNS) {
    return Array.from({ length: type.shape[1] }, (_, index) => ({ name: String(index), schema: argument.schema.items.items }));
  }
  return null;
}

function tableEditor(name, columns, given, positional, changed) {
  const node = document.createElement("div");
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  const table = document.createElement("table");
  headed(table, [...columns.map((column) => column.name), "row"]);
  const body = table.createTBody();
  const addRow = (values) => {
    const row = body.insertRow();
    row.setAttribute("role", "row");
    for (const [index, column] of columns.entries()) {
      const value = values ? (positional ? values[index] : values[column.name]) : null;
      labelled(row.insertCell(), column.name).append(cellInput(column.schema, value, `${name}, row ${body.rows.length}, ${column.name}`));
    }
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Remove";
    remove.ariaLabel = `Remove row ${body.rows.length}`;
    remove.onclick = () => { row.remove(); changed(); };
    labelled(row.insertCell(), "").append(remove);
  };
  for (const values of Array.isArray(given) && given.length ? given : [null]) addRow(values);
  const add = document.createElement("button");
  add.type = "button";
  add.textContent = "Add a row";
  add.onclick = () => {
    const rows = read();
    addRow(rows.length ? rows[rows.length - 1] : null);
    body.rows[body.rows.length - 1].querySelector("input, select").focus();
    changed();
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

export function valuesOf(method, fields) {
  const values = {};
  for (const field of fields) {
    const argument = method.args.find((one) => one.name === field.name);
    const value = field.value();
    if (argument.required || JSON.stringify(value) !== JSON.stringify(argument.default)) values[field.name] = value;
  }
  return values;
}
