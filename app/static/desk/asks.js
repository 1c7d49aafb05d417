// What do colleagues ask each other about a call? In a line that both desks show at once; nothing rings.

import { news, place, send, words } from "./page.js";
import { announce } from "./signals.js";

const panel = document.querySelector("#asks");

async function refresh() {
  try {
    const html = await news(panel, "/desk/asks");
    if (html !== null) place(panel, html);
  } catch {
    // The stream's own alarm tells; the next event tries again.
  }
}

/** The server told of a question or an answer. */
export async function heardAsk({ ask: id, answer }) {
  await refresh();
  const line = panel.querySelector(`[data-ask="${CSS.escape(String(id))}"]`);
  // Of one's own answer nothing need be said.
  if (line && (line.querySelector("form") === null) === Boolean(answer)) announce(line.querySelector("p").textContent.trim());
}

panel.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const response = await send(event.target, event.submitter);
    if (!response.ok) announce((await response.json()).title);
  } catch {
    announce(words("alarm_dead"));
  }
  refresh();
});
