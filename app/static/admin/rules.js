// How do rules change as one types? Each change is saved, and what the server makes of it takes its place.

import { announce, say } from "./rules_said.js";
import { watchOrder } from "./rules_order.js";

const live = document.querySelector("#rules-live");
const PAUSE_MILLISECONDS = 600;
const LOOK_MILLISECONDS = 20000;
const RETRY_MILLISECONDS = 3000;

const unsaved = new Map(); // form's action -> how often it was changed since it was saved
const timers = new Map();
let queue = Promise.resolve(); // one after the other: an older text must not overtake a newer one
let underway = 0;

document.querySelector("main").classList.add("rules-live-page");
dress(live);

// --- asking the server -------------------------------------------------------------------------------------------

const stamp = () => live.querySelector("#rules-state").dataset.stamp;
const ids = () => [...live.querySelectorAll("[data-rule]:has([name=edited])")].map((card) => card.dataset.rule);

function request(path, options = {}) {
  return fetch(path, { ...options, headers: { "X-Requested-With": "fetch", "X-CSRF-Token": live.dataset.csrf } });
}

/** Post a form; after signing in anew in another tab the session has another token. */
async function post(path, body) {
  const response = await request(path, { method: "POST", body });
  if (response.status !== 400) return response;
  const page = new DOMParser().parseFromString(await (await request("/admin/rules")).text(), "text/html");
  live.dataset.csrf = page.querySelector("[name=csrf]")?.value ?? live.dataset.csrf;
  return request(path, { method: "POST", body });
}

/** Send a form as its pressed button would (none: it was only filled in), once those before it were answered. */
function send(form, button = null) {
  clearTimeout(timers.get(form.action));
  underway += 1;
  queue = queue.then(() => sendNow(form, button)).finally(() => { underway -= 1; });
  return queue;
}

async function sendNow(form, button) {
  // Meanwhile its place may have been taken by what another answer brought.
  const current = form.isConnected ? form : [...live.querySelectorAll("form")].find(({ action }) => action === form.action);
  if (!current) return;
  const changes = unsaved.get(current.action) ?? 0;
  const body = new URLSearchParams(new FormData(current, button?.isConnected ? button : null));
  if (button && !button.isConnected && button.name) body.append(button.name, button.value);
  for (const id of ids()) if (!body.getAll("open").includes(id)) body.append("open", id);
  say("saving");
  const answer = await ask(current.action, body);
  if (!answer.page) {
    say(answer.why, true);
    // What adds a rule would add another one. All else comes to the same, however often it is sent.
    const isRepeatable = !current.action.endsWith("/add") && button?.value !== "duplicate";
    if (answer.why === "refused" || !isRepeatable) return;
    if (!unsaved.has(current.action)) unsaved.set(current.action, 1);
    timers.set(current.action, setTimeout(() => send(current, button), RETRY_MILLISECONDS));
    return;
  }
  const isSaved = answer.status === 200;
  const changedSince = (unsaved.get(current.action) ?? 0) !== changes;
  // Of a clash both texts are on the page.
  if ((isSaved || answer.status === 409) && !changedSince) unsaved.delete(current.action);
  place(answer.page, { sent: current, isTyped: !button, isSaved, keep: changedSince });
  if (answer.status === 409) live.querySelector(".clash")?.focus();
}

/** Return what lives in the page, as the server has it after a form; or why there is none. */
async function ask(path, body) {
  let response;
  let html;
  try {
    response = await post(path, body);
    html = await response.text();
  } catch {
    return { why: "unreachable" };
  }
  const page = new DOMParser().parseFromString(html, "text/html");
  if (page.getElementById("rules-state")) return { page, status: response.status };
  if (response.status === 401) return { why: "signedOut" };
  // What is refused for good is not asked again; it stays written all the same.
  return { why: response.status < 500 && response.status !== 429 ? "refused" : "unreachable" };
}

