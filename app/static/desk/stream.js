// Is this desk told everything, in order? The event stream, its watchdog, and polling where no stream passes.

import { ask } from "./page.js";

const RETRY_MILLISECONDS = 4000;
const POLL_MILLISECONDS = 2000;
const KINDS = ["screen_pop", "call", "presence", "promise", "message"];

/**
 * States: "connecting", "live" (the stream is open and speaks), "detour" (polling works, the stream does not),
 * "full" (the server has no room) and "dead". Only "live" and "detour" are proof that a call would be seen.
 */
export class Stream {
  #source = null;
  #after;
  #heardAt = 0;
  #silence;
  #hear;
  #change;
  #polling = false;
  #running = false;
  state = "connecting";

  constructor({ after, watchdogSeconds, hear, change }) {
    this.#after = after;
    this.#silence = watchdogSeconds * 1000;
    this.#hear = hear;
    this.#change = change;
    setInterval(() => this.#watch(), 1000);
    // A laptop that was closed has slept through its timers.
    addEventListener("online", () => this.#reconnect());
    document.addEventListener("visibilitychange", () => this.#watch());
  }

  get isAlive() {
    return this.state === "live" || this.state === "detour";
  }

  start() {
    this.#running = true;
    this.#open();
  }

  stop() {
    this.#running = false;
    this.#source?.close();
    this.#source = null;
    this.#become("connecting");
  }

  #open() {
    if (!this.#running) return;
    this.#source?.close();
    const source = new EventSource(`/desk/events?after=${this.#after}`);
    this.#source = source;
    const alive = () => {
      this.#heardAt = Date.now();
      this.#become("live");
    };
    source.addEventListener("open", alive);
    source.addEventListener("tick", alive);
    for (const kind of KINDS)
      source.addEventListener(kind, (event) => {
        alive();
        this.#take(Number(event.lastEventId), kind, JSON.parse(event.data));
      });
    source.addEventListener("error", () => {
      if (source !== this.#source) return;
      // The browser tries again by itself, unless the server answered with an error.
      if (source.readyState === EventSource.CLOSED) this.#retryLater();
      this.#poll();
    });
  }

  #take(number, kind, data) {
    if (number <= this.#after) return;
    this.#after = number;
    this.#hear(kind, data);
  }

  #watch() {
    if (this.#source && this.state === "live" && Date.now() - this.#heardAt > this.#silence) {
      this.#source.close();
      this.#retryLater();
      this.#poll();
    }
  }

  #reconnect() {
    if (this.#running && this.state !== "live") this.#open();
  }

  #retryLater() {
    setTimeout(() => {
      if (this.#running && this.#source?.readyState !== EventSource.OPEN) this.#open();
    }, RETRY_MILLISECONDS);
  }

  /** Look by hand until the stream is back. */
  async #poll() {
    if (this.#polling) return;
    this.#polling = true;
    while (this.#running && this.#source?.readyState !== EventSource.OPEN) {
      this.#become(await this.#look());
      await new Promise((done) => setTimeout(done, POLL_MILLISECONDS));
    }
    this.#polling = false;
  }

  async #look() {
    try {
      const response = await ask(`/desk/poll?after=${this.#after}`, { signal: AbortSignal.timeout(4000) });
      if (response.status === 503) return "full";
      if (!response.ok) return "dead";
      const { events } = await response.json();
      for (const { id, kind, data } of events) this.#take(id, kind, data);
      return "detour";
    } catch {
      return "dead";
    }
  }

  #become(state) {
    if (state === this.state || (!this.#running && state !== "connecting")) return;
    const before = this.state;
    this.state = state;
    this.#change(state, before);
  }
}
