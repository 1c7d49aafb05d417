// The agent's desk: events come in, the server renders, this places. Never a card of another call.

import { handOverChanged, handOverShown } from "./desk/hand_over.js";
import { screenChanged, screenShown } from "./desk/screen.js";
import { useDevices } from "./desk/devices.js";
import { heardAsk } from "./desk/asks.js";
import { becameAvailable, ringBegins, tellGuard } from "./desk/guard.js";
import { flushNotes, noteOn, pinNote, saveWhatIsLeft, unpinNote, watchNotes } from "./desk/notes.js";
import { beTheDesk } from "./desk/one_tab.js";
import { ask, desk, isNewest, keepFocus, letGo, news, place, send, tellTimes, words } from "./desk/page.js";
import { bringInSight, noLongerWanted } from "./desk/pop_bar.js";
import { useShortcuts } from "./desk/shortcuts.js";
import { alarmAbout, announce, notRinging, offerNotifications, ringing } from "./desk/signals.js";
import { softphone } from "./desk/softphone.js";
import { Stream } from "./desk/stream.js";
import { cardChanged, useTelephone } from "./desk/telephone.js";
import { typedOn } from "./desk/whose.js";

const cardPlace = document.querySelector("#card");
const presencePlace = document.querySelector("#presence");
const boardPlace = document.querySelector("#board");
const empty = document.querySelector("#empty");
const elsewhere = document.querySelector("#elsewhere");
const notHere = document.querySelector("#not-here");
const toMessages = document.querySelector("#to-messages");
// A heartbeat that is lost happens; two in a row say that the server isn't reached.
const MOST_MISSED_BEATS = 2;

// --- the card ---------------------------------------------------------------------------------------

let wanted = cardPlace.querySelector("[data-call]")?.dataset.call ?? null; // the call whose card belongs here
let underway = null; // what of it is being fetched
let showing = Promise.resolve();

function showCard(call, how) {
  showing = fetchCard(call, how);
  return showing;
}

/** Resolves once the card stands: news of the call breaks off what was being fetched, and fetches anew. */
async function cardStands() {
  for (let fetched = null; fetched !== showing;) {
    fetched = showing;
    await fetched;
  }
}

async function fetchCard(call, how = {}) {
  wanted = call;
  const mine = { call, part: "card", announceIt: false, ...how, broken: new AbortController() };
  // A whole card that is broken off for its head would never come.
  if (underway?.call === call && underway.part === "card") {
    mine.part = "card";
    mine.announceIt ||= underway.announceIt;
  }
  underway?.broken.abort();
  underway = mine;
  try {
    await fetchPart(mine);
  } finally {
    if (underway === mine) underway = null;
  }
}

async function fetchPart({ call, part, announceIt, broken: { signal } }) {
  const address = `/desk/calls/${encodeURIComponent(call)}/card${part === "state" ? "?part=state" : ""}`;
  for (let attempt = 0; attempt < 4; attempt += 1) {
    try {
      const response = await ask(address, { signal });
      if (response.ok) {
        const html = await response.text();
        if (openCard()?.dataset.call === call) await letGo(cardPlace);
        // By now another call may have come: its card must not be overwritten by an older one's.
        if (signal.aborted || wanted !== call || response.headers.get("X-Call") !== call) return;
        if (part === "state" && cardPlace.querySelector(".card")?.dataset.call === call) placeState(html);
        else if (part === "card") placeCard(html, announceIt);
        return;
      }
      if (response.status < 500) return;
    } catch (error) {
      if (error.name === "AbortError") return;
    }
    await new Promise((done) => setTimeout(done, 300 * 2 ** attempt));
  }
}

function placeCard(html, announceIt) {
  flushNotes();
  const old = cardPlace.querySelector(".card");
  const isSameCall = old?.dataset.call === wanted;
  const before = isSameCall ? sideShown() : null;
  const said = isSameCall ? noteOn(old) : null;
  const putsBack = isSameCall ? [fetchedOn(old), typedOn(old)] : [];
  if (old && !isSameCall) pinNote(old);
  unpinNote(wanted);
  // A button or field of another call's card is another one, whatever it is called.
  const complete = () => {
    for (const putBack of putsBack) putBack(openCard());
  };
  place(cardPlace, html, { isSame: isSameCall, complete });
  const card = openCard();
  watchNotes(card, said);
  screenShown();
  handOverShown();
  desk.classList.add("has-card");
  showSide(before);
  if (announceIt) {
    bringInSight(card);
    announce(words(`say_ring_${ringsFor()}`, { name: card.dataset.name }));
    requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("card-painted", { detail: card.dataset.call })));
  }
}