/** Show the rules with the forms of these ones open. */
async function show(open) {
  const asked = new URLSearchParams(open.map((id) => ["open", id]));
  const response = await request(`/admin/rules?${asked}`).catch(() => null);
  if (response?.status === 401) return say("signedOut", true);
  const page = response?.ok && new DOMParser().parseFromString(await response.text(), "text/html");
  if (page) place(page, { quietly: true });
  else say("unreachable", true);
}

// What others changed appears by itself, while nobody types.
async function look() {
  if (document.hidden || underway || unsaved.size || live.querySelector(".is-dragged")) return;
  const asked = new URLSearchParams([...ids().map((id) => ["open", id]), ["revision", stamp()]]);
  const response = await request(`/admin/rules?${asked}`).catch(() => null);
  if (response?.status !== 200) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  // Two texts between which somebody has yet to choose stay as they are, and what the pointer holds.
  if (!underway && !unsaved.size && !live.querySelector(".clash, .is-dragged")) place(page, { quietly: true });
}
setInterval(look, LOOK_MILLISECONDS);
document.addEventListener("visibilitychange", look);

// --- putting in place what the server rendered --------------------------------------------------------------------

const BLOCKS = ["rules-state", "rules-notes", "rules-start", "rules-add", "draft"];

function place(page, { sent = null, isTyped = false, isSaved = true, keep = false, quietly = false }) {
  dress(page);
  const focus = remember();
  const why = live.querySelector("#why");
  const freshWhy = page.querySelector("#why");
  if (why?.value && freshWhy) freshWhy.value = why.value;
  keepClash(live.querySelector("#rules-notes"), page.getElementById("rules-notes"), sent);
  for (const id of BLOCKS) document.getElementById(id)?.replaceWith(document.adoptNode(page.getElementById(id)));
  const list = live.querySelector("#rules");
  const fresh = [...page.querySelectorAll("#rules > [data-rule]")];
  for (const gone of list.querySelectorAll(":scope > [data-rule]")) if (!page.getElementById(gone.id)) gone.remove();
  fresh.forEach((card, at) => {
    const here = renewed(document.getElementById(card.id), card, { sent, isTyped, isSaved, keep });
    if (list.children[at] !== here) list.insertBefore(here, list.children[at] ?? null);
  });
  renewed(live.querySelector("#rule-ladder"), page.getElementById("rule-ladder"), { sent, isTyped, isSaved, keep });
  focus();
  if (!quietly) announce(live.querySelector("#rules-state").dataset.did, !isSaved);
}

/** Return what stands for a rule from now on: what there was, as far as somebody is typing in it, or what is new. */
function renewed(old, fresh, { sent, isTyped, isSaved, keep }) {
  if (!old) return document.adoptNode(fresh);
  const form = old.querySelector("[data-rule-form]");
  const isSent = sent !== null && form === sent;
  const hasMore = unsaved.has(form.action) && !(isSent && !keep);
  if (hasMore && (isSaved || !isSent)) return old;
  keepOpen(old, fresh);
  keepClash(old, fresh, sent);
  if (isSent && isTyped && keepsEditor(old, fresh)) return old;
  only(fresh);
  old.replaceWith(document.adoptNode(fresh));
  return fresh;
}

