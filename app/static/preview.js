// What do the coming two weeks look like while somebody still types? The server says; this asks it once they pause.

const PAUSE_MILLISECONDS = 400;

const place = document.querySelector("#preview");
const form = place?.dataset.of && document.getElementById(place.dataset.of);
let timer = null;
let asked = 0;

async function show() {
  const said = new FormData(form);
  const query = new URLSearchParams({ line: place.dataset.line });
  for (const name of ["hours", "timezone", "country"]) query.set(name, said.get(name) ?? "");
  const mine = (asked += 1);
  const answer = await fetch(`/admin/lines/preview?${query}`).catch(() => null);
  // Of two answers the later question's counts; without one what stood there stays.
  if (answer?.ok && mine === asked) place.innerHTML = await answer.text();
}

if (form) {
  form.addEventListener("input", (event) => {
    if (!["hours", "timezone", "country"].includes(event.target.name)) return;
    clearTimeout(timer);
    timer = setTimeout(show, PAUSE_MILLISECONDS);
  });
}
