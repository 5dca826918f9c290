/** The list of signals, and the sheet with one signal's copies. */

import { get } from "./api.js";
import { openDialog, speak } from "./dialogs.js";
import { byId, cell, element, emptyState, fill, responsiveTable, Rows, setText } from "./dom.js";
import { amount, dollars, fee, milliseconds, price, showTime, size, timeOf } from "./format.js";
import { addEarlierSignals, known, on } from "./store.js";
import { chip, copyCounts, countsText, shortAccount, sideChip, stateChip, venueName } from "./words.js";

const LATEST = 8;
const PAGE = 50;
const FRESH_MS = 2500;
const SPEAK_EVERY_MS = 3000;
const REFRESH_OPEN_MS = 400;

let opened = null;
const fresh = new Set();
let unspoken = [];
let speaking = null;

function row(signal) {
  const time = element("time", { class: "s-time" });
  const what = element("span", { class: "s-what" }, sideChip(signal.side), element("b", {}, signal.symbol));
  const where = element("span", { class: "s-where" });
  const much = element("span", { class: "s-size number" });
  const at = element("span", { class: "s-price number" });
  const copies = element("span", { class: "s-copies" });
  const took = element("span", { class: "s-took number" });
  const button = element(
    "button",
    { type: "button", class: "signal", data: { signal: signal.signal_id }, "aria-haspopup": "dialog", on: { click: () => openSignal(signal.signal_id) } },
    time,
    what,
    where,
    much,
    at,
    copies,
    took,
  );
  const node = element("li", {}, button);
  if (fresh.has(signal.signal_id)) {
    button.classList.add("fresh");
    setTimeout(() => button.classList.remove("fresh"), FRESH_MS);
  }
  return {
    node,
    update(now) {
      showTime(time, now.at, "ago");
      const marks = [venueName(now.venue), now.by_hand ? "by hand" : null, now.observe_only ? "observed" : null].filter(Boolean);
      setText(where, marks.join(" · "));
      setText(much, size(now.size, now.size_type, now.symbol));
      setText(at, price(now.price));
      const counts = copyCounts(now.copies);
      fill(copies, ...(counts.length ? counts.map(([text, tone]) => chip(text, tone)) : [chip("no copies")]));
      setText(took, now.last_ms === null || now.last_ms === undefined ? "–" : milliseconds(now.last_ms));
    },
  };
}

function list(container, label) {
  const head = element(
    "div",
    { class: "signal-head", "aria-hidden": "true" },
    ...["When", "Trade", "Where", "Size", "Price", "Copies", "Slowest"].map((text, i) => element("span", { class: [3, 4, 6].includes(i) ? "number" : null }, text)),
  );
  const items = element("ul", { class: "signals", "aria-label": label });
  const empty = emptyState(
    "No signal yet",
    "A signal is an executed trade of a master; it appears here within the second, with what became of it at every user.",
    "The strategy trades by itself, a master's own hand is watched, or place a master trade from the overview.",
  );
  const waiting = element("p", { class: "muted loading" }, "Loading …");
  container.append(waiting, head, items, empty);
  const rows = new Rows(items, (signal) => signal.signal_id, row);
  return (signals) => {
    waiting.hidden = signals !== null;
    empty.hidden = signals === null || signals.length > 0;
    head.hidden = items.hidden = !signals?.length;
    rows.show(signals ?? []);
  };
}

/** A signal arrived that was not known. */
export function signalArrived(signal) {
  fresh.add(signal.signal_id);
  setTimeout(() => fresh.delete(signal.signal_id), FRESH_MS);
  unspoken.push(signal);
  speaking ??= setTimeout(() => {
    const last = unspoken.at(-1);
    const others = unspoken.length > 1 ? `${unspoken.length} new signals. Last: ` : "New signal: ";
    const now = known.signals?.find((one) => one.signal_id === last.signal_id) ?? last;
    speak(`${others}${now.side} ${now.symbol} on ${venueName(now.venue)}, ${countsText(now.copies)}.`);
    unspoken = [];
    speaking = null;
  }, SPEAK_EVERY_MS);
}

/** Something of a signal changed: the sheet that shows it asks again. */
export function signalChanged(signalId) {
  if (opened?.signalId === signalId) opened.refresh();
}

