// How the conversation stands: its part of the card is fetched by itself, so that notes and whose are left alone.

import { isNewest, keepFocus, news, place, send, words } from "./page.js";
import { announce } from "./signals.js";

const PAUSE_MILLISECONDS = 200;
const cardPlace = document.querySelector("#card");
const panelOf = () => cardPlace.querySelector("[data-hand-over]");
let waiting = null;
let looking = null;
let said = "";

/** The conversation of this call has changed: show how it stands, if its card is here. */
export function handOverChanged(callSid) {
  if (panelOf()?.dataset.handOver !== callSid) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => fetchPanel(callSid), 40);
}

/** A card was placed, or turned into a conversation: its panel is fetched. */
export function handOverShown() {
  const panel = panelOf();
  if (panel) fetchPanel(panel.dataset.handOver);
}

async function fetchPanel(callSid) {
  const panel = panelOf();
  if (panel?.dataset.handOver !== callSid) return;
  try {
    const html = await news(panel, `/desk/calls/${encodeURIComponent(callSid)}/hand-over`);
    if (html === null) return;
    if (panel.isConnected) show(callSid, html);
    // Its card was made anew meanwhile, of before or after this answer.
    else fetchPanel(callSid);
  } catch {
    // The stream's own alarm tells; the next event tries again.
  }
}

function show(callSid, html) {
  const panel = panelOf();
  if (panel?.dataset.handOver !== callSid) return;
  // What an agent is typing there waits for no event.
  const typed = [...panel.querySelectorAll("input[id]")].map(({ id, value }) => [id, value]);
  const found = panel.querySelector("[data-found-colleagues]")?.innerHTML ?? "";
  const refusal = panel.querySelector(".refusal")?.outerHTML ?? "";
  const putBack = () => {
    for (const [id, value] of typed) {
      const field = panel.querySelector(`#${CSS.escape(id)}`);
      if (field) field.value = value;
    }
    const list = panel.querySelector("[data-found-colleagues]");
    if (list && found) list.innerHTML = found;
    // Why it could not be stands until something else is asked for.
    if (refusal && !panel.querySelector(".refusal") && list) panel.insertAdjacentHTML("afterbegin", refusal);
  };
  place(panel, html, { keepsOpen: true, complete: putBack });
  tell(panel);
}

/** Say how it stands now to whoever doesn't see it. */
function tell(panel) {
  const says = panel.querySelector("[data-says]")?.textContent.trim() ?? "";
  if (says && says !== said) announce(says);
  said = says;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const panel = panelOf();
  if (form.dataset.place !== "hand-over" || !panel) return;
  event.preventDefault();
  const button = event.submitter;
  const callSid = panel.dataset.handOver;
  panel.querySelector(".refusal")?.remove();
  // A button that is disabled loses the focus at once.
  const focusBack = keepFocus(panel);
  const sending = send(form, button);
  if (button) button.disabled = true;
  try {
    const response = await sending;
    const html = await response.text();
    if (panelOf()?.dataset.handOver !== callSid) return;
    if (response.ok) said = "";
    isNewest(panelOf());
    place(panelOf(), html, { keepsOpen: !response.ok });
    focusBack();
    tell(panelOf());
    const refusal = panelOf().querySelector(".refusal");
    if (refusal) announce(refusal.textContent);
    if (!response.ok) look();
    // What happened since it was sent may be on its way already.
    handOverChanged(callSid);
  } catch {
    announce(words("alarm_dead"));
    // It may have been done, and its answer have been lost: how it stands is asked.
    handOverChanged(callSid);
  } finally {
    if (button) button.disabled = false;
    focusBack();
  }
});

// --- who can come -------------------------------------------------------------------------------------

cardPlace.addEventListener("toggle", (event) => {
  if (event.target.id !== "hand-over-to" || !event.target.open) return;
  // Not where it opens again because the panel was made anew: then somebody is at something else, here or elsewhere.
  const isOpenedByHand = [event.target.querySelector("summary"), document.body].includes(document.activeElement);
  if (isOpenedByHand) event.target.querySelector("#hand-over-why").focus();
  look();
}, { capture: true });

cardPlace.addEventListener("input", (event) => {
  if (event.target.id !== "hand-over-asked") return;
  clearTimeout(looking);
  looking = setTimeout(look, PAUSE_MILLISECONDS);
});

// Enter in a field asks nobody: a colleague is chosen by their own button.
cardPlace.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.closest("#hand-over-to") || event.target.localName !== "input") return;
  event.preventDefault();
  look();
});

async function look() {
  const choice = cardPlace.querySelector("#hand-over-to");
  if (!choice?.open) return;
  const body = new URLSearchParams({ asked: choice.querySelector("#hand-over-asked").value });
  try {
    const html = await news(choice, choice.dataset.colleagues, { method: "POST", body });
    const list = cardPlace.querySelector("[data-found-colleagues]");
    if (html !== null && list) place(list, html);
  } catch {
    // Typing on asks again.
  }
}
