// The page of a model: it asks the server what the model is, makes a form of that, and shows answers.
import { csvOf, shown } from "./answer.js";
import { accepted, download, mediaTypeOf, named, onDrop } from "./files.js";
import { argumentField, valuesOf } from "./form.js";
import { keep } from "./history.js";
import { address, call, describe, models, secured, send } from "./server.js";
import { snippets } from "./snippets.js";
import { opened } from "./token.js";

const element = (id) => document.getElementById(id);
let model = null;
let last = null;
let dropped = null; // before it is known what the model takes

const method = () => model.methods[element("method").value];
const values = () => valuesOf(method(), element("arguments").children);
const fail = (message) => { element("failure").textContent = message; };

async function open() {
  model = await describe();
  if (model === null) return null;
  const name = model.model.name || "Model";
  document.title = name;
  element("name").textContent = name;
  element("about").textContent = `${model.model.model_type} · ${model.model.digest} · mlem ${model.version}`;
  element("method").replaceChildren(...Object.keys(model.methods).map((one) => new Option(one, one)));
  element("call").hidden = false;
  showMethod();
  if (dropped) askFile(dropped);
  dropped = null;
  showOthers(await models());
  return model;
}

function showOthers(all) {
  if (all.length < 2) return;
  element("others").replaceChildren(...all.map((one) => {
    const option = new Option(one.name, one.address);
    option.selected = one.name === model.model.name;
    return option;
  }));
  element("several").hidden = false;
}

function showMethod(given) {
  const sample = given || (model.samples[element("method").value] || { args: {} }).args;
  const fields = method().args.map((argument) => argumentField(argument, sample[argument.name] ?? argument.default, showSnippet));
  element("arguments").replaceChildren(...fields);
  element("result").hidden = true;
  const kinds = accepted(method());
  element("drop").hidden = !kinds;
  if (kinds) element("kinds").textContent = `${named(kinds)}, chosen or dropped here`;
  showSnippet();
}

async function ask(request, sent) {
  fail("");
  element("send").disabled = true;
  const about = { method: element("method").value, at: new Date(), sent };
  try {
    const { answer, took } = await request();
    done({ ...about, answer, took });
  } catch (error) {
    done({ ...about, failure: error.message });
  } finally {
    element("send").disabled = false;
  }
}

function done(one) {
  showCall(one);
  keep(element("history"), one, again);
  element("calls").hidden = false;
}

function showCall(one) {
  last = one;
  fail(one.failure || "");
  element("result").hidden = Boolean(one.failure);
  if (!one.failure) showAnswer();
}

function showAnswer() {
  const { answer, took } = last;
  const { classes } = model.methods[last.method].returns;
  element("took").textContent = `${took.toFixed(1)} ms`;
  element("answer").replaceChildren(shown(answer, classes, element("whole").checked));
  element("download").hidden = csvOf(answer, classes) === null;
}

function again(one) {
  element("method").value = one.method;
  showMethod(one.sent);
  showCall(one);
}

function showSnippet() {
  try {
    const url = address(encodeURIComponent(element("method").value));
    element("snippet").textContent = snippets[element("language").value](url, values(), secured());
    element("command").hidden = false;
    fail("");
  } catch (error) {
    fail(error.message);
  }
}

async function copy() {
  try {
    await navigator.clipboard.writeText(element("snippet").textContent);
  } catch { // a page that is not from this machine, without TLS, has no clipboard
    getSelection().selectAllChildren(element("snippet"));
    document.execCommand("copy");
  }
  element("copy").textContent = "Copied";
  setTimeout(() => { element("copy").textContent = "Copy"; }, 2000);
}

function askForm(event) {
  event.preventDefault();
  try {
    const sent = values();
    ask(() => call(element("method").value, sent), sent);
  } catch (error) {
    fail(error.message);
  }
}

function askFile(file) {
  const kinds = accepted(method());
  ask(async () => {
    if (!kinds) throw new Error("this method takes no file");
    return send(element("method").value, file, mediaTypeOf(file, kinds));
  });
}

element("call").addEventListener("submit", askForm);
element("arguments").addEventListener("input", showSnippet);
element("method").addEventListener("change", () => showMethod());
element("reset").addEventListener("click", () => showMethod());
element("file").addEventListener("change", () => { if (element("file").files.length) askFile(element("file").files[0]); });
element("whole").addEventListener("change", showAnswer);
element("download").addEventListener("click", () => {
  download(`${element("name").textContent}-${last.method}.csv`, csvOf(last.answer, model.methods[last.method].returns.classes));
});
element("language").addEventListener("change", showSnippet);
element("copy").addEventListener("click", copy);
onDrop(document.body, (file) => { if (model) askFile(file); else dropped = file; });
element("others").addEventListener("change", () => { location.href = element("others").value; });
opened(open, fail);
