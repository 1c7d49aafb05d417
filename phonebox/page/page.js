// How does one phone, answer, and watch, in a browser?

import { choose, spoken, word } from "./words.js";

const $ = (selector, within = document) => within.querySelector(selector);
const KEYS = [["1", ""], ["2", "abc"], ["3", "def"], ["4", "ghi"], ["5", "jkl"], ["6", "mno"],
  ["7", "pqrs"], ["8", "tuv"], ["9", "wxyz"], ["*", ""], ["0", "+"], ["#", ""]];
const HABITS = ["manual", "answer", "decline", "busy", "no_answer", "voicemail", "fail", "off"];
const BUBBLES = new Set(["say", "voice", "said", "pressed", "error"]);
const LOG_LENGTH = 150;

const names = new Map();
const phones = new Map();
const requests = new Map();
const complaints = [];
let call = null;
let callSid = null;
let captionsShown = 0;
let spokenCaptions = 0;
let unread = 0;

// -- asking

async function ask(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const reply = await fetch(`/phonebox${path}`, options);
  const answer = reply.status === 204 ? {} : await reply.json();
  if (!reply.ok) {
    throw Object.assign(new Error(answer.error ?? String(reply.status)), { status: reply.status });
  }
  return answer;
}

let oopsTimer;
function oops(sentence) {
  const place = $("#oops");
  place.textContent = sentence;
  place.hidden = false;
  clearTimeout(oopsTimer);
  oopsTimer = setTimeout(() => { place.hidden = true; }, 6000);
}

async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    oops(error.status === 409 ? word("nobody_listens") : word("went_wrong", error.message));
    return null;
  }
}

// Asked twice at once, the answers come in either order: the later question's counts.
function latest(path, show) {
  let asked = 0;
  return async () => {
    const mine = (asked += 1);
    const answer = await ask("GET", path);
    if (mine === asked) show(answer);
  };
}

// What is said and pressed arrives in the order in which it was: of two keys the later must not overtake the earlier.
function oneByOne() {
  let done = Promise.resolve();
  return (work) => { done = done.then(() => attempt(work)); return done; };
}

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// -- names

function nameOf(address) {
  if (!address) return word("someone");
  if (names.has(address)) return names.get(address);
  if (address.startsWith("client:")) {
    const name = address.slice("client:".length).replaceAll("_", " ");
    return name.charAt(0).toUpperCase() + name.slice(1);
  }
  return address === "anonymous" ? word("anonymous") : address;
}

// -- the caller's telephone

function fromNumber() {
  const choice = $("#from-choice").value;
  if (choice === "withheld") return "anonymous";
  return choice === "typed" ? $("#from").value.replace(/[\s()-]/g, "") : choice;
}

function lineNumber() {
  const choice = $("#line-choice").value;
  return choice === "typed" ? $("#line").value.replace(/[\s()-]/g, "") : choice;
}

async function dial() {
  const from = fromNumber();
  const to = lineNumber();
  if (!from || !to) return oops(word("give_number"));
  const answer = await attempt(() => ask("POST", "/calls", { from, to }));
  if (answer) watch(answer.sid);
  return undefined;
}

function watch(sid) {
  callSid = sid;
  call = null;
  loseSound();
  captionsShown = 0;
  spokenCaptions = 0;
  $("#captions").replaceChildren();
  refresh();
}

const callersTurn = oneByOne();
function sayOrPress(kind, body) {
  if (!callSid || (call && call.ended)) return;
  const path = `/calls/${callSid}/${kind}`;
  callersTurn(() => ask("POST", path, { ...body, seconds: 2 }));
}

function sentenceFor(caption) {
  switch (caption.kind) {
    case "bridged": return word("bridged", nameOf(caption.text));
    case "ended":
      return caption.text === "callee"
        ? word("ended_callee", nameOf(call?.to)) : word(`ended_${caption.text}`);
    case "tone": return word("tone", caption.text);
    case "pressed": return word("pressed", caption.text);
    default: return BUBBLES.has(caption.kind) ? caption.text : word(caption.kind);
  }
}

function captionItem(caption) {
  const bubble = BUBBLES.has(caption.kind);
  const item = make("li", `${caption.kind} ${bubble ? "" : "note"}`, sentenceFor(caption));
  if (caption.kind === "voice") item.prepend(make("small", "", nameOf(caption.who)));
  if (caption.language) item.lang = caption.language;
  return item;
}

