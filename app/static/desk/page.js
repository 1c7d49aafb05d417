// What do all parts of the desk need of the page? Its words, its settings, and asking the server.

export const desk = document.querySelector("#desk");

/** A text of the catalogue in the reader's language, with `{name}` filled in. */
export function words(code, values = {}) {
  const found = document.querySelector("#words").content.querySelector(`[data-code="${code}"]`);
  return Object.entries(values).reduce(
    (text, [name, value]) => text.replaceAll(`{${name}}`, value),
    found ? found.textContent : code,
  );
}

// This computer's clock may be wrong; times on the page are the server's.
let skew = Date.now() - Date.parse(desk.dataset.now);

export function learnClock(place) {
  const shown = place.querySelector("[data-now]");
  if (shown) skew = Date.now() - Date.parse(shown.dataset.now);
}

const serverNow = () => Date.now() - skew;

/** Ask the server as this page. Throws when it can't be reached; `signedOut` is told of a session that ended. */
export async function ask(path, options = {}) {
  let response = await request(path, options);
  // After signing in anew in another tab the session has another token.
  if (response.status === 400 && options.method === "POST") {
    const renewed = await renewToken();
    response = renewed.ok ? await request(path, options) : renewed;
  }
  if (response.status === 401) document.dispatchEvent(new CustomEvent("desk:signed-out"));
  return response;
}

function request(path, options) {
  const ours = { "X-Requested-With": "fetch", "X-CSRF-Token": desk.dataset.csrf, "X-Desk-Agent": desk.dataset.agent };
  return fetch(path, { ...options, headers: { ...ours, ...options.headers } });
}

async function renewToken() {
  const response = await request("/desk/token", {});
  if (response.ok) desk.dataset.csrf = (await response.json()).csrf;
  return response;
}

/** Send a form as its pressed button would, and return the answer. */
export function send(form, button) {
  // What is filled in now is meant, whatever the form says once it is its turn.
  const body = new URLSearchParams(new FormData(form, button));
  return post(button?.hasAttribute("formaction") ? button.formAction : form.action, body);
}

// A server that says nothing holds up what is pressed next for so long.
const LONGEST_POST_MILLISECONDS = 20_000;
const posting = new Map(); // about what -> the answer to what was pressed last

/**
 * Have the server do something. What was pressed before about the same call, promise, or about the agent has been
 * answered by then: of two presses the later one stands, and requests that are on their way together know no order.
 */
export function post(address, body) {
  const [, , what, which] = new URL(address, location.href).pathname.split("/");
  const about = which ? `${what}/${which}` : "";
  const before = posting.get(about) ?? Promise.resolve();
  const answer = before.then(() => {
    const signal = AbortSignal.timeout(LONGEST_POST_MILLISECONDS);
    return ask(address, { method: "POST", body, signal });
  });
  // Whoever pressed hears of what went wrong; what comes next only waits for it.
  const done = answer.then(() => {}, () => {});
  posting.set(about, done);
  done.then(() => {
    if (posting.get(about) === done) posting.delete(about);
  });
  return answer;
}

// Answers may overtake each other: each is as of the moment in which it was asked for.
let moment = 0;
const shownAsOf = new WeakMap();

/**
 * Ask for what belongs in `target` now. Returns the HTML that is to be placed there at once; null where the server has
 * none, or where something newer came first. Throws as `ask` does.
 */
export async function news(target, address, options = {}) {
  const asOf = moment += 1;
  const response = await ask(address, options);
  const html = response.ok ? await response.text() : null;
  if (html !== null) await letGo(target);
  if (html === null || asOf < (shownAsOf.get(target) ?? 0)) return null;
  shownAsOf.set(target, asOf);
  return html;
}

/** What is about to be placed in `target` is newer than all that is on its way there. */
export function isNewest(target) {
  shownAsOf.set(target, moment += 1);
}