/** Renew what stands around the fields in which somebody types: those stay the very same. False: they are others now. */
function keepsEditor(old, fresh) {
  const editor = old.querySelector("[data-part=editor]");
  const renewedEditor = fresh.querySelector("[data-part=editor]");
  if (!editor || !renewedEditor || rows(editor) !== rows(renewedEditor) || fresh.querySelector(".clash:not([data-kept])")) return false;
  for (const mistake of renewedEditor.querySelectorAll("[data-mistake]")) {
    const here = editor.querySelector(`[data-mistake="${mistake.dataset.mistake}"]`);
    if (!here) continue;
    here.textContent = mistake.textContent;
    here.hidden = mistake.hidden;
    const described = editor.querySelector(`[aria-describedby="${here.id}"]`);
    if (mistake.hidden) described?.removeAttribute("aria-invalid");
    else described?.setAttribute("aria-invalid", "true");
  }
  for (const row of renewedEditor.querySelectorAll(".asking")) {
    const here = editor.querySelector(`[data-row="${row.dataset.row}"].asking`);
    // A name that was typed has become a chip, a date has got other fields: such a row is rendered anew.
    const more = here.querySelector("[name$=-more]");
    if ((more?.value && more !== document.activeElement) || how(here) !== how(row)) here.replaceWith(document.adoptNode(row));
  }
  old.className = fresh.className;
  old.querySelector(".clash")?.remove();
  old.prepend(...fresh.querySelectorAll(".clash"));
  for (const part of ["[data-part=hidden]", "[data-part=head]", ".rule-body"])
    old.querySelector(part).replaceWith(document.adoptNode(fresh.querySelector(part)));
  only(old);
  return true;
}

const rows = (editor) => [...editor.querySelectorAll("[name$=-fact]")].map(({ name, value }) => name + value).join();
const how = (row) => `${row.querySelector("[name$=-how]")?.value} ${row.querySelectorAll("[type=date]").length}`;

/** Two texts between which somebody has yet to choose stay there, whatever else is done meanwhile. */
function keepClash(old, fresh, sent) {
  const clash = old.querySelector(".clash");
  if (!clash || clash.contains(sent) || fresh.querySelector(".clash")) return;
  clash.dataset.kept = "";
  fresh.prepend(document.adoptNode(clash));
}

function keepOpen(old, card) {
  for (const one of old.querySelectorAll("details[id][open]")) card.querySelector(`#${CSS.escape(one.id)}`)?.setAttribute("open", "");
  if (old.dataset.only) card.dataset.only = old.dataset.only;
}

/** Remember where the keyboard is; return what brings it back there, or to its rule. */
function remember() {
  const had = live.contains(document.activeElement) ? document.activeElement : null;
  const card = had?.closest("[data-rule]")?.id;
  const selected = had?.matches("textarea") ? [had.selectionStart, had.selectionEnd] : null;
  return () => {
    if (!had || had === document.activeElement) return;
    const same = had.isConnected ? had : had.id && document.getElementById(had.id);
    if (selected && same) same.setSelectionRange(...selected);
    const target = same && !same.disabled && same.checkVisibility() ? same : document.getElementById(card) ?? live.querySelector("#add-rule");
    target?.focus({ preventScroll: Boolean(same) });
  };
}

/** Show what only a script makes work, and of a form only the row whose word was pressed. */
function dress(root) {
  for (const one of root.querySelectorAll("[data-handle], [data-keys]")) one.hidden = false;
  for (const card of root.querySelectorAll("[data-rule]")) only(card);
}

function only(card) {
  const { only: row } = card.dataset;
  const editor = card.querySelector("[data-part=editor]");
  if (!editor) return;
  const target = row && editor.querySelector(`[data-row="${CSS.escape(row)}"]`);
  for (const one of editor.querySelectorAll("[data-row]")) one.hidden = Boolean(target) && one !== target;
  for (const one of editor.querySelectorAll("[data-group], [data-more]")) one.hidden = Boolean(target) && !one.contains(target);
  const everything = editor.querySelector("[data-everything]");
  if (everything) everything.hidden = !target;
  const keys = editor.querySelector("[data-keys]");
  if (keys) keys.hidden = Boolean(target);
  if (target) target.closest("details")?.setAttribute("open", "");
  for (const word of card.querySelectorAll(".word")) word.setAttribute("aria-expanded", String(Boolean(target) && word.dataset.row === row));
}

// --- what people do -----------------------------------------------------------------------------------------------

