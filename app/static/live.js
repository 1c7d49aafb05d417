// A part of a page that changes while something goes on: asked for every second, as long as somebody looks.

const EVERY = 1000;
const AFTER_FAILURE = 3000;
const part = document.querySelector("[data-live]");

async function look() {
  let next = EVERY;
  if (!document.hidden) {
    try {
      const answer = await fetch(`${part.dataset.live}?seen=${part.dataset.mark}`, {
        headers: { "X-Requested-With": "fetch" },
      });
      if (answer.status === 200) {
        part.innerHTML = await answer.text();
        part.dataset.mark = answer.headers.get("X-Mark");
        if (answer.headers.get("X-Live") === "no") return;
      } else if (answer.status !== 204) {
        if (answer.status < 500) return;
        next = AFTER_FAILURE;
      }
    } catch {
      next = AFTER_FAILURE;
    }
  }
  setTimeout(look, next);
}

if (part) setTimeout(look, EVERY);
