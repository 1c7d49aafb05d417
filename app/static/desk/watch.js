// What a supervisor oversees, at their desk: looked at again every few seconds, and pressed without leaving the page.

import { announce } from "./signals.js";
import { isNewest, news, place, send, words } from "./page.js";

const EVERY_MILLISECONDS = 4000;
const watched = document.querySelector("#watch");

async function look() {
  // A refusal stands until whoever pressed has read it and gone on.
  if (document.hidden || document.activeElement?.closest("form[data-watch]")?.querySelector(".refusal")) return;
  try {
    const html = await news(watched, "/desk/watch");
    if (html !== null) place(watched, html);
  } catch {
    // The stream's own alarm tells; the next look tries again.
  }
}

async function press(event) {
  const form = event.target;
  if (!("watch" in form.dataset)) return;
  event.preventDefault();
  const button = event.submitter;
  try {
    const response = await send(form, button);
    if (response.ok) {
      const html = await response.text();
      isNewest(watched);
      place(watched, html);
      return;
    }
    const problem = await response.json();
    // Who listens shows once more who they are; the question leads back here.
    if (problem.step_up) location.assign(`${problem.step_up}?next=${encodeURIComponent("/desk")}`);
    else refuse(form, problem.title);
  } catch {
    announce(words("alarm_dead"));
  }
}

function refuse(form, title) {
  form.querySelector(".refusal")?.remove();
  const sentence = document.createElement("p");
  sentence.className = "refusal";
  sentence.setAttribute("role", "alert");
  sentence.textContent = title;
  form.append(sentence);
}

if (watched) {
  document.addEventListener("submit", press);
  setInterval(look, EVERY_MILLISECONDS);
}
