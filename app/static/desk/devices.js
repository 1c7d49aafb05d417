// Will the agent hear and be heard? How this window's telephone stands, and the dialog to try microphone and sound.

import { desk, words } from "./page.js";
import { soundOf, softphone, trustAddress } from "./softphone.js";

const MICROPHONE = "rechtdoor.microphone";
const SPEAKER = "rechtdoor.speaker";
const RINGER = "rechtdoor.ringer";
// Speech makes about this much of full scale; a meter that hardly moves says that nothing is heard.
const LOUD = 0.25;
const HEARD = 0.02;

const place = document.querySelector("#softphone");
const says = document.querySelector("#softphone-says");
const switchOn = document.querySelector("#softphone-on");
const trust = document.querySelector("#softphone-trust");
const setUp = document.querySelector("#softphone-set-up");
const dialog = document.querySelector("#devices");
const microphones = document.querySelector("#microphone");
const meter = document.querySelector("#microphone-level");
const hint = document.querySelector("#microphone-says");

let listening = null; // { stream, context, frame } while the dialog is open

export function useDevices() {
  if (softphone.state === "absent") return;
  place.hidden = false;
  softphone.addEventListener("change", tell);
  tell();
  switchOn.addEventListener("click", () => softphone.switchOn());
  setUp.addEventListener("click", open);
  dialog.addEventListener("close", stopListening);
  microphones.addEventListener("change", () => {
    remember(MICROPHONE, microphones.value);
    softphone.useDevices({ microphone: microphones.value, speaker: null });
    listen();
  });
  for (const [key, select] of outputs()) select.addEventListener("change", () => {
    remember(key, select.value);
    if (key === SPEAKER) softphone.useDevices({ microphone: null, speaker: select.value });
  });
  for (const button of dialog.querySelectorAll("[data-plays]")) button.addEventListener("click", () => play(button));
  softphone.addEventListener("call", () => {
    if (softphone.call) softphone.useDevices({ microphone: null, speaker: localStorage.getItem(SPEAKER) });
  });
}

const outputs = () => [[SPEAKER, document.querySelector("#speaker")], [RINGER, document.querySelector("#ringer")]];

function remember(key, value) {
  if (value) localStorage.setItem(key, value);
  else localStorage.removeItem(key);
}

/** Say in words how the telephone stands, and what mends it. */
function tell() {
  const { state } = softphone;
  desk.dataset.telephone = state;
  const isFine = state === "ready" || state === "asleep";
  says.hidden = isFine;
  if (!isFine) says.querySelector("span").textContent = words(`softphone_${state}`);
  says.classList.toggle("bad", ["denied", "no_microphone", "insecure", "unsupported", "unreachable", "refused"].includes(state));
  switchOn.hidden = !["asks", "denied", "no_microphone"].includes(state);
  trust.hidden = !(state === "unreachable" && trustAddress);
  if (trustAddress) trust.querySelector("a").href = trustAddress;
  setUp.hidden = ["asks", "denied", "insecure", "unsupported", "asleep"].includes(state);
  for (const button of document.querySelectorAll("[data-needs-telephone]")) button.disabled = state !== "ready" || softphone.call !== null;
}

// --- the dialog -------------------------------------------------------------------------------------

async function open() {
  dialog.showModal();
  await listen();
  const devices = await navigator.mediaDevices.enumerateDevices();
  fill(microphones, devices.filter(({ kind }) => kind === "audioinput"), localStorage.getItem(MICROPHONE));
  const canChoose = "setSinkId" in HTMLMediaElement.prototype;
  for (const [key, select] of outputs()) {
    select.closest("label").hidden = !canChoose;
    fill(select, devices.filter(({ kind }) => kind === "audiooutput"), localStorage.getItem(key));
  }
}

function fill(select, devices, chosen) {
  const choices = devices.filter(({ deviceId }) => deviceId && deviceId !== "default").map(({ deviceId, label }) => new Option(label || words("device_nameless"), deviceId));
  select.replaceChildren(new Option(words("device_default"), ""), ...choices);
  select.value = choices.some(({ value }) => value === chosen) ? chosen : "";
}

async function listen() {
  stopListening();
  const id = microphones.value || localStorage.getItem(MICROPHONE);
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: id ? { deviceId: { ideal: id } } : true });
  } catch {
    hint.textContent = words("microphone_unusable");
    return;
  }
  if (!dialog.open) {
    for (const track of stream.getTracks()) track.stop();
    return;
  }
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  listening = { stream, context, heard: false };
  hint.textContent = words("microphone_speak");
  watch(listening, analyser, new Float32Array(analyser.fftSize));
}

function watch(mine, analyser, samples) {
  if (listening !== mine) return;
  analyser.getFloatTimeDomainData(samples);
  const level = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
  meter.value = Math.min(1, level / LOUD);
  if (level > HEARD && !mine.heard) {
    mine.heard = true;
    hint.textContent = words("microphone_heard");
  }
  setTimeout(() => watch(mine, analyser, samples), 60);
}

function stopListening() {
  for (const track of listening?.stream.getTracks() ?? []) track.stop();
  listening?.context.close();
  listening = null;
  meter.value = 0;
}

async function play(button) {
  const sound = new Audio(soundOf(button.dataset.plays));
  const output = document.querySelector(`#${button.dataset.at}`).value;
  if (output && sound.setSinkId) await sound.setSinkId(output).catch(() => {});
  await sound.play().catch(() => {});
}
