// The last calls of this visit: they are kept by the page alone, and gone with it.

const MOST_CALLS = 10;
const calls = [];

// Put a call first, and show all of them; one that is chosen is handed to `again`.
export function keep(list, call, again) {
  calls.unshift(call);
  calls.splice(MOST_CALLS);
  list.replaceChildren(...calls.map((one) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${one.at.toLocaleTimeString()} ${one.method}: ${summary(one)}`;
    button.onclick = () => again(one);
    item.append(button);
    return item;
  }));
}

function summary({ answer, failure }) {
  const text = failure || JSON.stringify(answer);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
