// How does an agent answer a customer's message without leaving the call? A thread beside the card.

import { isNewest, news, place, send } from "./page.js";

const panel = document.querySelector("#thread");
const drafts = new Map(); // address of a thread -> what was written there and not yet sent
let address = null; // of the thread that is open
let opener = null; // where the keyboard was before

async function open(href) {
  let html;
  try {
    html = await news(panel, href);
  } catch {
    // That the server is away the stream's own alarm tells.
    return;
  }
  if (html === null) return;
  keepDraft();
  address = new URL(href, location.href).pathname;
  show(html);
  panel.hidden = false;
  panel.querySelector("#thread-title").focus();
  panel.scrollIntoView({ block: "nearest" });
}

function show(html) {
  place(panel, html);
  const field = panel.querySelector("textarea");
  if (field && !field.value) field.value = drafts.get(address) ?? "";
  toNewest();
}

function toNewest() {
  const scroll = panel.querySelector(".thread-scroll");
  if (scroll) scroll.scrollTop = scroll.scrollHeight;
}

function keepDraft() {
  const field = panel.querySelector("textarea");
  if (address && field) drafts.set(address, field.value);
}

function close() {
  keepDraft();
  // Nor opens what was asked for before.
  isNewest(panel);
  panel.hidden = true;
  panel.replaceChildren();
  address = null;
  // The list may have been rendered anew since: the same link stands there again.
  const back = opener && document.querySelector(`[data-open-thread][href="${CSS.escape(opener)}"]`);
  (back ?? document.querySelector("#call")).focus();
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("[data-open-thread]");
  if (link) {
    event.preventDefault();
    opener = link.getAttribute("href");
    link.closest(".menu")?.removeAttribute("open");
    open(link.href);
  } else if (event.target.closest("[data-close-thread]") && panel.contains(event.target)) {
    event.preventDefault();
    close();
  }
});

panel.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.stopPropagation();
  close();
});

panel.addEventListener("input", keepDraft);

panel.addEventListener("submit", async (event) => {
  const form = event.target;
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const response = await send(form, button);
    if (response.headers.get("Content-Type")?.startsWith("text/html") && response.ok) {
      drafts.delete(address);
      form.reset();
      show(await response.text());
      // The button that was pressed is gone; the keyboard goes on where one writes.
      (panel.querySelector("textarea") ?? panel.querySelector("#thread-title")).focus();
    } else {
      const problem = await response.json();
      complain(problem.detail ?? problem.title);
    }
  } catch {
    complain(panel.dataset.unsent);
  } finally {
    button.disabled = false;
  }
});

/** What was written stays in the form; a sentence says why it was not sent. */
function complain(words) {
  const problem = panel.querySelector("#thread-problem");
  if (!problem) return;
  problem.textContent = words;
  problem.hidden = false;
}

// Something came in, or became of what was sent: only what was said is shown anew, so that typing goes on.
async function lookAgain() {
  const list = panel.querySelector(".thread-scroll");
  if (!address || !list) return;
  const shown = address;
  try {
    const html = await news(list, `${shown}?part=said`);
    if (html === null || address !== shown) return;
    if (list.isConnected) {
      place(list, html);
      toNewest();
      // All was shown anew meanwhile, as of before or after this answer.
    } else lookAgain();
  } catch {
    // The stream's own alarm tells.
  }
}
document.addEventListener("desk:message", lookAgain);