const TELLING = ["ringing", "bridged", "say", "play", "hold", "unhold", "queued", "music"];

function lastTold(it) {
  return [...it.captions].reverse().find(({ kind }) => TELLING.includes(kind))?.kind;
}

function isTalking(it) {
  return ["bridged", "hold", "unhold"].includes(lastTold(it));
}

function stateOf(it) {
  if (!it) return ["", word("state_none")];
  if (it.ended) return ["", word("state_ended")];
  if (it.queue && !isTalking(it)) return [it.prompt ? "prompt" : "", word(it.prompt ? "state_queued_prompt" : "state_queued")];
  if (it.prompt === "gather") return ["prompt", word("state_prompt")];
  if (it.prompt === "record") return ["prompt", word("state_record")];
  const heldOrTold = lastTold(it);
  if (heldOrTold === "hold") return ["", word("state_hold")];
  if (heldOrTold === "bridged" || heldOrTold === "unhold") {
    const company = it.company.length ? it.company : it.bridged_to.slice(-1);
    return ["talking", word("state_talking", company.map(nameOf).join(", "))];
  }
  if (heldOrTold === "say" || heldOrTold === "play") return ["", word("state_listening")];
  return ["ringing", word("state_ringing")];
}

function showCall() {
  const [tone, sentence] = stateOf(call);
  const state = $("#state");
  if (state.textContent !== sentence) state.textContent = sentence;
  state.dataset.tone = tone;
  const live = Boolean(call && !call.ended);
  $("#call").disabled = live;
  $("#end").disabled = !live;
  if (!call) return;
  const list = $("#captions");
  for (const caption of call.captions.slice(captionsShown)) {
    const item = captionItem(caption);
    const before = list.lastElementChild;
    // Who waits hears the same silence each second: once is enough to see it.
    if (item.classList.contains("note") && before?.className === `${item.className} now`
        && before.textContent === item.textContent) continue;
    item.classList.add("now");
    list.append(item);
  }
  if (call.captions.length > captionsShown) list.scrollTop = list.scrollHeight;
  captionsShown = call.captions.length;
  speakNew();
  attempt(followSound);
}

function showTimer() {
  const seconds = call ? call.seconds + (call.ended ? 0 : (Date.now() - call.fetchedAt) / 1000 * speed()) : 0;
  const whole = Math.floor(seconds);
  $("#timer").textContent = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// -- the voice

const speech = { on: localStorage.getItem("phonebox.speech") === "on" };

function voiceFor(language) {
  const wanted = language.slice(0, 2).toLowerCase();
  return globalThis.speechSynthesis?.getVoices().find(({ lang }) => lang.toLowerCase().startsWith(wanted));
}

function speakNew() {
  const fresh = call.captions.slice(spokenCaptions).filter(({ kind }) => kind === "say");
  spokenCaptions = call.captions.length;
  if (!speech.on) return;
  for (const caption of fresh) {
    const voice = voiceFor(caption.language || "nl");
    if (!voice) continue;
    const utterance = new SpeechSynthesisUtterance(caption.text);
    utterance.voice = voice;
    utterance.lang = voice.lang;
    utterance.rate = Math.min(speed(), 2);
    speechSynthesis.speak(utterance);
  }
}

function showSpeech() {
  const able = Boolean(voiceFor("nl"));
  const button = $("#speech");
  button.disabled = !able;
  button.setAttribute("aria-pressed", String(able && speech.on));
  button.textContent = able ? word(speech.on ? "speech_on" : "speech_off") : word("speech_none");
}

// -- microphone and speaker

const sound = { able: false, on: localStorage.getItem("phonebox.sound") === "on", sid: null, line: null };

function showSound() {
  const button = $("#sound");
  button.disabled = !sound.able;
  button.setAttribute("aria-pressed", String(sound.able && sound.on));
  button.textContent = sound.able ? word(sound.on ? "sound_on" : "sound_off") : word("sound_none");
}

// The call that is watched has the microphone, as long as it lasts.
async function followSound() {
  const wanted = sound.able && sound.on && call && !call.ended ? call.sid : null;
  if (wanted === sound.sid) return;
  loseSound();
  sound.sid = wanted;
  if (!wanted) return;
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true } })
    .catch(() => null);
  if (sound.sid !== wanted || !microphone) {
    if (microphone) for (const track of microphone.getTracks()) track.stop();
    else refuseSound();
    return;
  }
  const line = { microphone, connection: new RTCPeerConnection() };
  sound.line = line;
  line.connection.addEventListener("track", ({ track }) => { $("#ear").srcObject = new MediaStream([track]); });
  for (const track of microphone.getTracks()) line.connection.addTrack(track, microphone);
  await line.connection.setLocalDescription();
  const { sdp } = await ask("POST", `/calls/${wanted}/media`, { sdp: line.connection.localDescription.sdp });
  if (sound.line === line) await line.connection.setRemoteDescription({ type: "answer", sdp });
}

