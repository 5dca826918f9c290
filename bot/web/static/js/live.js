/** The stream of events, and the honest truth about whether it flows. */

import { get } from "./api.js";

// The bot tells its state at least every five seconds: twice that and a little is too long.
const SILENT_AFTER_MS = 12000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30000;
const KINDS = ["hello", "state", "signal", "accounts", "event"];

export class LiveStream {
  #onMessage;
  #onLink;
  #source = null;
  #failures = 0;
  #heardAt = 0;
  #retry = null;
  #ended = false;

  /**
   * `onMessage(kind, data)`; `onLink({ live, lastHeard, nextTryAt })`, where times are milliseconds of this machine,
   * `lastHeard` is 0 before the first word and `nextTryAt` null while it tries.
   */
  constructor(onMessage, onLink) {
    this.#onMessage = onMessage;
    this.#onLink = onLink;
  }

  start() {
    this.#open();
    setInterval(() => this.#watch(), 1000);
    // A phone that wakes up, or finds its network again, need not wait for its turn.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#watch(true);
    });
    window.addEventListener("online", () => this.tryNow());
    window.addEventListener("offline", () => this.#cut());
    window.addEventListener("pagehide", () => this.#close());
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.tryNow();
    });
  }

  /** Nothing more is wanted. */
  end() {
    this.#ended = true;
    clearTimeout(this.#retry);
    this.#close();
  }

  tryNow() {
    if (this.#ended) return;
    clearTimeout(this.#retry);
    this.#open();
  }

  #open() {
    this.#close();
    this.#tell(this.#failures === 0 && this.#heardAt === 0 ? "connecting" : "cut", null);
    const source = new EventSource("/api/events");
    this.#source = source;
    this.#openedAt = Date.now();
    for (const kind of KINDS) {
      source.addEventListener(kind, (message) => {
        if (source === this.#source) this.#heard(kind, message.data);
      });
    }
    source.addEventListener("error", () => {
      if (source === this.#source) this.#cut();
    });
  }

  #openedAt = 0;

  #heard(kind, text) {
    const fresh = this.#failures > 0 || this.#heardAt === 0 || kind === "hello";
    this.#heardAt = Date.now();
    this.#failures = 0;
    let data;
    try {
      data = JSON.parse(text);
    } catch {
      return;
    }
    if (fresh) this.#tell("live", null);
    this.#onMessage(kind, data);
  }

  #watch(awoke = false) {
    const source = this.#source;
    if (!source) {
      if (awoke && this.#retry) this.tryNow();
      return;
    }
    if (Date.now() - Math.max(this.#heardAt, this.#openedAt) > SILENT_AFTER_MS) this.#cut();
  }

  #cut() {
    if (this.#ended) return;
    this.#close();
    clearTimeout(this.#retry);
    this.#failures += 1;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1)) * (0.8 + Math.random() * 0.4);
    this.#tell("cut", Date.now() + pause);
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#open();
    }, pause);
    // An event source does not say why it was refused: a call does, and leads to the login page where that is it.
    get("/session", true).catch(() => {});
  }

  #close() {
    this.#source?.close();
    this.#source = null;
  }

  #tell(link, nextTryAt) {
    this.#onLink({ link, lastHeard: this.#heardAt, nextTryAt });
  }
}
