// The customer's page beside a call: it is told that there is something new, fetches it, and puts it in its place.
// Without this script the same page works with its forms and by being loaded again.

const place = document.querySelector("#screen");
const says = document.querySelector("#screen-says");
const STREAM_TRIES = 3;
const POLL = 700; // while no stream comes through
const POLL_BENEATH = 5000; // beside a stream that does: it may hang without saying so
const LEAVES_WITHIN = 60_000;
let stamp = place?.dataset.stamp ?? "";
let stream = null;
let failures = 0;
let fetching = false;
let again = false;
let isLeaving = false; // what was pressed is answered with a page of its own
let isLost = false;

/** Put what the server rendered in its place; what is the same stays, with what was typed or chosen in it. */
function show(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  const focused = document.activeElement?.id;
  let isNew = false;
  const wanted = [...made.content.children];
  for (const [number, section] of wanted.entries()) {
    const old = document.getElementById(section.id);
    if (old && old.dataset.state === section.dataset.state) {
      if (place.children[number] !== old) place.insertBefore(old, place.children[number] ?? null);
      continue;
    }
    isNew ||= !old;
    if (old) old.replaceWith(section);
    if (place.children[number] !== section) place.insertBefore(section, place.children[number] ?? null);
  }
  while (place.children.length > wanted.length) place.lastElementChild.remove();
  if (focused && !document.activeElement?.id) document.getElementById(focused)?.focus();
  if (isNew) announce(place.dataset.new);
}

/** Say it to who listens instead of looking, also when it is what was said last. */
function announce(words) {
  says.textContent = "";
  setTimeout(() => { says.textContent = words; }, 50);
}

/** Go to what there is instead; not from under an answer that is on its way, such as that it has stopped. */
function anew() {
  if (!isLeaving) location.replace("/b");
}

/** Fetch what is there, if it is newer than what is shown: one request, also where each takes its time. */
async function refresh() {
  if (fetching) {
    again = true;
    return;
  }
  fetching = true;
  try {
    const response = await fetch(`/b/part?has=${encodeURIComponent(stamp)}`, { headers: { "X-Requested-With": "fetch" } });
    isLost = false;
    if (response.status === 409 || response.status === 410) anew();
    else if (response.status === 200) {
      const html = await response.text();
      stamp = response.headers.get("X-Stamp");
      show(html);
    }
    if (says.textContent === place.dataset.lost) says.textContent = "";
  } catch {
    isLost = true;
    if (!isLeaving) says.textContent = place.dataset.lost;
  } finally {
    fetching = false;
    if (again) {
      again = false;
      refresh();
    }
  }
}

function hear(now) {
  if (now === stamp) return;
  if (place) refresh();
  else anew();
}

/** Whoever waits to be let in asks for no more than whether they are. */
async function isStillWaiting() {
  try {
    const { state } = await (await fetch("/b/state")).json();
    if (state !== "waits") anew();
  } catch {
    // The next time tells.
  }
}

async function poll() {
  await (place ? refresh() : isStillWaiting());
  setTimeout(poll, stream?.readyState === EventSource.OPEN && !isLost ? POLL_BENEATH : POLL);
}

function listen() {
  stream = new EventSource("/b/events");
  stream.addEventListener("open", () => { failures = 0; });
  stream.addEventListener("changed", (event) => hear(JSON.parse(event.data).stamp));
  stream.addEventListener("over", () => {
    stream.close();
    anew();
  });
  stream.addEventListener("error", () => {
    failures += 1;
    // A proxy that lets none through: asking goes on without.
    if (failures >= STREAM_TRIES) stream.close();
  });
}

/** A page of its own comes; unless whoever pressed stays here after all. */
function leave() {
  isLeaving = true;
  setTimeout(() => { isLeaving = false; }, LEAVES_WITHIN);
}

// A file that is too large need not be sent first.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!("upload" in form.dataset)) {
    leave();
    return;
  }
  const [file] = form.querySelector("[type=file]").files;
  for (const earlier of document.querySelectorAll(".refusal")) earlier.remove();
  const sentence = document.createElement("p");
  if (file && file.size > Number(place.dataset.most)) {
    event.preventDefault();
    sentence.className = "refusal";
    sentence.setAttribute("role", "alert");
    sentence.textContent = place.dataset.large;
    form.append(sentence);
    return;
  }
  leave();
  says.textContent = place.dataset.sending;
  form.querySelector("button").disabled = true;
});

// Gone back to, a page out of the browser's memory shows what may be over, with a button that was pressed.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

listen();
setTimeout(poll, POLL);
