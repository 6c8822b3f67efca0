// The form that asks for a token, on every page that needs one.
import { remember, secured } from "./server.js";

const element = (id) => document.getElementById(id);

// Opens a page: `open` is asked for what the page shows, null where it needs a token, then shows it.
export function opened(open, fail) {
  const start = async (given) => {
    try {
      const found = await open();
      element("token-form").hidden = found !== null;
      if (found !== null) return;
      element("token-error").textContent = given ? "This token is not valid." : "";
      element("token").focus();
    } catch (error) {
      fail(error.message);
    }
  };
  element("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    remember(element("token").value.trim());
    start(true);
  });
  start(secured());
}
