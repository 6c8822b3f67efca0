// The answer: a table where it can be one, bars where it is probabilities, numbers rounded until all digits are asked for.

const MOST_ROWS = 200;

// On a phone a row is a block and each cell says its column: the roles keep it a table for who can't see it.
export function headed(table, names) {
  table.setAttribute("role", "table");
  const head = table.createTHead().insertRow();
  head.setAttribute("role", "row");
  for (const name of names) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.setAttribute("role", "columnheader");
    cell.textContent = name;
    head.append(cell);
  }
}

export function labelled(cell, name) {
  cell.setAttribute("role", "cell");
  if (name) cell.dataset.label = name;
  return cell;
}

const flat = (value) => value === null || typeof value !== "object";

// The rows and the names of the columns of an answer that is a table; null of any other.
export function tableOf(answer, classes) {
  const rows = Array.isArray(answer) ? answer : [answer];
  if (!rows.length || !rows.every((row) => flat(row) || Object.values(row).every(flat))) return null;
  if (rows.every(flat)) return { names: ["answer"], rows: rows.map((row) => [row]), headless: true };
  if (rows.every((row) => Array.isArray(row))) {
    const width = Math.max(...rows.map((row) => row.length));
    const names = classes && classes.length === width ? classes.map(String) : Array.from({ length: width }, (_, index) => String(index));
    return { names, rows, headless: !(classes && classes.length === width) };
  }
  if (!rows.every((row) => !flat(row) && !Array.isArray(row))) return null;
  const names = [...new Set(rows.flatMap(Object.keys))];
  return { names, rows: rows.map((row) => names.map((name) => row[name])), headless: false };
}

export function shown(answer, classes, whole) {
  const table = tableOf(answer, classes);
  if (!table) {
    const pre = document.createElement("pre");
    pre.tabIndex = 0;
    pre.textContent = JSON.stringify(answer, null, 1);
    return pre;
  }
  const node = document.createElement("div");
  node.className = "scroll";
  node.tabIndex = 0; // whoever has no mouse scrolls a wide table by keys
  node.setAttribute("role", "region");
  node.ariaLabel = "The answer";
  if (areProbabilities(table)) node.append(...table.rows.slice(0, MOST_ROWS).map((row, index) => bars(row, table, index, whole)));
  else node.append(plainTable(table, whole));
  if (table.rows.length > MOST_ROWS) {
    const note = document.createElement("p");
    note.className = "quiet";
    note.textContent = `The first ${MOST_ROWS} of ${table.rows.length} rows; the file has all.`;
    node.append(note);
  }
  return node;
}

function plainTable(table, whole) {
  const node = document.createElement("table");
  if (!table.headless) headed(node, table.names);
  const body = node.createTBody();
  for (const row of table.rows.slice(0, MOST_ROWS)) {
    const line = body.insertRow();
    line.setAttribute("role", "row");
    for (const [index, value] of row.entries()) number(labelled(line.insertCell(), table.headless ? "" : table.names[index]), value, whole);
  }
  if (table.headless) node.setAttribute("role", "table");
  return node;
}

function areProbabilities({ rows }) {
  const isOne = (value) => typeof value === "number" && value >= 0 && value <= 1;
  return rows.every((row) => row.length > 1 && row.every(isOne) && Math.abs(row.reduce((sum, value) => sum + value, 0) - 1) < 1e-6);
}

// A row of probabilities: the greatest first to the eye by its length, in the order of the classes.
function bars(row, table, index, whole) {
  const list = document.createElement("ul");
  list.className = "bars";
  list.ariaLabel = `Row ${index + 1}`;
  for (const [at, value] of row.entries()) {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.textContent = table.names[at];
    const meter = document.createElement("meter");
    meter.ariaLabel = `${table.names[at]} in row ${index + 1}`;
    meter.value = value;
    const figure = document.createElement("output");
    number(figure, value, whole);
    item.append(name, meter, figure);
    list.append(item);
  }
  return list;
}

function number(cell, value, whole) {
  const text = value === undefined ? "" : String(value);
  cell.textContent = whole || typeof value !== "number" ? text : rounded(value);
  if (cell.textContent !== text) cell.title = text;
}

export function rounded(value) {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1000 ? String(Number(value.toFixed(1))) : String(Number(value.toPrecision(4)));
}

// A table as CSV (RFC 4180), with every digit; of anything else null.
export function csvOf(answer, classes) {
  const table = tableOf(answer, classes);
  if (!table) return null;
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [table.names, ...table.rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}
