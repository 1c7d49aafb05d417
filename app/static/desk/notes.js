// Is what the agent writes never lost? Notes save themselves, are tried again, and outlive a reload.

import { ask, desk, post, words } from "./page.js";
import { watchSuggested } from "./suggested.js";

const PAUSE_MILLISECONDS = 700;
const RETRY_MILLISECONDS = 3000;
// Who writes without a pause is saved all the same; the server doesn't let the wrap-up end meanwhile.
const LONGEST_UNSAVED_MILLISECONDS = 5000;
// What was written is kept on this computer until the server has taken it: it outlives a reload, a crash, and a server
// that is away. Whoever else signs in here sees nothing of it.
const KEEP = `rechtdoor.notes.${desk.dataset.agent}.`;
const KEPT_FOR_MILLISECONDS = 7 * 24 * 3600 * 1000;
// What else than the note's own words is sent along, and put back.
const FIELDS = ["topic", "cause", "next_step"];

const pins = document.querySelector("#pinned-notes");
const unsaved = new Map(); // call -> what it should say
const timers = new Map();
const savedAt = new Map(); // call -> when what it says was last on its way
let saving = Promise.resolve();

/** Return what the note on a card says now. */
export function noteOn(card) {
  const form = card.querySelector("form[data-notes]");
  return form && new URLSearchParams(new FormData(form));
}

/**
 * Watch the notes of the card that was just placed; what a reload interrupted is put back first. `said` is what stood
 * there a moment ago: the server may have made the card before that reached it.
 */
export function watchNotes(card, said = null) {
  const form = card.querySelector("form[data-notes]");
  if (!form) return;
  const call = form.dataset.notes;
  form.querySelector("[data-save]").hidden = true;
  const kept = keptOf(call);
  watchSuggested(form);
  if (kept) fill(form, new URLSearchParams(kept));
  else if (said) fill(form, said);
  if (kept || said?.get("summary")) form.dataset.written = "";
  form.addEventListener("input", () => {
    form.dataset.written = "";
    note(form, call);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    note(form, call, 0);
    if (event.submitter?.hasAttribute("formaction")) promise(form, event.submitter);
  });
  if (kept) note(form, call, 0);
}

/**
 * Keep the note that is being written in sight while another call's card takes the place of its card: the same form, so
 * that what is typed meanwhile goes on in it. It is let go of by the agent.
 */
export function pinNote(card) {
  const form = card.querySelector("form[data-notes]");
  if (!form || !isInHand(form)) return;
  const { summary } = form.elements;
  const focused = form.contains(document.activeElement) ? document.activeElement : null;
  const selected = [summary.selectionStart, summary.selectionEnd];
  summary.id = `summary-${form.dataset.notes}`;
  form.querySelector("label[for]").htmlFor = summary.id;
  form.removeAttribute("id");
  const pin = pins.querySelector("template").content.firstElementChild.cloneNode(true);
  pin.dataset.call = form.dataset.notes;
  pin.querySelector("[data-who]").textContent = [card.dataset.name, card.dataset.subject].filter(Boolean).join(" · ");
  pin.querySelector("[data-done]").addEventListener("click", () => letGo(pin));
  pin.querySelector("[data-done]").before(form);
  pins.append(pin);
  summary.setSelectionRange(...selected);
  focused?.focus();
}

/** The card of that call is shown again, and its note with it. */
export function unpinNote(call) {
  pins.querySelector(`[data-call="${CSS.escape(call)}"]`)?.remove();
}

/** Whether there is a note that the agent is at: writes, or has written and not yet said how the conversation ended. */
function isInHand(form) {
  if (form.elements.summary.value.trim() === "") return false;
  return form.contains(document.activeElement) || ("written" in form.dataset && !form.elements.outcome.value);
}

function letGo(pin) {
  flushNotes();
  pin.remove();
  document.querySelector("#call").focus();
}

/** Save at once what still waits: another card is about to take the place. */
export function flushNotes() {
  for (const call of unsaved.keys()) later(call, 0);
}

export const hasUnsavedNotes = () => unsaved.size > 0;

