// What may be taken over into the note? The server says what fits what was pressed and written so far.

import { news, place } from "./page.js";

const PAUSE_MILLISECONDS = 600;

const waiting = new Map(); // call -> timer
const asking = new Map(); // call -> what breaks off its question

/** Watch a form of notes: it may be on its card, or pinned beside another call's. */
export function watchSuggested(form) {
  const call = form.dataset.notes;
  form.addEventListener("input", () => later(form, call));
  form.addEventListener("click", (event) => {
    const take = event.target.closest("[data-take]");
    const step = event.target.closest("[data-next-step]");
    if (take) add(form.elements.summary, take.dataset.take);
    else if (step) say(form.elements.next_step, step.dataset.nextStep);
  });
}

function later(form, call) {
  clearTimeout(waiting.get(call));
  waiting.set(call, setTimeout(() => refresh(form, call), PAUSE_MILLISECONDS));
}

async function refresh(form, call) {
  const target = form.querySelector("[data-suggested]");
  if (!target?.isConnected) return;
  asking.get(call)?.abort();
  const mine = new AbortController();
  asking.set(call, mine);
  const body = new URLSearchParams(new FormData(form));
  for (const name of ["csrf", "own_time"]) body.delete(name);
  try {
    const html = await news(target, `/desk/calls/${encodeURIComponent(call)}/suggested`, { method: "POST", body, signal: mine.signal });
    if (html !== null && !mine.signal.aborted) place(target, html, { keepsOpen: true });
  } catch {
    // Broken off by what was written next, or the server is away: the alarm tells.
  }
}

/** Put words after what stands there already; the agent corrects them. */
function add(field, words) {
  const before = field.value.trimEnd();
  say(field, before ? `${before}\n${words}` : words);
}

function say(field, words) {
  field.value = words;
  // As if it had been typed: it saves itself, and what fits is looked for anew.
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}