/**
 * Remember what of a card is fetched by itself; return what puts it back on the same card made anew. Until its news is
 * here its buttons and keys are there, and what is typed stays; the page beside a call is that of whose card it is.
 */
function fetchedOn(card) {
  const ofTheirs = "[data-screen]";
  const fetched = ["[data-hand-over]", ofTheirs].map((what) => [what, card.querySelector(what)]);
  return (anew) => {
    for (const [what, panel] of fetched) {
      if (what === ofTheirs && anew.dataset.whose !== card.dataset.whose) continue;
      if (panel) anew.querySelector(what)?.replaceWith(panel);
    }
  };
}

function placeState(html) {
  const before = sideShown();
  place(cardPlace.querySelector("#card-state"), html, { keepsOpen: true });
  showSide(before);
}

// Somebody calls, or one of ours rings them, or is asked along: what is said of a ring is true of each.
const ringsFor = () => cardPlace.querySelector(".call-state").dataset.ringsFor;
const sideShown = () => cardPlace.querySelector(".call-state")?.dataset.side;

let guardedFor = null; // the call that rang last

function showSide(before) {
  const side = sideShown();
  cardChanged();
  tellGuard();
  if (side === "ringing" && guardedFor !== wanted) {
    guardedFor = wanted;
    ringBegins();
  }
  if (side === "ringing") ringing(wanted, ringsFor());
  else {
    notRinging();
    noLongerWanted();
  }
  tellWhereItIs();
  if (before && side !== before && ["dialling", "talking", "ended", "elsewhere"].includes(side)) announce(words(`say_${side}`));
}

// After a reload the card says what the server knows; that the voice isn't here any more only this window knows.
function tellWhereItIs() {
  const place = cardPlace.querySelector("[data-not-here]");
  if (place) place.hidden = softphone.state === "absent" || softphone.callSid === wanted;
}

function closeCard() {
  flushNotes();
  wanted = null;
  underway?.broken.abort();
  cardPlace.replaceChildren();
  desk.classList.remove("has-card");
  cardChanged();
  notRinging();
  noLongerWanted();
  if (location.search) history.replaceState(null, "", "/desk");
}

// --- what stands beside it --------------------------------------------------------------------------

// Events come in bursts; one look afterwards shows them all.
function soon(work) {
  let waiting = null;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(work, 60);
  };
}

async function refresh(target, address, isInUse = () => false) {
  try {
    const html = await news(target, address);
    if (html !== null && !isInUse()) place(target, html, { keepsOpen: true });
  } catch {
    // The stream's own alarm tells; the next event tries again.
  }
}

let stateBefore = presencePlace.querySelector("[data-state]")?.dataset.state;
const refreshPresence = soon(async () => {
  await refresh(presencePlace, "/desk/presence");
  const state = presencePlace.querySelector("[data-state]")?.dataset.state;
  if (state === "available" && stateBefore !== "available") becameAvailable();
  stateBefore = state;
  empty.dataset.available = String(!["break", "away", "off"].includes(state));
});

// Whoever chooses in a menu of the board, or types there, goes on with the same one: what is new waits for them.
let boardIsBehind = false;
const menusOfBoard = () => [...boardPlace.querySelectorAll(".menu[open]")];
const boardIsInUse = () => {
  boardIsBehind = menusOfBoard().length > 0;
  return boardIsBehind;
};
const refreshBoard = soon(() => {
  if (!boardIsInUse()) refreshList();
});

// The way to what waits for an answer says how much that is.
async function refreshList() {
  // A menu may have been opened since it was asked for.
  await refresh(boardPlace, "/desk/board", boardIsInUse);
  const waiting = boardPlace.querySelector("[data-messages]");
  toMessages.hidden = waiting.dataset.messages === "0";
  toMessages.querySelector(".count").textContent = waiting.dataset.messages;
  toMessages.querySelector("[data-words]").textContent = waiting.textContent;
}

boardPlace.addEventListener("toggle", () => {
  if (boardIsBehind) refreshBoard();
}, { capture: true });

