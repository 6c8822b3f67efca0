// The page of a server with several models: their names, whether they can be asked, and the way to the page of each.
import { models } from "./server.js";
import { opened } from "./token.js";

const element = (id) => document.getElementById(id);

function line(one) {
  const link = document.createElement("a");
  link.href = one.address;
  link.textContent = one.name;
  const about = document.createElement("p");
  about.className = "quiet";
  about.textContent = `${one.status} · ${one.model}`;
  const item = document.createElement("li");
  item.append(link, about);
  return item;
}

async function open() {
  const found = await models();
  if (found === null) return null;
  const ready = found.filter((one) => one.status === "ready").length;
  element("about").textContent = `${ready} of ${found.length} can be asked`;
  element("models").replaceChildren(...found.map(line));
  element("list").hidden = false;
  return found;
}

opened(open, (message) => { element("failure").textContent = message; });
