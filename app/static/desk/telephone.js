// What does the agent do with the call in this window? Answer, mute, keys, hang up; and how its sound is.

import { ringBegins } from "./guard.js";
import { words } from "./page.js";
import { isAtWork } from "./pop_bar.js";
import { announce } from "./signals.js";
import { soundOf, softphone } from "./softphone.js";

const bar = document.querySelector("#telephone"); // null where desks are no telephones
const says = bar?.querySelector("#telephone-says");
const who = bar?.querySelector("#telephone-who");
const quality = bar?.querySelector("#telephone-quality");
const answerButton = bar?.querySelector("#telephone-answer");
const muteButton = bar?.querySelector("#telephone-mute");
const keypad = bar?.querySelector("#telephone-keypad");
const hangUpButton = bar?.querySelector("#telephone-hang-up");
const showButton = bar?.querySelector("#telephone-show");
const RINGER = "rechtdoor.ringer";
const CARD_WITHIN_MILLISECONDS = 1200;

let shownFor = null; // the SDK's call that the bar speaks of
let cardOf = () => null;
let bell = null;
let talked = false; // the last time that the bar was shown

/**
 * Let the bar follow the telephone. `open(callSid)` shows the card of a call and resolves when it stands;
 * `cardNow(callSid)` returns the element of that card, null while it doesn't stand.
 */
export function useTelephone({ open, cardNow }) {
  if (softphone.state === "absent") return;
  cardOf = cardNow;
  softphone.addEventListener("call", () => changed(open));
  softphone.addEventListener("quality", tellQuality);
  answerButton.addEventListener("click", () => softphone.answer());
  muteButton.addEventListener("click", () => softphone.mute(!softphone.isMuted));
  hangUpButton.addEventListener("click", () => softphone.hangUp());
  showButton.addEventListener("click", async () => {
    await open(softphone.callSid);
    const place = document.querySelector("#call");
    place.scrollIntoView();
    place.focus({ preventScroll: true });
  });
  addEventListener("scroll", cardChanged, { passive: true });
  keypad.addEventListener("click", (event) => press(event.target.closest("button")?.value));
  keypad.addEventListener("keydown", (event) => {
    if (!/^[0-9*#]$/.test(event.key)) return;
    event.preventDefault();
    press(event.key);
  });
}

/** The card that is open, or what it says, has changed: the bar says who it is, and leads there when it is out of sight. */
export function cardChanged() {
  if (!shownFor) return;
  const callSid = softphone.callSid;
  const card = cardOf(callSid);
  says.textContent = words(sentence(card));
  who.textContent = card && !softphone.isTest ? [card.dataset.name, card.dataset.subject].filter(Boolean).join(" · ") : "";
  showButton.hidden = softphone.isTest || callSid === null || (card !== null && isInSight(card));
  who.hidden = showButton.hidden;
}

/** Return the code of what goes on in this window. */
function sentence(card) {
  const side = softphone.talks ? "talking" : "ringing";
  if (softphone.isTest) return `telephone_test_${side}`;
  if (softphone.isMuted) return "telephone_muted";
  if (!softphone.talks) return "telephone_ringing";
  const state = card?.querySelector(".call-state")?.dataset;
  // Without its card nobody is promised not to hear.
  return state?.side === "dialling" ? "telephone_dialling" : `telephone_talking_${state?.heardBy ?? "customer"}`;
}

/** Whether the name can be read: the bar stands above the card, and over it once that is scrolled away. */
function isInSight(card) {
  const name = card.querySelector("#caller-name").getBoundingClientRect();
  return name.top >= bar.getBoundingClientRect().bottom && name.top < innerHeight;
}

// Where the columns stand below each other, the bar stays behind with its own. Who types is led there by another.
function bringBarInSight() {
  if (!softphone.isTest && isAtWork()) return;
  if (bar.getBoundingClientRect().top < 0) bar.parentElement.scrollIntoView();
}

async function changed(open) {
  const call = softphone.call;
  if (call && call !== shownFor && !softphone.talks) await before(call, open);
  // While the card was fetched the caller may have hung up, or somebody else have called.
  if (softphone.call !== call) return;
  const isNew = call !== shownFor;
  shownFor = call;
  if (!call) {
    hide();
    return;
  }
  show(isNew);
}

/** The card first: the ring must find it painted. But a ring never waits long for it. */
async function before(call, open) {
  const callSid = softphone.callSid;
  if (softphone.isTest || callSid === null) return;
  performance.mark("ring-heard", { detail: callSid });
  await Promise.race([
    open(callSid).then(painted),
    new Promise((done) => setTimeout(done, CARD_WITHIN_MILLISECONDS)),
  ]);
}

// A tab that nobody sees paints nothing, and must not wait for it.
const painted = () => new Promise((done) => {
  if (document.hidden) done();
  else requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)));
});

function show(isNew) {
  const talks = softphone.talks;
  const focused = document.activeElement;
  bar.dataset.side = talks ? "talking" : "ringing";
  bar.hidden = false;
  answerButton.hidden = talks;
  muteButton.hidden = !talks || softphone.isTest;
  keypad.hidden = !talks || softphone.isTest;
  hangUpButton.hidden = !talks && !softphone.isTest;
  muteButton.setAttribute("aria-pressed", String(softphone.isMuted));
  bar.classList.toggle("is-muted", softphone.isMuted);
  cardChanged();
  if (talks && !talked && !softphone.isTest) toTheNote();
  else if (bar.contains(focused) && focused.closest("[hidden]")) hangUpButton.focus();
  talked = talks;
  if (talks) stopRinging();
  else ring();
  if (isNew && !talks && !softphone.isTest) ringBegins();
  if (isNew && !talks) {
    performance.mark("ring-shown", { detail: softphone.callSid });
    bringBarInSight();
    if (softphone.isTest) announce(words("telephone_test_ringing"));
  }
}

/** Who has answered writes next; a space or a letter that is meant as text must meet no button. */
function toTheNote() {
  if (document.activeElement.closest("input, textarea, select, [contenteditable]")) return;
  const note = cardOf(softphone.callSid)?.querySelector("#summary");
  (note ?? document.querySelector("#call")).focus({ preventScroll: true });
}

function hide() {
  stopRinging();
  talked = false;
  const hadFocus = bar.contains(document.activeElement);
  bar.hidden = true;
  delete bar.dataset.side;
  bar.classList.remove("is-muted");
  keypad.open = false;
  tellQuality();
  if (hadFocus) document.querySelector("#call").focus();
}

function press(key) {
  if (!key) return;
  softphone.press(key);
  keypad.querySelector("output").textContent += key;
}

function tellQuality() {
  const sentences = softphone.troubles.map((trouble) => words(`quality_${trouble}`));
  quality.textContent = sentences.join(" ");
  quality.hidden = sentences.length === 0;
}

// --- the bell ---------------------------------------------------------------------------------------

function ring() {
  if (bell) return;
  bell = new Audio(soundOf("incoming"));
  bell.loop = true;
  ringing(bell).catch(() => {
    // Browsers keep a page silent that nobody has touched yet.
    quality.textContent = words("quality_silent");
    quality.hidden = false;
  });
}

async function ringing(sound) {
  const ringer = localStorage.getItem(RINGER);
  if (ringer && sound.setSinkId) await sound.setSinkId(ringer).catch(() => {});
  if (bell === sound) await sound.play();
}

function stopRinging() {
  bell?.pause();
  bell = null;
  tellQuality();
}