function hear(kind, data) {
  if (kind === "screen_pop") {
    performance.mark("pop-heard", { detail: data.call_sid });
    showCard(data.call_sid, { announceIt: true });
  } else if (kind === "call") {
    const isPlaced = cardPlace.querySelector(".card")?.dataset.call === wanted;
    if (data.call_sid === wanted) showCard(wanted, isPlaced ? { part: "state" } : { announceIt: true });
    screenChanged(data.call_sid);
    handOverChanged(data.call_sid);
    refreshBoard();
  } else if (kind === "legs" || kind === "transfer") {
    handOverChanged(data.call_sid);
    // A card that is still on its way must not be broken off for its head.
    const isPlaced = cardPlace.querySelector(".card")?.dataset.call === wanted;
    // Whose the case is, and the conversation, stands all over the card.
    const part = data.outcome === "handed_over" ? "card" : "state";
    if (data.call_sid === wanted && isPlaced) showCard(wanted, { part });
  } else if (kind === "screen") {
    screenChanged(data.call_sid);
  } else if (kind === "thanks") {
    refreshBoard();
    announce(words("say_thanks"));
  } else if (kind === "ask") {
    heardAsk(data);
  } else if (kind === "presence") {
    refreshPresence();
  } else if (kind === "promise") {
    refreshBoard();
    if (data.asks_human) announce(words("say_asks_human"));
  } else if (kind === "message") {
    refreshBoard();
    document.dispatchEvent(new CustomEvent("desk:message"));
    if (data.status === "received") announce(words("say_message"));
    else if (["failed", "undelivered"].includes(data.status)) announce(words("say_not_arrived"));
  }
}

// --- proof of life ----------------------------------------------------------------------------------

const stream = new Stream({
  after: Number(desk.dataset.after),
  watchdogSeconds: Number(desk.dataset.watchdogSeconds),
  hear,
  change: connectionChanged,
});
let signedOut = false;
let graceEnds = null;

function connectionChanged(state) {
  clearTimeout(graceEnds);
  tellProof();
  if (signedOut) return;
  if (state === "live") {
    alarmAbout(null);
    beat();
  } else if (state === "detour") {
    // A reconnection takes a second; no need to tell of that.
    graceEnds = setTimeout(() => alarmAbout("slow"), 5000);
    if (document.querySelector("#alarm").dataset.about === "dead") alarmAbout("slow");
  } else if (state === "full" || state === "dead") {
    graceEnds = setTimeout(() => alarmAbout(state), 2500);
  }
}

// One browser is one desk, however often its page is opened: one tab at a time rings.
const nameOfDesk = (localStorage["rechtdoor.desk"] ||= Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join(""));

const tell = (reported, options) => ask("/desk/heartbeat", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ visible: !document.hidden, softphone: reported, desk: nameOfDesk }),
  ...options,
});

/** What the server last said of this desk's reach holds only while it hears of us. Here stands when it doesn't. */
function tellProof() {
  const away = elsewhere.hidden ? { dead: "dead", full: "dead" }[stream.state] : "elsewhere";
  const why = signedOut ? "signed_out" : away;
  desk.dataset.unproven = why ?? "";
  notHere.hidden = !why;
  notHere.querySelector("span").textContent = why ? words(`alarm_here_${why}`) : "";
}

let beating = false;
let beatAgain = false;
let missedBeats = 0;

// Only a desk that would see a call says that it is alive.
async function beat() {
  if (!stream.isAlive || softphone.state === "starting") return;
  beatAgain = beating;
  if (beating) return;
  beating = true;
  try {
    await tell(softphone.reported, { signal: AbortSignal.timeout(4000) });
    missedBeats = 0;
  } catch {
    missedBeats += 1;
    if (missedBeats >= MOST_MISSED_BEATS) stream.doubt();
  } finally {
    beating = false;
    if (beatAgain) beat();
  }
}

// What was agreed stands on the card as well, and there it was another time until now.
document.addEventListener("desk:promised", ({ detail }) => {
  if (detail.call !== wanted) return;
  showCard(wanted);
  cardStands().then(() => {
    const says = cardPlace.querySelector(`[data-notes="${CSS.escape(detail.call)}"] .promised`);
    if (says) says.textContent = detail.words;
    announce(detail.words);
  });
});

document.addEventListener("desk:signed-out", () => {
  signedOut = true;
  clearTimeout(graceEnds);
  stream.stop();
  softphone.stop();
  alarmAbout("signed_out");
  tellProof();
});