function loseSound() {
  const { line } = sound;
  sound.line = null;
  sound.sid = null;
  $("#ear").srcObject = null;
  if (!line) return;
  line.connection.close();
  for (const track of line.microphone.getTracks()) track.stop();
}

function refuseSound() {
  sound.on = false;
  loseSound();
  showSound();
  oops(word("no_microphone"));
}

function switchSound() {
  sound.on = !sound.on;
  localStorage.setItem("phonebox.sound", sound.on ? "on" : "off");
  showSound();
  attempt(followSound);
}

// -- messages

// A message's own words, with its links as links: nothing in it becomes anything else.
function withLinks(body) {
  const parts = [];
  let rest = body;
  for (const [address] of body.matchAll(/https?:\/\/[^\s<>"]+[^\s<>".,;:!?)]/g)) {
    const at = rest.indexOf(address);
    const link = make("a", "", address);
    link.href = address;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    parts.push(rest.slice(0, at), link);
    rest = rest.slice(at + address.length);
  }
  return [...parts, rest];
}

// A caller may have dialled as 06… or 0031…; messages name them as +316….
function isSame(one, other) {
  const [first, second] = [one, other].map((each) => each.replace(/\D/g, ""));
  const least = Math.min(first.length, second.length, 9);
  return least < 9 ? first === second : first.slice(-9) === second.slice(-9);
}

const showMessages = latest("/messages", ({ messages }) => {
  const mine = fromNumber();
  const list = $("#messages");
  const ofMine = (address) => isSame(address, mine);
  list.replaceChildren(...messages.filter((each) => ofMine(each.from) || ofMine(each.to)).map((each) => {
    const item = make("li", ofMine(each.to) ? "in" : "out");
    item.append(...withLinks(each.body));
    const way = each.from.startsWith("whatsapp:") ? "WhatsApp · " : "";
    const why = each.error_code ? ` (${each.error_code})` : "";
    item.append(make("small", "", `${way}${word(`message_${each.status}`)}${why}`));
    return item;
  }));
  list.scrollTop = list.scrollHeight;
});

function choosePane(wanted) {
  for (const name of ["talk", "texts"]) {
    const tab = $(`#tab-${name}`);
    tab.setAttribute("aria-selected", String(name === wanted));
    tab.tabIndex = name === wanted ? 0 : -1;
    $(`#${name}`).hidden = name !== wanted;
  }
  if (wanted === "texts") {
    unread = 0;
    showUnread();
    attempt(showMessages);
  }
}

function showUnread() {
  $("#unread").textContent = String(unread);
  $("#unread").hidden = unread === 0;
}

// -- the agents' telephones

function phoneElement(address) {
  const element = $("#phone-template").content.firstElementChild.cloneNode(true);
  const path = `/endpoints/${encodeURIComponent(address)}`;
  const turn = oneByOne();
  const press = (action, body = {}) => turn(() => ask("POST", `${path}/${action}`, body)).then(refreshPhones);
  $(".answer", element).addEventListener("click", () => press("answer"));
  $(".decline", element).addEventListener("click", () => press("decline"));
  $(".down", element).addEventListener("click", () => press("hangup"));
  $(".talk", element).addEventListener("submit", (event) => {
    event.preventDefault();
    const words = $(".line-words", element);
    if (words.value.trim()) press("say", { text: words.value.trim(), seconds: 1 });
    words.value = "";
  });
  for (const [key] of KEYS) {
    const button = make("button", "", key);
    button.type = "button";
    button.dataset.key = key;
    button.addEventListener("click", () => press("press", { digits: key, seconds: 1 }));
    $(".keys", element).append(button);
  }
  $(".habit select", element).addEventListener("change", (event) => {
    const wanted = event.target.value;
    const body = wanted === "off" ? { registered: false } : { registered: true, behaviour: wanted };
    attempt(() => ask("PUT", path, body)).then(refreshPhones);
  });
  return element;
}

