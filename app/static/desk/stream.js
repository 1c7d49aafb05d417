// Is this desk told everything, in order? The event stream, its watchdog, and polling where no stream passes.

import { ask, desk } from "./page.js";

const RETRY_MILLISECONDS = 4000;
const POLL_MILLISECONDS = 2000;
const OPENING_MILLISECONDS = 3000;
const KINDS = ["screen_pop", "call", "presence", "promise", "message", "screen", "ask", "thanks", "legs", "transfer"];

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
    addEventListener("offline", () => this.doubt());
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
    this.#heardAt = 0;
    this.#become("connecting");
  }

  /** The server could not be reached another way: what looks open may be dead. */
  doubt() {
    if (!this.#running || !this.#hears) return;
    this.#source?.close();
    this.#lost();
  }

  #open() {
    if (!this.#running) return;
    this.#source?.close();
    const source = new EventSource(`/desk/events?after=${this.#after}&desk=${desk.dataset.agent}`);
    this.#source = source;
    // An open connection proves nothing: a proxy may hold back what comes. The server ticks at once.
    const alive = () => {
      if (source !== this.#source) return;
      this.#heardAt = Date.now();
      this.#become("live");
    };
    source.addEventListener("tick", alive);
    for (const kind of KINDS)
      source.addEventListener(kind, (event) => {
        alive();
        this.#take(Number(event.lastEventId), kind, JSON.parse(event.data));
      });
    source.addEventListener("error", () => {
      if (source === this.#source) this.#lost();
    });
    setTimeout(() => {
      if (source === this.#source && !this.#hears) this.#poll();
    }, OPENING_MILLISECONDS);
  }

  get #hears() {
    return this.#heardAt > 0;
  }

  #take(number, kind, data) {
    if (number <= this.#after) return;
    this.#after = number;
    this.#hear(kind, data);
  }

  #watch() {
    if (Date.now() - this.#heardAt > this.#silence) this.doubt();
  }

  #lost() {
    this.#heardAt = 0;
    // The browser connects again by itself, unless the server answered with an error or we closed it.
    if (this.#source?.readyState === EventSource.CLOSED) this.#retryLater();
    this.#poll();
  }

  #reconnect() {
    if (this.#running && !this.#hears) this.#open();
  }

  #retryLater() {
    setTimeout(() => {
      if (this.#source?.readyState === EventSource.CLOSED) this.#open();
    }, RETRY_MILLISECONDS);
  }

  /** Look by hand until the stream is heard again. */
  async #poll() {
    if (this.#polling) return;
    this.#polling = true;
    while (this.#running && !this.#hears) {
      const state = await this.#look();
      if (!this.#hears) this.#become(state);
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
