// Is there a telephone in this window? Twilio's own Device, kept registered while this tab is the desk, and its call.
//
// `state` is one of
//   absent       this installation has no softphones
//   asleep       another tab is the desk
//   asks         the agent must allow the microphone first: a browser wants a click for that
//   denied, no_microphone, insecure, unsupported   why it can't be one, which only the agent can mend
//   starting, unreachable, refused    on its way; the carrier can't be reached; it doesn't accept us
//   ready        it would ring
// Whoever wants to know listens to "change" (the state), "call" (a ring, a talk, or its end) and "quality".

import { ask, desk } from "./page.js";

const settings = JSON.parse(desk.dataset.softphone ?? "null");
const Twilio = globalThis.Twilio;
const SOUNDS = ["incoming", "outgoing", "disconnect", "dtmf0", "dtmf1", "dtmf2", "dtmf3", "dtmf4", "dtmf5", "dtmf6",
  "dtmf7", "dtmf8", "dtmf9", "dtmfh", "dtmfs"];
const RETRY_MILLISECONDS = 10_000;
const REGISTERS_WITHIN_MILLISECONDS = 4_000;
const WITHOUT_MICROPHONE_MILLISECONDS = 3_000;
const SWITCHED_ON = "rechtdoor.telephone";
const MICROPHONE = "rechtdoor.microphone";
// https://www.twilio.com/docs/api/errors: 20101 invalid, 20104 expired.
const TOKEN_REFUSED = new Set([20101, 20104]);

/** The certificate of development's carrier has to be accepted once at this address; null elsewhere. */
export const trustAddress = settings?.trust ?? null;

/** Where the telephone's sounds are. */
export const soundOf = (name) => `${settings.sounds}${name}.wav`;

class Softphone extends EventTarget {
  state = settings && Twilio ? "asleep" : "absent";
  #device = null;
  #calls = []; // as the SDK has them: one that talks, or those that ring
  #wanted = false;
  #renewal = null;
  #patience = null;
  #microphoneGone = null;
  #warnings = new Set();
  #reported = false; // whether "busy" was told

  constructor() {
    super();
    if (this.state === "absent") return;
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#lookAgain());
    document.addEventListener("visibilitychange", () => {
      // Whoever comes back may just have accepted a certificate, or allowed the microphone.
      if (!document.hidden && this.state === "unreachable") this.#restart();
      else this.#lookAgain();
    });
  }

  /** What the heartbeat reports: "ready", "busy" or "none". */
  get reported() {
    if (this.talks) return "busy";
    return this.state === "ready" ? "ready" : "none";
  }

  /** The SDK's call that matters now: the one that talks, else the newest that rings; null when there is none. */
  get call() {
    return this.#calls.find(isAccepted) ?? this.#calls.at(-1) ?? null;
  }

  get talks() {
    return this.#calls.some(isAccepted);
  }

  /** The name by which the server knows the call; null when the carrier passed none on. */
  get callSid() {
    return this.call?.customParameters.get("call_sid") ?? null;
  }

  get isTest() {
    return this.call?.customParameters.has("test") ?? false;
  }

