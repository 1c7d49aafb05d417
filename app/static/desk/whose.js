// Whom is this call about? Looked up while the agent types, picked by mouse or arrow keys.

import { ask } from "./page.js";
import { announce } from "./signals.js";

const PAUSE_MILLISECONDS = 250;
const SHORTEST = 2;

const place = document.querySelector("#card");
let waiting = null;
let asking = null;

place.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-find]");
  if (!form) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => find(form), PAUSE_MILLISECONDS);
});

place.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-find]")) return;
  event.preventDefault();
  clearTimeout(waiting);
  find(event.target, { isAskedFor: true });
});

// From the field into the list and back, as in any list of suggestions; Tab goes through it as well.
place.addEventListener("keydown", (event) => {
  const search = event.target.closest(".whose");
  if (!search || !event.target.matches("#asked, [data-found] button")) return;
  const stops = [search.querySelector("#asked"), ...search.querySelectorAll("[data-found] button")];
  const at = stops.indexOf(event.target);
  if (event.key === "ArrowDown" && at + 1 < stops.length) stops[at + 1].focus();
  else if (event.key === "ArrowUp" && at > 0) stops[at - 1].focus();
  else if (event.key === "Escape" && at > 0) stops[0].focus();
  else return;
  event.preventDefault();
});

async function find(form, { isAskedFor = false } = {}) {
  asking?.abort();
  const asked = form.elements.asked.value.trim();
  if (asked.length < SHORTEST && !isAskedFor) {
    foundBy(form)?.replaceChildren();
    return;
  }
  asking = new AbortController();
  try {
    const response = await ask(form.action, { method: "POST", body: new URLSearchParams({ asked }), signal: asking.signal });
    const answer = response.ok ? await response.text() : await response.json();
    // The card may have been made anew meanwhile, with what was typed on it.
    const found = foundBy(form);
    if (!found) return;
    if (response.ok) {
      found.innerHTML = answer;
      announce(found.querySelector("[data-says]").textContent);
    } else refuse(found, answer);
  } catch {
    // Broken off by what was typed next; that the server is away the alarm tells.
  }
}

// Where what a form finds stands now; null once the card is another call's.
function foundBy(form) {
  const now = place.querySelector("form[data-find]");
  return now?.action === form.action ? now.parentElement.querySelector("[data-found]") : null;
}

function refuse(found, { title, detail }) {
  const sentence = document.createElement("p");
  sentence.className = "refusal";
  sentence.setAttribute("role", "alert");
  sentence.textContent = detail ? `${title} ${detail}` : title;
  found.replaceChildren(sentence);
}

/** Remember what is typed on a card and not yet sent; return what puts it back on the same card made anew. */
export function typedOn(card) {
  const typed = [...card.querySelectorAll("[data-keep]")].map(({ id, value, checked }) => ({ id, value, checked }));
  const open = [...card.querySelectorAll("details[id][open]")].map(({ id }) => id);
  const found = card.querySelector("[data-found]")?.innerHTML ?? "";
  return (anew) => {
    // Once somebody else was chosen, what was looked for is found.
    if (anew.dataset.whose !== card.dataset.whose) return;
    for (const { id, value, checked } of typed) {
      const field = anew.querySelector(`#${id}`);
      if (field) Object.assign(field, field.type === "checkbox" ? { checked } : { value });
    }
    for (const id of open) anew.querySelector(`details#${id}`)?.setAttribute("open", "");
    const list = anew.querySelector("[data-found]");
    if (list) list.innerHTML = found;
  };
}
