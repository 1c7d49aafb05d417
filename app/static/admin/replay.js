// How is a long period replayed? Part after part, each added to what was there, while the page says how far it is.

const MOST_LISTED = 300;

const progress = document.querySelector("#replay-progress");
if (document.querySelector("#replay-next a")) goOn();

async function goOn() {
  const link = document.querySelector("#replay-next");
  let next = link.querySelector("a").href;
  link.hidden = true;
  while (next) {
    const part = await ask(next);
    if (!part) {
      // Whoever looks goes on by hand, from where it stopped.
      link.querySelector("a").href = next;
      link.hidden = false;
      return;
    }
    add(part);
    next = part.querySelector("#replay-next a")?.href;
  }
  const none = document.querySelector("#replay-none");
  none.hidden = Boolean(document.querySelector("#replay-list tbody tr"));
  document.querySelector("#replay-over").hidden = false;
}

async function ask(address) {
  try {
    const response = await fetch(address, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return response.ok && page.querySelector("#replay-progress") ? page : null;
  } catch {
    return null;
  }
}

function add(part) {
  for (const figure of document.querySelectorAll("[data-figure]")) {
    const more = part.querySelector(`[data-figure=${figure.dataset.figure}]`);
    figure.textContent = Number(figure.textContent) + Number(more.textContent);
  }
  const list = document.querySelector("#replay-list");
  const rows = [...part.querySelectorAll("#replay-list tbody tr")];
  const room = MOST_LISTED - list.querySelectorAll("tbody tr").length;
  list.querySelector("tbody").append(...rows.slice(0, room));
  list.hidden = !list.querySelector("tbody tr");
  if (rows.length > room || part.querySelector("#replay-more")) document.querySelector("#replay-first").hidden = false;
  const theirs = part.querySelector("#replay-progress");
  const [bar, newer] = [progress, theirs].map((one) => one.querySelector("progress"));
  bar.value = newer.value;
  bar.max = newer.max;
  progress.querySelector("span").textContent = theirs.querySelector("span").textContent;
}