function note(form, call, pause = PAUSE_MILLISECONDS) {
  const text = new URLSearchParams(new FormData(form));
  for (const name of ["csrf", "own_time"]) text.delete(name);
  if (!unsaved.has(call)) savedAt.set(call, Date.now());
  unsaved.set(call, text.toString());
  keep(call, text.toString());
  later(call, Date.now() - savedAt.get(call) > LONGEST_UNSAVED_MILLISECONDS ? 0 : pause);
}

/** Promise the time that was chosen, and say below it what became of that. */
async function promise(form, button) {
  const says = form.querySelector(".promised");
  says.classList.remove("warning");
  const body = new URLSearchParams({ due_at: button.value, own_time: button.value ? "" : form.elements.own_time.value });
  button.disabled = true;
  try {
    const response = await post(button.formAction, body);
    const { words: done, title, detail } = await response.json();
    says.textContent = done ?? [title, detail].filter(Boolean).join(" ");
    says.classList.toggle("warning", !response.ok);
    if (response.ok) {
      const told = new CustomEvent("desk:promised", { detail: { call: form.dataset.notes, words: done } });
      document.dispatchEvent(told);
    }
  } catch {
    says.textContent = words("alarm_dead");
    says.classList.add("warning");
  } finally {
    button.disabled = false;
  }
}

function keep(call, text) {
  try {
    localStorage.setItem(KEEP + call, JSON.stringify({ text, at: Date.now() }));
  } catch {
    // No room, or not allowed: it is still in the page, and saved in a moment.
  }
}

function keptOf(call) {
  try {
    return JSON.parse(localStorage.getItem(KEEP + call))?.text ?? null;
  } catch {
    return null;
  }
}

const forget = (call) => localStorage.removeItem(KEEP + call);

/** Save what a crash, or a server that was away, has left unsaved here, also of calls whose card isn't open. */
export function saveWhatIsLeft() {
  for (const key of Object.keys(localStorage).filter((one) => one.startsWith(KEEP))) {
    const call = key.slice(KEEP.length);
    const { text, at } = JSON.parse(localStorage.getItem(key) ?? "{}");
    if (!text || Date.now() - at > KEPT_FOR_MILLISECONDS) forget(call);
    else if (!unsaved.has(call)) {
      unsaved.set(call, text);
      later(call, 0);
    }
  }
}

function fill(form, values) {
  form.elements.summary.value = values.get("summary") ?? "";
  for (const name of FIELDS) if (form.elements[name] && values.has(name)) form.elements[name].value = values.get(name);
  for (const choice of form.querySelectorAll("[name=outcome]")) choice.checked = choice.value === values.get("outcome");
}

function later(call, pause) {
  clearTimeout(timers.get(call));
  timers.set(call, setTimeout(() => {
    // One after the other: an older text must not overtake a newer one.
    saving = saving.then(() => save(call));
  }, pause));
}

async function save(call) {
  const text = unsaved.get(call);
  if (text === undefined) return;
  savedAt.set(call, Date.now());
  say(call, words("notes_saving"));
  let saved;
  try {
    const response = await ask(`/desk/calls/${encodeURIComponent(call)}/notes`, {
      method: "POST",
      body: new URLSearchParams(text),
      signal: AbortSignal.timeout(8000),
    });
    if (response.status === 404) {
      // Of a call that is no longer here, or never was this agent's: nobody could save it.
      unsaved.delete(call);
      forget(call);
      return;
    }
    if (response.status === 422) {
      // Refused, not lost: it stays in the form, and the sentence says what to change.
      const problem = await response.json();
      unsaved.delete(call);
      say(call, problem.detail ? `${problem.title} ${problem.detail}` : problem.title, true);
      return;
    }
    if (!response.ok) throw new Error(String(response.status));
    ({ saved } = await response.json());
  } catch {
    say(call, words("notes_kept_here"), true);
    later(call, RETRY_MILLISECONDS);
    return;
  }
  if (unsaved.get(call) === text) {
    unsaved.delete(call);
    forget(call);
    say(call, saved);
  }
}

function say(call, text, isWarning = false) {
  const place = document.querySelector(`form[data-notes="${CSS.escape(call)}"] .saved`);
  if (!place || place.textContent === text) return;
  place.textContent = text;
  place.classList.toggle("warning", isWarning);
}

addEventListener("beforeunload", (event) => {
  if (unsaved.size) event.preventDefault();
});