function talkOf(leg) {
  if (leg.company.length) return word("now_talking", leg.company.map(nameOf).join(", "));
  return word(leg.bridged_to.length ? "now_alone" : "now_whisper");
}

function showPhone(endpoint) {
  let element = phones.get(endpoint.address);
  if (!element) {
    element = phoneElement(endpoint.address);
    phones.set(endpoint.address, element);
    $("#desk").append(element);
    translate(element);
  }
  const leg = endpoint.talking[0] ?? endpoint.ringing[0];
  const state = endpoint.state === "idle" && !endpoint.registered ? "off" : endpoint.state;
  // A telephone that begins to ring comes first; one that somebody has their hands on stays where it is.
  if (state === "ringing" && element.dataset.state !== "ringing" && !element.contains(document.activeElement)) {
    $("#desk").prepend(element);
  }
  element.dataset.state = state;
  element.dataset.address = endpoint.address;
  $("h3", element).textContent = nameOf(endpoint.address);
  const named = nameOf(endpoint.address) !== endpoint.address;
  $(".line", element).textContent = named ? endpoint.address : word(`kind_${endpoint.kind}`);
  $(".now", element).textContent = {
    off: () => word("now_off"),
    idle: () => word("now_idle"),
    ringing: () => word("now_ringing", nameOf(leg.from)),
    talking: () => talkOf(leg),
  }[state]();
  $(".answer", element).hidden = state !== "ringing";
  $(".decline", element).hidden = state !== "ringing";
  $(".down", element).hidden = state !== "talking";
  $(".talk", element).hidden = state !== "talking";
  $(".line-words", element).setAttribute("aria-label", word("what_you_say"));
  $(".keys", element).setAttribute("aria-label", word("keypad"));
  const heard = state === "talking" ? leg.captions.filter(({ kind }) => BUBBLES.has(kind)).slice(-4) : [];
  $(".heard", element).replaceChildren(...heard.map((caption) => {
    const item = make("li", caption.kind, caption.kind === "pressed" ? word("pressed", caption.text) : caption.text);
    if (caption.language) item.lang = caption.language;
    return item;
  }));
  const habit = $(".habit select", element);
  if (document.activeElement !== habit) {
    const options = HABITS.filter((each) => each !== "off" || endpoint.kind !== "phone");
    habit.replaceChildren(...options.map((each) => new Option(word(`habit_${each}`), each)));
    habit.value = endpoint.registered ? endpoint.behaviour : "off";
  }
}

// -- conversations of more than two

function badgesOf(who, nameOfLeg) {
  const badges = [];
  if (!who.here) badges.push(word("room_ringing"));
  if (who.hold) badges.push(word("state_hold"));
  if (who.muted) badges.push(word("room_muted"));
  if (who.coaching) badges.push(word("room_coaching", nameOfLeg(who.coaching)));
  if (who.ends) badges.push(word("room_ends"));
  return badges;
}

function hearingOf(who) {
  if (!who.here) return "";
  if (who.hears.length) return word("room_hears", who.hears.map(nameOf).join(", "));
  const last = [...who.captions].reverse().find(({ kind }) => kind === "say" || TELLING.includes(kind) || kind === "silence");
  return last?.kind === "say" ? word("room_hears", `“${last.text}”`) : word("room_hears", word(last?.kind ?? "silence"));
}

function participantItem(who, nameOfLeg) {
  const item = make("li", "");
  item.dataset.party = who.party;
  item.dataset.alone = String(who.here && !who.hears.length);
  item.append(make("strong", "", nameOf(who.party)));
  for (const badge of badgesOf(who, nameOfLeg)) item.append(" ", make("span", "tag", badge));
  item.append(make("p", "hears", hearingOf(who)));
  const words = who.captions.filter(({ kind }) => BUBBLES.has(kind)).slice(-2);
  const list = make("ol", "heard");
  list.append(...words.map((caption) => {
    const line = make("li", caption.kind, caption.kind === "pressed" ? word("pressed", caption.text) : caption.text);
    if (caption.language) line.lang = caption.language;
    return line;
  }));
  item.append(list);
  return item;
}

