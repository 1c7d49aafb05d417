// What is said of what was just done, to eyes and ears alike?

const line = document.querySelector("#rules-said");
let next = null; // what is about to be said

export function announce(text, isWarning = false) {
  cancelAnimationFrame(next);
  line.classList.toggle("warning", isWarning);
  // The same words once more are said once more.
  if (line.textContent === text) line.textContent = "";
  next = requestAnimationFrame(() => { line.textContent = text; });
}

/** Say one of the sentences that the page brought along. */
export function say(code, isWarning = false) {
  // What was about to be said is older.
  cancelAnimationFrame(next);
  line.classList.toggle("warning", isWarning);
  line.textContent = line.dataset[code];
}