const LONGEST_PRESS_MILLISECONDS = 1000;
let pressed = null; // what a finger, or a button of the mouse, is down on
let released = Promise.resolve();
let release = () => {};

addEventListener("pointerdown", ({ target }) => {
  pressed = target;
  released = new Promise((done) => { release = done; });
}, { capture: true, passive: true });
for (const kind of ["pointerup", "pointercancel"])
  addEventListener(kind, () => {
    pressed = null;
    // The click itself comes right after.
    setTimeout(release);
  }, { capture: true, passive: true });

/** Wait while something in `target` is held down: a button that is replaced meanwhile would never be clicked. */
export async function letGo(target) {
  if (!target.contains(pressed)) return;
  await Promise.race([released, new Promise((done) => setTimeout(done, LONGEST_PRESS_MILLISECONDS))]);
}

/**
 * Put HTML that our own server rendered in its place. Keyboard focus stays where it was; where that is gone it goes to
 * what surrounds it, never back to the top of the page. What is not the same thing any more gets no focus: what is
 * pressed or typed was meant for what stood there. `keepsOpen`: what was opened in it stays so. `complete` adds what the
 * server doesn't know, before the focus is brought back.
 */
export function place(target, html, { isSame = true, keepsOpen = false, complete = null } = {}) {
  const focusBack = keepFocus(target, isSame);
  const playing = [...target.querySelectorAll("audio")].filter((audio) => !audio.paused);
  const open = keepsOpen ? [...target.querySelectorAll("details[id][open]")].map(({ id }) => id) : [];
  target.innerHTML = html;
  for (const id of open) target.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  // Put back at once, a message that somebody is listening to goes on.
  for (const audio of playing) target.querySelector(`audio[src="${CSS.escape(audio.getAttribute("src"))}"]`)?.replaceWith(audio);
  learnClock(target);
  complete?.();
  focusBack();
  tellTimes();
}

/** Remember where in `target` the focus is; return what brings it back there, or around it, once it is lost. */
export function keepFocus(target, isSame = true) {
  const had = target.contains(document.activeElement) ? document.activeElement : null;
  return () => {
    if (!had || document.activeElement !== document.body) return;
    // Something else may be in sight by now, as a call that came in: that stays.
    if (isSame) theSame(had, target)?.focus({ preventScroll: true });
    // The same may be there and take no focus: it is folded away again, once what was typed in it is done.
    if (document.activeElement === document.body) target.closest("[tabindex]")?.focus();
  };
}

/** Return the element of `target` that does what one did that is gone; null unless there is exactly one. */
function theSame(gone, target) {
  const does = whatItDoes(gone);
  const found = [...target.querySelectorAll(gone.localName)].filter((one) => whatItDoes(one) === does);
  return found.length === 1 ? found[0] : null;
}

// Of what has no id: its name and, of what is pressed, its words; and to what its form speaks about whom.
function whatItDoes(element) {
  if (element.id) return `#${element.id}`;
  const isPressed = ["button", "summary", "a"].includes(element.localName);
  const hidden = [...(element.form?.querySelectorAll("input[type=hidden]:not([name=csrf])") ?? [])];
  const about = [element.form?.getAttribute("action"), ...hidden.map((one) => `${one.name}=${one.value}`)];
  const words = isPressed ? [element.getAttribute("href"), element.value, element.textContent.trim()] : [];
  return JSON.stringify([element.name, element.type === "radio" ? element.value : "", ...about, ...words]);
}

/** Keep the running times right: since when, until when. */
export function tellTimes() {
  const now = serverNow();
  for (const element of document.querySelectorAll("[data-since]"))
    element.textContent = minutesAndSeconds(now - Date.parse(element.dataset.since));
  for (const element of document.querySelectorAll("[data-until]"))
    element.textContent = element.dataset.until ? minutesAndSeconds(Date.parse(element.dataset.until) - now) : "";
}

function minutesAndSeconds(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}