const refreshRooms = latest("/conferences", ({ conferences }) => {
  const open = conferences.filter(({ status }) => status !== "completed");
  const there = new Set(open.map(({ sid }) => sid));
  for (const section of $("#rooms").querySelectorAll("[data-sid]")) if (!there.has(section.dataset.sid)) section.remove();
  for (const room of open) {
    let section = $(`#rooms [data-sid="${room.sid}"]`);
    if (!section) {
      section = $("#room-template").content.firstElementChild.cloneNode(true);
      section.dataset.sid = room.sid;
      $("#rooms").append(section);
    }
    const nameOfLeg = (sid) => nameOf(room.participants.find((each) => each.sid === sid)?.party);
    $("h3", section).textContent = word("room", room.participants.length);
    const picture = JSON.stringify([spoken(), room]);
    // Said again only when something changed, for who listens to the page.
    if (section.dataset.picture === picture) continue;
    section.dataset.picture = picture;
    $("ul", section).replaceChildren(...room.participants.map((who) => participantItem(who, nameOfLeg)));
  }
});

// Where the telephones stand below the fold, the one that rings is at hand all the same.
function showBell(ringing) {
  $("#bell").hidden = !ringing;
  if (!ringing) return;
  $("#bell span").textContent = word("rings_at", nameOf(ringing.address));
  $("#bell button").textContent = word("answer");
  $("#bell button").onclick = () => {
    $(".answer", phones.get(ringing.address)).click();
    phones.get(ringing.address).scrollIntoView({ block: "center" });
  };
}

const refreshPhones = latest("/endpoints", ({ endpoints }) => {
  const there = new Set(endpoints.map(({ address }) => address));
  for (const [address, element] of phones) {
    if (!there.has(address)) {
      element.remove();
      phones.delete(address);
    }
  }
  for (const endpoint of endpoints) showPhone(endpoint);
  showBell(endpoints.find(({ state }) => state === "ringing"));
  $("#no-phones").hidden = endpoints.length > 0;
});

// -- the wire

function pretty(xml) {
  const parsed = new DOMParser().parseFromString(xml, "text/xml");
  const lines = document.createDocumentFragment();
  if (parsed.querySelector("parsererror")) {
    lines.append(xml);
    return lines;
  }
  const write = (element, depth) => {
    const indent = "  ".repeat(depth);
    lines.append(`${indent}<`, make("span", "tagname", element.tagName));
    for (const attribute of element.attributes) {
      lines.append(" ", make("span", "attribute", attribute.name), `="${attribute.value}"`);
    }
    if (!element.childNodes.length) {
      lines.append("/>\n");
    } else if (!element.children.length) {
      lines.append(">", element.textContent.trim(), "</", make("span", "tagname", element.tagName), ">\n");
    } else {
      lines.append(">\n");
      for (const child of element.childNodes) {
        if (child.nodeType === Node.ELEMENT_NODE) write(child, depth + 1);
        else if (child.textContent.trim()) lines.append(`${"  ".repeat(depth + 1)}${child.textContent.trim()}\n`);
      }
      lines.append(`${indent}</`, make("span", "tagname", element.tagName), ">\n");
    }
  };
  write(parsed.documentElement, 0);
  return lines;
}

function verbsIn(body) {
  return [...body.matchAll(/<([A-Z][A-Za-z]+)[\s/>]/g)].map(([, name]) => name)
    .filter((name) => name !== "Response").slice(0, 5).join(" › ");
}

function gistOf(request) {
  const { params } = request;
  if (request.kind === "status" || request.kind === "message-status") {
    return [params.CallStatus ?? params.MessageStatus, nameOf(params.To)].filter(Boolean).join(" · ");
  }
  if (request.kind === "conference") return params.StatusCallbackEvent ?? "";
  return verbsIn(request.body);
}