live.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (!form.hasAttribute("data-live")) {
    if (unsaved.size) {
      // What was typed comes first, then it is published.
      event.preventDefault();
      flush().then(() => { if (!unsaved.size) live.querySelector(`form[action="${form.getAttribute("action")}"]`)?.requestSubmit(); });
    }
    return;
  }
  event.preventDefault();
  const card = form.closest("[data-rule]");
  if (card && (submitter?.hasAttribute("data-close") || submitter?.value === "add" || submitter?.value?.startsWith("drop"))) delete card.dataset.only;
  send(form, submitter?.hidden ? null : submitter).then(() => after(form, submitter));
});

/** Where does the keyboard go on once a button has done its work and may be gone? */
function after(form, button) {
  const card = form.closest("[data-rule]")?.id;
  const now = card && document.getElementById(card);
  if (button?.value === "add" && now) focusIn([...now.querySelectorAll(".asking")].at(-1));
  else if (button?.hasAttribute("data-close")) now?.querySelector("[data-open]")?.focus();
  else if (form.action.endsWith("/admin/rules/add")) {
    const made = [...live.querySelectorAll("#rules > [data-rule]")].at(-1);
    made?.scrollIntoView({ block: "nearest" });
    (made?.querySelector("[name=add-fact]") ?? made?.querySelector(".word") ?? made)?.focus();
  } else if (button?.value === "remove") live.querySelector("#undo-button")?.focus();
}

live.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const word = event.target.closest(".word, [data-open]");
  const everything = event.target.closest("[data-everything]");
  if (everything) {
    const card = everything.closest("[data-rule]");
    delete card.dataset.only;
    only(card);
    card.querySelector("[data-part=editor] :is(select, input:not([type=hidden]))")?.focus();
  }
  if (!word) return;
  event.preventDefault();
  openAt(word.closest("[data-rule]").id, word.dataset.row ?? "", word.dataset.field);
});

async function openAt(id, row, field) {
  const find = () => document.getElementById(id);
  find().dataset.only = row;
  if (!row) delete find().dataset.only;
  if (!find().querySelector("[name=edited]")) {
    // One at a time is open, so that the list stays one to read.
    await flush();
    await show([find().dataset.rule]);
  } else only(find());
  const named = field && find().querySelector(`[name="${CSS.escape(row)}-${field}"]`);
  if (named) named.focus();
  else focusIn(find().querySelector(row ? `[data-part=editor] [data-row="${CSS.escape(row)}"]` : "[data-part=editor]"));
}

function focusIn(place) {
  const fields = [...(place?.querySelectorAll("input:not([type=hidden]), select, button") ?? [])].filter((one) => one.checkVisibility());
  (fields.find((one) => one.checked) ?? fields.find((one) => one.matches("input")) ?? fields[0])?.focus();
}

function changed(event, pause) {
  const form = event.target.closest("[data-rule-form]");
  // Nothing is asked yet by a fact that is only looked up in the list.
  if (!form || event.target.name === "add-fact") return;
  unsaved.set(form.action, (unsaved.get(form.action) ?? 0) + 1);
  clearTimeout(timers.get(form.action));
  timers.set(form.action, setTimeout(() => send(form), pause));
}
live.addEventListener("input", (event) => changed(event, PAUSE_MILLISECONDS));
live.addEventListener("change", (event) => changed(event, event.target.matches("select, [type=checkbox]") ? 0 : PAUSE_MILLISECONDS));

live.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  const card = event.target.closest("[data-rule]");
  const row = event.target.closest("[data-part=editor] [data-row]")?.dataset.row;
  // Back to the word from which one came.
  if (card && row) (card.querySelector(`.word[data-row="${CSS.escape(row)}"]`) ?? card).focus();
});

function flush() {
  for (const action of unsaved.keys()) {
    const form = [...live.querySelectorAll("form")].find((one) => one.action === action);
    if (form) send(form);
  }
  return queue;
}

watchOrder(live, send);

document.addEventListener("visibilitychange", () => { if (document.hidden) flush(); });
addEventListener("beforeunload", (event) => {
  if (!unsaved.size && !underway && !live.querySelector(".clash")) return;
  flush();
  event.preventDefault();
});