// --- the agent's hands ------------------------------------------------------------------------------

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const target = { presence: presencePlace, card: cardPlace, board: boardPlace }[form.dataset.place];
  if (!target) return;
  event.preventDefault();
  const button = event.submitter;
  const focusBack = keepFocus(target);
  const ofCall = openCard()?.dataset.call;
  const shownBefore = showing;
  if (target === cardPlace) flushNotes();
  // What a disabled button says is left out of its form, so it is read first.
  const sending = send(form, button);
  if (button) button.disabled = true;
  try {
    const response = await sending;
    const isPage = response.headers.get("Content-Type")?.startsWith("text/html");
    if (target === boardPlace && (response.ok || isPage)) {
      // Done, or gone meanwhile: the board says what is so.
      for (const menu of menusOfBoard()) menu.open = false;
      refreshBoard();
    } else if (isPage) {
      const html = await response.text();
      if (target === presencePlace) {
        isNewest(presencePlace);
        place(presencePlace, html);
      } else if (wanted === ofCall) {
        chosen(html);
        // News that came since it was sent may be newer than this answer, or be overwritten by it.
        if (underway || showing !== shownBefore) showCard(wanted, { part: "state" });
      }
      // A refusal stands until the agent has read it.
      if (target === presencePlace && response.ok) refreshPresence();
      // The server has sent the caller on already; here it need not ring any longer.
      if (form.action.endsWith("/decline") && response.ok) softphone.refuse(ofCall);
    } else if (!response.ok) {
      refuse(form, await response.json());
    }
  } catch {
    announce(words("alarm_dead"));
  } finally {
    if (button) button.disabled = false;
    if (target !== cardPlace || wanted === ofCall) focusBack();
  }
});

/** Show the card of whom the agent says the call is about, and say so where that is somebody or something else. */
function chosen(html) {
  const before = openCard()?.dataset.whose;
  placeCard(html, false);
  const { whose, name, subject } = openCard()?.dataset ?? {};
  if (whose !== before) announce(subject ? `${name}. ${subject}` : name);
}

/** Say in the form itself why the server did not do it; what was filled in stays. */
function refuse(form, { title, detail }) {
  form.querySelector(".refusal")?.remove();
  const sentence = document.createElement("p");
  sentence.className = "refusal";
  sentence.setAttribute("role", "alert");
  form.append(sentence);
  sentence.textContent = detail ? `${title} ${detail}` : title;
}

document.addEventListener("click", (event) => {
  const open = event.target.closest("[data-open-call]");
  const close = event.target.closest("[data-close-card]");
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (open) {
    event.preventDefault();
    showCard(open.dataset.openCall).then(() => document.querySelector("#call").focus());
  } else if (close) {
    event.preventDefault();
    closeCard();
    document.querySelector("#call").focus();
  }
});

// Whoever is already away changes for how long.
presencePlace.addEventListener("change", (event) => {
  if (event.target.name !== "minutes") return;
  const current = presencePlace.querySelector(".intent[aria-pressed=true]");
  if (current && current.value !== "available") current.click();
});

// A menu closes with Escape, or with a click beside it.
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" ? document.querySelector(".menu[open]") : null;
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

const call = document.querySelector("#call");
useShortcuts(
  {
    [words("shortcut_key_card")]: () => call.focus(),
    n: () => cardPlace.querySelector("#summary")?.focus(),
  },
  () => openCard() !== null || softphone.call !== null,
);

const openCard = () => cardPlace.querySelector(".card");

useTelephone({
  // The pop may be on its way by the stream already; where it is late, the ring itself names the call.
  open: async (callSid) => {
    if (openCard()?.dataset.call === callSid) return;
    if (wanted !== callSid) showCard(callSid, { announceIt: true });
    await cardStands();
  },
  cardNow: (callSid) => (openCard()?.dataset.call === callSid ? openCard() : null),
});
useDevices();
softphone.addEventListener("change", () => {
  beat();
  tellWhereItIs();
});

// An address may lead to one promise of the list.
function openWhatIsAskedFor() {
  const asked = location.hash.startsWith("#promise-") ? document.getElementById(location.hash.slice(1)) : null;
  if (asked?.localName !== "details") return;
  asked.open = true;
  asked.querySelector("summary").focus();
}
addEventListener("hashchange", openWhatIsAskedFor);

// --- start ------------------------------------------------------------------------------------------

const tab = beTheDesk(
  () => {
    elsewhere.hidden = true;
    tellProof();
    stream.start();
    softphone.start();
  },
  () => {
    elsewhere.hidden = false;
    stream.stop();
    softphone.stop();
    alarmAbout(null);
    tellProof();
  },
);
document.querySelector("#take-over").addEventListener("click", () => tab.takeOver());

const shown = cardPlace.querySelector(".card");
if (shown) {
  watchNotes(shown);
  screenShown();
  handOverShown();
  showSide(null);
}
saveWhatIsLeft();
offerNotifications();
openWhatIsAskedFor();
tellTimes();
setInterval(tellTimes, 1000);
const pulse = new Worker("/static/desk/pulse.js");
pulse.addEventListener("message", beat);
pulse.postMessage(Number(desk.dataset.pulseSeconds) * 1000);
document.addEventListener("visibilitychange", beat);
// Nothing rings here from now on; the server need not find that out by waiting.
addEventListener("pagehide", () => {
  if (stream.isAlive && softphone.reported !== "none") tell("none", { keepalive: true }).catch(() => {});
});
