// The server that the page is from: what it says of its models, and calls. Addresses are relative to the page, so that
// a proxy may have a prefix in front, and each of several models its own.

let token = sessionStorage.getItem("token") || "";

export const secured = () => token !== "";
export const address = (path) => new URL(path, new URL(".", location.href)).href;

export function remember(given) {
  token = given;
  sessionStorage.setItem("token", token);
}

function headers(more) {
  return { ...more, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
}

// What a path has; null where a token is asked for.
async function read(path) {
  const reply = await fetch(address(path), { headers: headers({}) });
  if (reply.status === 401) return null;
  if (!reply.ok) throw new Error(`the server answers with ${reply.status}`);
  return reply.json();
}

// The description of the model.
export const describe = () => read("interface.json");

// All models of the server: name, status, digest and address of each.
export async function models() {
  const found = await read("models");
  return found && found.models;
}

export function call(method, values) {
  return ask(encodeURIComponent(method), JSON.stringify(values), { "Content-Type": "application/json" });
}

// The content of a file as a call: tables go where SageMaker's callers send theirs, images and bytes to the method.
export function send(method, file, mediaType) {
  const table = !mediaType.startsWith("image/") && mediaType !== "application/octet-stream";
  const named = table ? { "X-Amzn-SageMaker-Custom-Attributes": `method=${method}` } : {};
  return ask(table ? "invocations" : encodeURIComponent(method), file, { "Content-Type": mediaType, ...named });
}

async function ask(path, body, more) {
  const started = performance.now();
  const reply = await fetch(address(path), { method: "POST", headers: headers({ Accept: "application/json", ...more }), body });
  const answer = await reply.json();
  if (!reply.ok) {
    const { message, hint } = answer.error;
    throw new Error(hint ? `${message} (${hint})` : message);
  }
  return { answer, took: performance.now() - started };
}
