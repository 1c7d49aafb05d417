// Is a ring so new that the hand was still on its way to something else? Then it is neither taken nor declined.
//
// Who becomes available, or clicks or types elsewhere in the instant in which a call arrives, would otherwise take or
// refuse it by reflex. What is marked data-guarded waits a moment then, and says so.

import { desk } from "./page.js";

const MILLISECONDS = Number(desk.dataset.guardSeconds) * 1000;
let touchedAt = -Infinity;
let until = -Infinity;
let ends = null;

const isGuarded = () => performance.now() < until;

/** The agent has just become available, by a press or because their time to write things down was over. */
export function becameAvailable() {
  touchedAt = performance.now();
}

/** A call has just appeared that can be taken or declined. */
export function ringBegins() {
  until = Math.max(until, touchedAt + MILLISECONDS);
  clearTimeout(ends);
  // A timer may be early by a hair: its end is the end, whatever the clock says.
  if (isGuarded()) ends = setTimeout(over, until - performance.now());
  tellGuard();
}

function over() {
  until = -Infinity;
  tellGuard();
}

/** Say on what can be pressed whether it waits; also on what was rendered just now. */
export function tellGuard() {
  const guarded = isGuarded();
  document.body.classList.toggle("is-guarded", guarded);
  for (const element of document.querySelectorAll("[data-guarded]")) {
    if (guarded) element.setAttribute("aria-disabled", "true");
    else element.removeAttribute("aria-disabled");
  }
}

// Before anybody else hears of it. A press that is held back is no touch: it must not hold back the next.
for (const kind of ["pointerdown", "keydown"])
  addEventListener(kind, (event) => {
    if (!isGuarded() || !event.target.closest?.("[data-guarded]")) touchedAt = performance.now();
  }, { capture: true, passive: true });

addEventListener("click", (event) => {
  if (!isGuarded() || !event.target.closest?.("[data-guarded]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, { capture: true });
