// Does the agent notice? The title, a notification when the tab is hidden, words for a screen reader, the alarm.

import { words } from "./page.js";

const title = document.title;
const announcer = document.querySelector("#announcer");
const alarm = document.querySelector("#alarm");
const notify = document.querySelector("#notify");
let flashing = null;
let shown = null;

/** Speak to a screen reader without moving the focus. */
export function announce(text) {
  announcer.textContent = "";
  // An unchanged region is not read again.
  requestAnimationFrame(() => { announcer.textContent = text; });
}

/** `ringsFor` is what the card says that it rings for. */
export function ringing(call, ringsFor) {
  if (document.hidden && "Notification" in window && Notification.permission === "granted") {
    shown?.close();
    // Whoever walks past reads it too: no name, no number.
    shown = new Notification(words(`notify_${ringsFor}`), { body: words("notify_body"), tag: call, requireInteraction: true });
    shown.addEventListener("click", () => { window.focus(); shown?.close(); });
  }
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  clearInterval(flashing);
  document.title = words("title_ringing");
  if (!calm) flashing = setInterval(() => {
    document.title = document.title === title ? words("title_ringing") : title;
  }, 1000);
}

export function notRinging() {
  clearInterval(flashing);
  document.title = title;
  shown?.close();
  shown = null;
}

/** Show what is wrong with the desk's connection: "dead", "slow", "full", "signed_out", or null for nothing. */
export function alarmAbout(what) {
  const before = alarm.dataset.about ?? "";
  if ((what ?? "") === before) return;
  alarm.dataset.about = what ?? "";
  alarm.hidden = what === null;
  alarm.replaceChildren();
  if (what === null) {
    if (before === "dead") announce(words("say_connected"));
    return;
  }
  const sentence = document.createElement("span");
  sentence.textContent = words(`alarm_${what}`);
  alarm.append(sentence);
  if (what === "signed_out") {
    const link = document.createElement("a");
    link.href = "/login?next=/desk";
    link.textContent = words("alarm_sign_in");
    alarm.append(link);
  }
}

/** Offer notifications by a button: browsers and people dislike being asked unbidden. */
export function offerNotifications() {
  if (!("Notification" in window)) return;
  notify.hidden = Notification.permission !== "default";
  notify.addEventListener("click", async () => {
    const answer = await Notification.requestPermission();
    notify.hidden = true;
    if (answer === "denied") announce(words("notify_denied"));
  });
}
