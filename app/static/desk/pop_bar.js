// A call comes in and its card is out of sight: who sees it at once, and who is not pulled away from their words?

const bar = document.querySelector("#pop-bar");
const call = document.querySelector("#call");
let name = null; // the heading that is to be seen

/** Whether somebody types or chooses just now: what they have before them must not run away. */
export function isAtWork() {
  const field = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";
  return document.activeElement.closest(field) !== null || document.querySelector(".menu[open]") !== null;
}

/** Bring the card of a call that comes in into view; under somebody's hands, show a bar that leads there. */
export function bringInSight(card) {
  name = card.querySelector("#caller-name");
  if (isInSight()) return;
  if (!isAtWork()) {
    call.scrollIntoView();
    return;
  }
  bar.querySelector("#pop-bar-who").textContent = [card.dataset.name, card.dataset.subject].filter(Boolean).join(" · ");
  bar.hidden = false;
}

/** It rings no more, or its card is another one. */
export function noLongerWanted() {
  name = null;
  bar.hidden = true;
}

function isInSight() {
  const { top, bottom } = name.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
}

bar.querySelector("button").addEventListener("click", () => {
  call.scrollIntoView();
  call.focus({ preventScroll: true });
  bar.hidden = true;
});
addEventListener("scroll", () => {
  if (!bar.hidden && name?.isConnected && isInSight()) bar.hidden = true;
}, { passive: true });