/** Open the sheet of one signal. */
export function openSignal(signalId) {
  const sheet = openDialog({ title: "Signal", sheet: true, onClose: () => (opened = null) });
  sheet.body.append(element("p", { class: "muted" }, "Loading …"));
  let timer = null;
  let shown = null;
  const load = async () => {
    timer = null;
    try {
      const told = await get(`/signals/${encodeURIComponent(signalId)}`);
      if (!sheet.node.open) return;
      shown ??= sheetOf(sheet);
      shown(told);
    } catch (error) {
      if (!shown) sheet.body.replaceChildren(element("p", { class: "said" }, error.message));
    }
  };
  opened = { signalId, refresh: () => (timer ??= setTimeout(load, REFRESH_OPEN_MS)) };
  load();
}

const COPY_COLUMNS = {
  account: { name: "User", head: true },
  state: { name: "State" },
  size: { name: "Size", number: true },
  worth: { name: "Worth", number: true },
  price: { name: "Price", number: true },
  fee: { name: "Fee", number: true },
  took: { name: "Took", number: true },
  why: { name: "Reason", wide: true },
};

function sheetOf(sheet) {
  const facts = element("dl", { class: "facts" });
  const counts = element("p", { class: "chips" });
  const { table, body } = responsiveTable("Every user's copy of this signal", Object.values(COPY_COLUMNS));
  const empty = emptyState("Nobody follows this master", "Users follow the master at their own venue, or the one that “follow” names in the users' file.");
  const rows = new Rows(body, (copy) => `${copy.account} ${copy.leg}`, copyRow);
  sheet.body.replaceChildren(facts, counts, table, empty);
  return ({ signal, copies }) => {
    sheet.heading.replaceChildren(sideChip(signal.side), ` ${signal.symbol}`);
    fill(
      facts,
      ...[
        ["Master", signal.master],
        ["When", timeOf(signal.at, "both")],
        ["Size", size(signal.size, signal.size_type, signal.symbol)],
        ["Price", price(signal.price)],
        ["Slowest copy", signal.last_ms === null ? "–" : milliseconds(signal.last_ms)],
        ["Traded", signal.by_hand ? "by hand" : "by the bot"],
      ].map(([name, what]) => element("div", {}, element("dt", {}, name), element("dd", {}, what))),
    );
    const chips = copyCounts(signal.copies).map(([text, tone]) => chip(text, tone));
    if (signal.observe_only) chips.push(chip("observe mode: nothing was sent", "warn"));
    fill(counts, ...chips);
    table.hidden = copies.length === 0;
    empty.hidden = copies.length > 0;
    rows.show(copies);
  };
}

/** A row of copies; also used for the copies of one account. */
export function copyRow() {
  const node = element("tr", { role: "row" });
  return {
    node,
    update(copy) {
      const base = String(copy.symbol).split("-")[0];
      const filled = Number(copy.executed) > 0;
      const coins = filled ? `${amount(copy.executed)} ${base}` : copy.quantity === null || Number(copy.quantity) === 0 ? "–" : `${amount(copy.quantity)} ${base}`;
      fill(
        node,
        cell(COPY_COLUMNS.account, element("b", {}, copy.label ?? shortAccount(copy.account)), element("span", { class: "sub" }, copy.sub ?? venueName(copy.venue))),
        cell(COPY_COLUMNS.state, stateChip(copy.state)),
        cell(COPY_COLUMNS.size, coins),
        cell(COPY_COLUMNS.worth, dollars(filled ? copy.cost : Number(copy.quote_value) ? copy.quote_value : null)),
        cell(COPY_COLUMNS.price, filled ? price(copy.average_price) : "–"),
        cell(COPY_COLUMNS.fee, filled ? fee(copy.fee, copy.fee_currency) : "–"),
        cell(COPY_COLUMNS.took, milliseconds(copy.milliseconds)),
        cell(COPY_COLUMNS.why, reasonOf(copy)),
      );
    },
  };
}

export const copyColumns = Object.values(COPY_COLUMNS);

function reasonOf(copy) {
  const again = copy.attempt > 1 ? `attempt ${copy.attempt}` : "";
  return [copy.reason || copy.code, again].filter(Boolean).join("; ") || "–";
}

async function showMore() {
  const button = byId("more-signals");
  const oldest = known.signals?.at(-1);
  if (!oldest) return;
  button.disabled = true;
  try {
    const told = await get(`/signals?limit=${PAGE}&before=${oldest.at}`);
    addEarlierSignals(told.signals, told.more);
  } finally {
    button.disabled = false;
  }
}

export function startSignals() {
  const latest = list(byId("latest"), "Latest signals");
  const all = list(byId("signals"), "Signals");
  on(["signals"], () => {
    latest(known.signals?.slice(0, LATEST) ?? null);
    all(known.signals);
    byId("more-signals").hidden = !known.moreSignals;
  });
  byId("more-signals").addEventListener("click", showMore);
  latest(null);
  all(null);
}
