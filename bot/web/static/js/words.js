/** Words and colours of states; the colour never stands alone. */

import { element } from "./dom.js";
import { duration } from "./format.js";

const COPY_STATES = {
  FILLED: ["Filled", "ok"],
  PARTIALLY_FILLED: ["Partly filled", "ok"],
  ACCEPTED: ["Accepted", "ok"],
  PLANNED: ["Planned", "plain"],
  SUBMITTING: ["Sending", "plain"],
  UNKNOWN: ["Not known yet", "warn"],
  REJECTED: ["Rejected", "bad"],
  FAILED: ["Failed", "bad"],
  EXPIRED: ["Expired", "warn"],
  OBSERVED: ["Observed", "plain"],
  SKIPPED: ["Skipped", "plain"],
};

export const stateWord = (state) => (COPY_STATES[state] ?? [state ?? "–"])[0];

export function chip(text, tone = "plain") {
  return element("span", { class: `chip ${tone}` }, text);
}

export function stateChip(state) {
  const [word, tone] = COPY_STATES[state] ?? [state ?? "–", "plain"];
  return chip(word, tone);
}

/** BUY or SELL. */
export const sideChip = (side) => element("span", { class: `side ${side === "sell" ? "sell" : "buy"}` }, String(side).toUpperCase());

/** `8 copied · 2 skipped · 1 failed`, as parts with tones. */
export function copyCounts(copies) {
  return [
    ["copied", "ok"],
    ["skipped", "plain"],
    ["open", "plain"],
    ["unclear", "warn"],
    ["failed", "bad"],
  ]
    .filter(([name]) => copies?.[name])
    .map(([name, tone]) => [`${copies[name]} ${name}`, tone]);
}

export const countsText = (copies) => copyCounts(copies).map(([text]) => text).join(", ") || "no copies";

/** What is to be said of an account: chips of `[text, tone]`, the worst first, and a line that explains. */
export function accountState(account) {
  const chips = [];
  if (account.barred) chips.push(["Key refused", "bad"]);
  else if (!account.connected && !account.paused) chips.push(["Not connected", "bad"]);
  if (account.paused) chips.push(["Waiting", "warn"]);
  if (account.entries_stopped) chips.push(["Entries stopped", "warn"]);
  if (account.connected && !account.funded) chips.push(["UNDERFUNDED", "warn"]);
  if (chips.length === 0) chips.push(account.role === "master" ? ["Leading", "ok"] : account.follows ? ["Copying", "ok"] : ["Follows nobody", "plain"]);
  const why = [];
  if (account.entries_stopped) why.push(account.entries_stopped);
  if (account.barred || account.paused || !account.connected) why.push(account.status);
  if (account.connected && !account.funded) why.push("less than $0.50: it gets no entries");
  if (account.waiting_orders) why.push(`${account.waiting_orders} ${account.waiting_orders === 1 ? "order" : "orders"} waiting for a fill`);
  return { chips, why: why.filter(Boolean).join("; "), fine: chips.every(([, tone]) => tone === "ok" || tone === "plain") };
}

/** How the engine is: `[text, tone]`. */
export function engineState(engine) {
  if (!engine?.alive) return ["Engine not running", "bad"];
  if (engine.heartbeat_age_s > 10) return [`Engine silent for ${duration(engine.heartbeat_age_s)}`, "bad"];
  return ["Engine running", "ok"];
}

export const TRADING = {
  active: ["TRADING ACTIVE", "ok"],
  observe: ["OBSERVE MODE", "warn"],
  stopped: ["STOPPED", "bad"],
};

export const venueName = (venue) => ({ kraken: "Kraken", coinbase: "Coinbase", alpaca: "Alpaca" })[venue] ?? venue;

/** `daivon_frazier:kraken` -> `daivon_frazier`. */
export const shortAccount = (account) => String(account).split(":")[0];