function showRequest(request) {
  let item = requests.get(request.id)?.item;
  if (!item) {
    item = make("li");
    $("#log").prepend(item);
    while ($("#log").children.length > LOG_LENGTH) $("#log").lastElementChild.remove();
  }
  requests.set(request.id, { item, request });
  item.dataset.call = request.call_sid ?? "";
  const open = item.querySelector("details")?.open ?? false;
  const details = make("details");
  details.open = open;
  const summary = make("summary");
  const address = new URL(request.url);
  const status = request.ms === null ? "…" : String(request.status ?? "✕");
  const badge = make("span", "status", status);
  badge.dataset.kind = request.ms === null ? "wait" : request.status && request.status < 400 ? "good" : "bad";
  const path = make("span", "path", address.pathname + address.search);
  path.append(make("span", "gist", gistOf(request)));
  const tags = make("span", "tags");
  if (request.attempt > 1) tags.append(make("span", "tag", word("attempt", request.attempt)), " ");
  if (request.fault) tags.append(make("span", "tag", request.fault), " ");
  const notes = complaints.filter((each) => isAbout(each, request));
  if (notes.length) {
    const tag = make("span", "tag", `⚠ ${notes.length}`);
    tag.dataset.kind = "bad";
    tags.append(tag);
  }
  summary.append(make("time", "", new Date(request.at).toLocaleTimeString(spoken())), badge, path, tags,
    make("span", "ms", request.ms === null ? word("no_answer_yet") : `${request.ms} ms`));
  details.append(summary, insideOf(request, notes));
  item.replaceChildren(details);
  item.hidden = isFilteredOut(item);
  $("#no-wire").hidden = true;
}

function isAbout(complaint, request) {
  return complaint.call_sid === request.call_sid && complaint.url === request.url;
}

function insideOf(request, notes) {
  const inside = make("div", "inside");
  const asked = make("div");
  const list = make("dl");
  for (const [name, value] of Object.entries(request.params)) {
    if (value !== "") list.append(make("dt", "", name), make("dd", "", value));
  }
  asked.append(make("h3", "", `${word("parameters")} (${request.method})`), list);
  const answered = make("div");
  const body = make("pre");
  if (request.error) body.append(request.error);
  else if (request.body.trim().startsWith("<")) body.append(pretty(request.body));
  else body.append(request.body || word("empty_reply"));
  answered.append(make("h3", "", word("reply")), body);
  inside.append(asked, answered);
  if (notes.length) {
    const place = make("ul", "notes");
    for (const note of notes) {
      place.append(make("li", note.level === "error" ? "fatal" : "", `${note.code}: ${note.message}`));
    }
    inside.append(place);
  }
  return inside;
}

function isFilteredOut(item) {
  if (!$("#only-this").checked || !callSid) return false;
  return !(call?.legs ?? []).some(({ sid }) => sid === item.dataset.call);
}

function filterLog() {
  for (const item of $("#log").children) item.hidden = isFilteredOut(item);
}

// -- keeping up to date

let refreshing = false;
let again = false;
async function refresh() {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  try {
    if (callSid) {
      const sid = callSid;
      const answer = await ask("GET", `/calls/${sid}`).catch(() => null);
      if (sid === callSid && answer) {
        call = { ...answer, fetchedAt: Date.now() };
        showCall();
      }
    }
    await refreshPhones();
    await refreshRooms();
    await showCalls();
  } catch {
    // The stream says when phonebox is away, and everything is asked again when it is back.
  } finally {
    refreshing = false;
    if (again) {
      again = false;
      refresh();
    }
  }
}

const listCalls = latest("/calls", ({ calls }) => {
  $("#calls").replaceChildren(...calls.slice(0, 30).map((each) => {
    const item = make("li");
    const button = make("button");
    button.type = "button";
    button.setAttribute("aria-current", String(each.sid === callSid));
    button.append(make("span", "", `${nameOf(each.from)} → ${nameOf(each.to)}`), make("small", "", word(`call_${each.status.replaceAll("-", "_")}`)));
    button.addEventListener("click", () => watch(each.sid));
    item.append(button);
    return item;
  }));
});

async function showCalls() {
  if ($("#recent").open) await listCalls();
}

let unreadMails = 0;
function showUnreadMails() {
  const badge = $("#unread-mails");
  badge.hidden = unreadMails === 0;
  badge.textContent = String(unreadMails);
}

