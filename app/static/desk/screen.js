// The screen beside the call: its part of the card is fetched by itself, so that notes and whose are left alone.

import { isNewest, keepFocus, news, place, send, words } from "./page.js";
import { announce } from "./signals.js";

const cardPlace = document.querySelector("#card");
const panelOf = () => cardPlace.querySelector("[data-screen]");
let waiting = null;

/** Something of the page beside a call has changed: show it, if that call's card is here. */
export function screenChanged(callSid) {
  if (panelOf()?.dataset.screen !== callSid) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => fetchPanel(callSid), 60);
}

async function fetchPanel(callSid) {
  const panel = panelOf();
  if (panel?.dataset.screen !== callSid) return;
  try {
    const html = await news(panel, `/desk/calls/${encodeURIComponent(callSid)}/screen`);
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
  if (panel?.dataset.screen !== callSid) return;
  // What an agent is typing there waits for no event.
  const typed = [...panel.querySelectorAll("input[id]")].map(({ id, value }) => [id, value]);
  const putBack = () => {
    for (const [id, value] of typed) {
      const field = panel.querySelector(`#${CSS.escape(id)}`);
      if (field) field.value = value;
    }
  };
  place(panel, html, { keepsOpen: true, complete: putBack });
}

/** A card was placed, or turned into a conversation: its panel is fetched. */
export function screenShown() {
  const panel = panelOf();
  if (panel) fetchPanel(panel.dataset.screen);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const panel = panelOf();
  if (form.dataset.place !== "screen" || !panel) return;
  event.preventDefault();
  const callSid = panel.dataset.screen;
  const focusBack = keepFocus(panel);
  const sending = send(form, event.submitter);
  if (event.submitter) event.submitter.disabled = true;
  try {
    const response = await sending;
    if (response.headers.get("Content-Type")?.startsWith("text/html")) {
      if (response.ok) form.reset();
      const html = await response.text();
      if (panelOf()) isNewest(panelOf());
      show(callSid, html);
      // What happened since it was sent may be on its way already.
      screenChanged(callSid);
    }
  } catch {
    announce(words("alarm_dead"));
    screenChanged(callSid);
  } finally {
    if (event.submitter) event.submitter.disabled = false;
    focusBack();
  }
});
