// Which keys do something? Those that the page shows, while nobody types and unless switched off.
//
// A single key may be a stray one. While a call is here, or its card, what is marked data-careful takes Alt with it: it
// ends or mutes a conversation, or says something of the agent or customer.

const OFF = "rechtdoor.shortcuts.off";
const dialog = document.querySelector("#shortcuts");
const choice = document.querySelector("#shortcuts-on");

/** `extra` names more keys and what they do; `isCareful()` tells whether a stray key could do harm now. */
export function useShortcuts(extra, isCareful) {
  choice.checked = localStorage.getItem(OFF) === null;
  show();
  choice.addEventListener("change", () => {
    if (choice.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
    show();
  });
  document.querySelector("#shortcuts-open").addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => press(event, extra, isCareful()));
}

function show() {
  document.body.classList.toggle("without-shortcuts", !choice.checked);
}

function press(event, extra, isCareful) {
  if (!choice.checked || event.ctrlKey || event.metaKey || event.repeat || dialog.open) return;
  const isAtWork = event.target.closest("input, textarea, select, [contenteditable], .menu[open]") !== null;
  if (isAtWork && !event.altKey) return;
  if (event.key === "?") {
    dialog.showModal();
    return;
  }
  const key = letterOf(event);
  if (key === null) return;
  const target = [...document.querySelectorAll(`[data-shortcut="${key}"]`)].find(canBePressed);
  const act = extra[key];
  if (!target && !act) return;
  if (target && isCareful && "careful" in target.dataset && !event.altKey) return;
  event.preventDefault();
  if (target) {
    // Who writes goes on writing, unless there is something to choose.
    if (!isAtWork || target.localName === "summary") target.focus();
    target.click();
  } else act();
}

/** Return the letter that was pressed; with Alt some keyboards make another sign of it. */
function letterOf(event) {
  const key = event.key.toLowerCase();
  if (/^[a-z]$/.test(key)) return key;
  return event.altKey && /^Key[A-Z]$/.test(event.code) ? event.code.slice(3).toLowerCase() : null;
}

function canBePressed(element) {
  return !element.disabled && !element.closest("[hidden]");
}