const listMails = latest("/mails", ({ mails }) => {
  unreadMails = 0;
  const items = mails.toReversed().slice(0, 30).map((each) => {
    const item = make("li", "mail");
    item.append(make("small", "", word("mail_to", each.to.join(", "))), make("strong", "", each.subject));
    const text = make("p");
    text.append(...withLinks(each.text.trim()));
    item.append(text);
    return item;
  });
  $("#mails").replaceChildren(...(items.length > 0 ? items : [make("li", "", word("no_mails"))]));
  showUnreadMails();
});

async function showMails() {
  if ($("#post").open) await listMails();
  else showUnreadMails();
}

let planned = false;
function refreshSoon() {
  if (planned) return;
  planned = true;
  setTimeout(() => {
    planned = false;
    refresh();
  }, 40);
}

function startAnew() {
  callSid = null;
  call = null;
  loseSound();
  captionsShown = 0;
  requests.clear();
  complaints.length = 0;
  $("#captions").replaceChildren();
  $("#log").replaceChildren();
  $("#no-wire").hidden = false;
  showCall();
  refresh();
}

function listen() {
  const events = new EventSource("/phonebox/events");
  events.addEventListener("open", () => {
    showLive(true);
    refresh();
  });
  events.addEventListener("error", () => showLive(false));
  for (const kind of ["call", "status", "caption", "rings", "ring_over", "prompt", "endpoint", "conference", "company"]) {
    events.addEventListener(kind, refreshSoon);
  }
  events.addEventListener("request", ({ data }) => showRequest(JSON.parse(data)));
  events.addEventListener("debugger", ({ data }) => {
    const complaint = JSON.parse(data);
    complaints.push(complaint);
    const about = [...requests.values()].filter(({ request }) => isAbout(complaint, request));
    for (const { request } of about) showRequest(request);
  });
  events.addEventListener("reset", startAnew);
  events.addEventListener("mail", () => {
    unreadMails += 1;
    attempt(showMails);
  });
  events.addEventListener("message", ({ data }) => {
    if (!data) return;
    const message = JSON.parse(data);
    if (!$("#texts").hidden) {
      attempt(showMessages);
    } else if (isSame(message.to, fromNumber()) && message.status === "delivered") {
      unread += 1;
      showUnread();
    }
  });
}

let live = false;
function showLive(on) {
  live = on;
  $("#live").dataset.on = on ? "yes" : "no";
  $("#live-text").textContent = word(on ? "connected" : "disconnected");
}

// -- words

function translate(within = document) {
  for (const element of within.querySelectorAll("[data-word]")) {
    element.textContent = word(element.dataset.word);
  }
}

function speak(wanted) {
  choose(wanted);
  showWords();
  refresh();
}

function showWords() {
  document.documentElement.lang = spoken();
  translate();
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === spoken()));
  }
  $("#words").placeholder = word("what_you_say");
  $("#text").placeholder = word("what_you_write");
  $("#keypad").setAttribute("aria-label", word("keypad"));
  for (const button of $("#keypad").children) button.setAttribute("aria-label", word("key", button.dataset.key));
  const withheld = $("#from-choice option[value=withheld]");
  if (withheld) withheld.textContent = word("withheld");
  for (const option of document.querySelectorAll("option[value=typed]")) option.textContent = word("typed_number");
  showLive(live);
  showSpeech();
  showSound();
  captionsShown = 0;
  $("#captions").replaceChildren();
  showCall();
  for (const { request } of requests.values()) showRequest(request);
}

// -- beginning

const speed = () => Number($("#speed").value) || 1;

function showTyped() {
  $("#from-typed").hidden = $("#from-choice").value !== "typed";
  $("#line-typed").hidden = $("#line-choice").value !== "typed";
}