  /** What is wrong with the sound: "network", "microphone", "reconnecting". */
  get troubles() {
    return [...new Set([...this.#warnings].map(troubleOf))].filter(Boolean);
  }

  // --- being a telephone

  /** Be the agent's telephone from now on, as soon as the microphone may be used. */
  async start() {
    if (this.state === "absent") return;
    this.#wanted = true;
    if (!navigator.mediaDevices) return this.#become("insecure");
    if (!Twilio.Device.isSupported) return this.#become("unsupported");
    const permission = await microphonePermission((changed) => changed && this.#lookAgain());
    if (!this.#wanted || this.#device) return undefined;
    if (permission === "denied") return this.#become("denied");
    if (permission !== "granted" && !localStorage.getItem(SWITCHED_ON)) return this.#become("asks");
    return (await hasMicrophone()) ? this.#connect() : this.#become("no_microphone");
  }

  /** The agent wants it: ask the browser for the microphone, which wants a click. */
  async switchOn() {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      for (const track of stream.getTracks()) track.stop();
    } catch (error) {
      this.#become(error.name === "NotAllowedError" ? "denied" : "no_microphone");
      return;
    }
    localStorage.setItem(SWITCHED_ON, "1");
    if (this.#wanted && !this.#device) await this.#connect();
  }

  /** Ring here no more. A talk goes on to its end: a tab that was taken over doesn't hang up. */
  async stop() {
    if (this.state === "absent") return;
    this.#wanted = false;
    clearTimeout(this.#renewal);
    if (this.talks) await this.#device.unregister().catch(() => {});
    else this.#disconnect();
    this.#become("asleep");
  }

  #lookAgain() {
    if (this.#wanted && !this.#device) this.start();
    else if (this.#wanted && !this.talks) this.#checkMicrophone();
  }

  /**
   * A headset that was unplugged makes a telephone that nobody can speak into. One that is gone for a second, as by
   * Bluetooth, doesn't; and what rings goes on to ring: it may be back before anybody answers, and another desk or
   * the caller ends it otherwise.
   */
  async #checkMicrophone() {
    clearTimeout(this.#microphoneGone);
    if (await hasMicrophone()) return;
    this.#microphoneGone = setTimeout(async () => {
      if (!this.#device || this.talks || (await hasMicrophone())) return;
      if (this.#calls.length > 0) return this.#checkMicrophone();
      this.#disconnect();
      this.#become("no_microphone");
    }, WITHOUT_MICROPHONE_MILLISECONDS);
  }

  async #connect() {
    this.#become("starting");
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.state === "starting" && this.#become("unreachable"), REGISTERS_WITHIN_MILLISECONDS);
    const token = await this.#token();
    if (!this.#wanted || this.#device) return;
    if (token === null) {
      this.#patience = setTimeout(() => this.#restart(), RETRY_MILLISECONDS);
      this.#become("unreachable");
      return;
    }
    const device = new Twilio.Device(token, {
      ...settings.device,
      appName: "rechtdoor",
      logLevel: "silent",
      sounds: Object.fromEntries(SOUNDS.map((name) => [name, soundOf(name)])),
      tokenRefreshMs: 30_000,
    });
    this.#device = device;
    // We ring ourselves, once the card is painted (telephone.js).
    device.audio?.incoming(false);
    device.on("registered", () => this.#isCurrent(device) && this.#become("ready"));
    device.on("unregistered", () => this.#isCurrent(device) && this.#wanted && this.#become("unreachable"));
    device.on("tokenWillExpire", () => this.#renew());
    device.on("error", (error) => this.#isCurrent(device) && this.#failed(error));
    device.on("incoming", (call) => this.#takeIn(call));
    // It goes on trying by itself; what comes of it is told by its events.
    device.register().catch(() => {});
  }

  #isCurrent(device) {
    return this.#device === device;
  }

  #disconnect() {
    const device = this.#device;
    this.#device = null;
    clearTimeout(this.#renewal);
    clearTimeout(this.#patience);
    device?.destroy();
  }

  #restart() {
    if (!this.#wanted || this.talks) return;
    this.#disconnect();
    this.start();
  }

  #failed(error) {
    if (TOKEN_REFUSED.has(error.code)) {
      // Expired while this computer slept: the next one opens again. Refused twice is refused.
      if (this.state !== "refused") this.#renew();
      if (error.code === 20101) this.#become("refused");
    } else if (this.state !== "ready" && !this.talks) this.#become("unreachable");
  }

  // --- the token

  async #token() {
    try {
      const response = await ask("/desk/access-token", { signal: AbortSignal.timeout(8000) });
      if (!response.ok) return null;
      const { token, seconds } = await response.json();
      clearTimeout(this.#renewal);
      this.#renewal = setTimeout(() => this.#renew(), seconds * 500);
      return token;
    } catch {
      return null;
    }
  }

  async #renew() {
    clearTimeout(this.#renewal);
    const device = this.#device;
    const token = await this.#token();
    if (!device || !this.#isCurrent(device)) return;
    if (token === null) {
      this.#renewal = setTimeout(() => this.#renew(), RETRY_MILLISECONDS);
      return;
    }
    device.updateToken(token);
    if (device.state === "unregistered" && this.#wanted) device.register().catch(() => {});
  }

  // --- the call

  #takeIn(call) {
    this.#calls.push(call);
    const over = () => this.#over(call);
    call.on("accept", () => this.#callChanged());
    call.on("mute", () => this.#callChanged());
    for (const end of ["cancel", "disconnect", "reject"]) call.on(end, over);
    call.on("error", (error) => this.#callFailed(call, error));
    call.on("warning", (name) => this.#warn(name, true));
    call.on("warning-cleared", (name) => this.#warn(name, false));
    // Without a token to come back with, the SDK leaves such a call as it is: deaf, and impossible to end. Now it still
    // can be ended, and the carrier is told as soon as it can be reached.
    call.on("transportClose", () => isAccepted(call) && !call.connectToken && call.disconnect());
    call.on("reconnecting", () => this.#warn("reconnecting", true));
    call.on("reconnected", () => this.#warn("reconnecting", false));
    this.#callChanged();
  }

  #over(call) {
    this.#calls = this.#calls.filter((each) => each !== call);
    if (this.#calls.length === 0) this.#warnings.clear();
    this.#callChanged();
    if (!this.#wanted && !this.talks) this.#disconnect();
  }

  #callFailed(call, error) {
    // https://www.twilio.com/docs/api/errors/31401 and 31402: no microphone after all.
    if (error.code !== 31401 && error.code !== 31402) return;
    this.#over(call);
    this.#disconnect();
    this.#become(error.code === 31401 ? "denied" : "no_microphone");
  }

  #warn(name, isOn) {
    if (isOn) this.#warnings.add(name);
    else this.#warnings.delete(name);
    this.dispatchEvent(new Event("quality"));
  }

  #callChanged() {
    this.dispatchEvent(new Event("call"));
    if (this.#reported !== this.talks) {
      this.#reported = this.talks;
      this.dispatchEvent(new Event("change"));
    }
  }

  answer() {
    const id = localStorage.getItem(MICROPHONE);
    // The microphone is open in calls only. One that was chosen and unplugged since must not keep anybody from answering.
    this.call?.accept(id ? { rtcConstraints: { audio: { deviceId: { ideal: id } } } } : {});
    this.#callChanged();
  }

  /** End a talk, or refuse a ring. */
  hangUp() {
    const call = this.call;
    if (call?.status() === "pending") call.reject();
    else call?.disconnect();
  }

  /** The server has sent this call on: ring no more. */
  refuse(callSid) {
    for (const call of this.#calls)
      if (call.status() === "pending" && call.customParameters.get("call_sid") === callSid) call.reject();
  }

  get isMuted() {
    return this.call?.isMuted() ?? false;
  }

  mute(isMuted) {
    if (this.talks) this.call.mute(isMuted);
  }

  press(key) {
    if (this.talks) this.call.sendDigits(key);
  }

  /** Speak into another microphone, hear by another loudspeaker, also in the middle of a talk; null changes nothing. */
  async useDevices({ microphone, speaker }) {
    const audio = this.#device?.audio;
    if (!audio) return;
    if (speaker !== null && audio.isOutputSelectionSupported) await audio.speakerDevices.set(speaker || "default").catch(() => {});
    if (microphone === null || !this.talks) return;
    await audio.setInputDevice(microphone || "default").catch(() => {});
    this.call?.once("disconnect", () => audio.unsetInputDevice().catch(() => {}));
  }

  #become(state) {
    if (state !== "starting" && state !== "unreachable") clearTimeout(this.#patience);
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

function isAccepted(call) {
  return !["pending", "closed"].includes(call.status());
}

function troubleOf(warning) {
  if (warning === "reconnecting" || warning === "ice-connectivity-lost") return "reconnecting";
  if (warning === "constant-audio-input-level") return "microphone";
  if (/^(high-|low-mos|low-bytes)/.test(warning)) return "network";
  return null;
}

async function hasMicrophone() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.some(({ kind }) => kind === "audioinput");
}

let watched = null;

/** "granted", "denied" or "prompt"; where a browser doesn't tell, "prompt". */
async function microphonePermission(changed) {
  try {
    const status = await navigator.permissions.query({ name: "microphone" });
    if (watched === null) {
      watched = status;
      status.addEventListener("change", () => changed(true));
    }
    return status.state;
  } catch {
    return "prompt";
  }
}

export const softphone = new Softphone();

// Leaving in the middle of a talk would cut it off.
addEventListener("beforeunload", (event) => {
  if (softphone.talks) event.preventDefault();
});
