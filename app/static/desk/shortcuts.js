// Which single keys do something? Those that the page shows, while nobody types and unless switched off.

const OFF = "rechtdoor.shortcuts.off";
const dialog = document.querySelector("#shortcuts");
const choice = document.querySelector("#shortcuts-on");

export function useShortcuts(extra) {
  choice.checked = localStorage.getItem(OFF) === null;
  show();
  choice.addEventListener("change", () => {
    if (choice.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
    show();
  });
  document.querySelector("#shortcuts-open").addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => press(event, extra));
}

function show() {
  document.body.classList.toggle("without-shortcuts", !choice.checked);
}

function press(event, extra) {
  if (!choice.checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat || dialog.open) return;
  if (event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]")) return;
  if (event.key === "?") {
    dialog.showModal();
    return;
  }
  const key = event.key.toLowerCase();
  if (!/^[a-z]$/.test(key)) return;
  const target = [...document.querySelectorAll(`[data-shortcut="${key}"]`)].find(canBePressed);
  const act = extra[key];
  if (!target && !act) return;
  event.preventDefault();
  if (target) {
    target.focus();
    target.click();
  } else act();
}

function canBePressed(element) {
  return !element.disabled && !element.closest("[hidden]");
}
