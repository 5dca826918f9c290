/** What the page knows; whoever shows a part of it is told when it changes, at most once a frame. */

const SIGNALS_KEPT = 200;
const EVENTS_KEPT = 200;

export const known = {
  state: null,
  link: { link: "connecting", lastHeard: 0, nextTryAt: null },
  accounts: null,
  /** Newest first. */
  signals: null,
  moreSignals: false,
  /** Newest first. */
  events: [],
};

const listeners = new Map();
const changed = new Set();
let frame = null;

/** Call `listener` after any of these parts changed. */
export function on(parts, listener) {
  for (const part of parts) {
    if (!listeners.has(part)) listeners.set(part, new Set());
    listeners.get(part).add(listener);
  }
}

/** A part changed. */
export function change(part, value) {
  if (value !== undefined) known[part] = value;
  changed.add(part);
  // No frames are drawn while the page is hidden; the newest is shown when it is looked at again.
  frame ??= requestAnimationFrame(tell);
}

function tell() {
  frame = null;
  const due = new Set([...changed].flatMap((part) => [...(listeners.get(part) ?? [])]));
  changed.clear();
  for (const listener of due) listener();
}

/** One signal, new or with other copies. Answers whether it is new. */
export function putSignal(signal) {
  const signals = known.signals ?? [];
  const place = signals.findIndex((one) => one.signal_id === signal.signal_id);
  if (place >= 0) signals[place] = signal;
  else {
    const before = signals.findIndex((one) => one.at <= signal.at);
    // Older than all that are shown, with others between that are not: it comes with those.
    if (before < 0 && known.moreSignals) return false;
    signals.splice(before < 0 ? signals.length : before, 0, signal);
    signals.length = Math.min(signals.length, SIGNALS_KEPT);
  }
  change("signals", signals);
  return place < 0;
}

/** Earlier signals, as far as there is room. */
export function addEarlierSignals(earlier, more) {
  const there = new Set((known.signals ?? []).map((one) => one.signal_id));
  const all = [...(known.signals ?? []), ...earlier.filter((one) => !there.has(one.signal_id))];
  known.moreSignals = more && all.length < SIGNALS_KEPT;
  change("signals", all.slice(0, SIGNALS_KEPT));
}

/** Something happened. */
export function putEvent(event) {
  change("events", [event, ...known.events].slice(0, EVENTS_KEPT));
}

/** An account by its name. */
export const accountOf = (name) => known.accounts?.find((one) => one.account === name) ?? null;

/** Whether what is shown is how it is now. */
export const isLive = () => known.link.link === "live";