async function fillChoices() {
  const [{ phonebook, telephones }, { lines }, settings] = await Promise.all(
    [ask("GET", "/phonebook"), ask("GET", "/lines"), ask("GET", "/settings")]);
  for (const { number, label } of phonebook) names.set(number, label);
  for (const { number, name } of telephones) names.set(number, name);
  for (const { number, name } of lines) if (name !== number) names.set(number, name);
  $("#from-choice").replaceChildren(
    ...phonebook.map(({ number, label }) => new Option(`${label} · ${number}`, number)),
    new Option(word("withheld"), "withheld"), new Option(word("typed_number"), "typed"));
  $("#line-choice").replaceChildren(
    ...lines.map(({ number, name }) => new Option(name === number ? number : `${name} · ${number}`, number)),
    new Option(word("typed_number"), "typed"));
  if (!phonebook.length) $("#from-choice").value = "typed";
  $("#from").value = localStorage.getItem("phonebox.from") ?? "+31612345678";
  $("#line").value = localStorage.getItem("phonebox.line") ?? "+31880001111";
  const pace = String(settings.speed);
  if (![...$("#speed").options].some(({ value }) => value === pace)) $("#speed").append(new Option(`${pace}×`, pace));
  $("#speed").value = pace;
  $("#trust").hidden = settings.signal === null;
  if (settings.signal !== null) $("#trust-link").href = `https://${settings.signal}/`;
  sound.able = settings.signal !== null && Boolean(navigator.mediaDevices);
  showTyped();
}

function buildKeypad() {
  for (const [key, letters] of KEYS) {
    const button = make("button", "", key);
    button.type = "button";
    button.dataset.key = key;
    // Painted, not written: the key's name is its digit.
    if (letters) button.dataset.letters = letters;
    button.addEventListener("click", () => sayOrPress("press", { digits: key }));
    $("#keypad").append(button);
  }
}

function wire() {
  $("#call").addEventListener("click", dial);
  $("#end").addEventListener("click", () => attempt(() => ask("POST", `/calls/${callSid}/hangup`, {})));
  $("#dialling").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!$("#call").disabled) dial();
  });
  $("#dialling").addEventListener("change", () => {
    showTyped();
    localStorage.setItem("phonebox.from", $("#from").value);
    localStorage.setItem("phonebox.line", $("#line").value);
    if (!$("#texts").hidden) attempt(showMessages);
  });
  $("#speaking").addEventListener("submit", (event) => {
    event.preventDefault();
    const words = $("#words");
    const mishears = $("#misheard").checked ? 0.3 : 0;
    if (words.value.trim()) sayOrPress("say", { text: words.value.trim(), mishears });
    words.value = "";
  });
  $("#writing").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("#text");
    if (text.value.trim()) {
      const way = $("#by-whatsapp").checked ? "whatsapp:" : "";
      const [from, to] = [fromNumber(), lineNumber()].map((number) => way + number);
      attempt(() => ask("POST", "/messages", { from, to, body: text.value.trim() }));
    }
    text.value = "";
  });
  for (const [tab, other] of [["talk", "texts"], ["texts", "talk"]]) {
    $(`#tab-${tab}`).addEventListener("click", () => choosePane(tab));
    $(`#tab-${tab}`).addEventListener("keydown", ({ key }) => {
      if (key !== "ArrowLeft" && key !== "ArrowRight") return;
      choosePane(other);
      $(`#tab-${other}`).focus();
    });
  }
  $("#adding").addEventListener("submit", (event) => {
    event.preventDefault();
    const address = $("#address");
    const path = `/endpoints/${encodeURIComponent(address.value.trim())}`;
    attempt(() => ask("PUT", path, { registered: true })).then(refreshPhones);
    address.value = "";
  });
  $("#mobile").addEventListener("keydown", (event) => {
    if (event.target.matches("input")) return;
    if (/^[0-9*#]$/.test(event.key)) sayOrPress("press", { digits: event.key });
    if (event.key === "Escape" && !$("#end").disabled) $("#end").click();
  });
  $("#speed").addEventListener("change", () => attempt(() => ask("PUT", "/settings", { speed: speed() })));
  $("#speech").addEventListener("click", () => {
    speech.on = !speech.on;
    localStorage.setItem("phonebox.speech", speech.on ? "on" : "off");
    if (!speech.on) speechSynthesis.cancel();
    showSpeech();
  });
  $("#sound").addEventListener("click", switchSound);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => speak(button.dataset.language));
  }
  $("#recent").addEventListener("toggle", () => attempt(showCalls));
  $("#post").addEventListener("toggle", () => attempt(showMails));
  $("#only-this").addEventListener("change", filterLog);
  $("#clear").addEventListener("click", () => {
    requests.clear();
    $("#log").replaceChildren();
    $("#no-wire").hidden = false;
  });
  globalThis.speechSynthesis?.addEventListener?.("voiceschanged", showSpeech);
}

buildKeypad();
await attempt(fillChoices);
wire();
showWords();
listen();
setInterval(showTimer, 250);
