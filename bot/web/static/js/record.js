/** What happened: the running events, and the audit trail. */

import { get } from "./api.js";
import { byId, cell, element, emptyState, responsiveTable, Rows, setText } from "./dom.js";
import { showTime, timeOf } from "./format.js";
import { known, on } from "./store.js";
import { chip } from "./words.js";

const LATEST = 6;
const PAGE = 100;
const ENTRIES_KEPT = 500;
const AGAIN_MS = 15000;

let entries = [];
let showEntries;
let timer = null;

const kindWord = (kind) => String(kind).replaceAll("_", " ");

function eventRow(event) {
  const time = element("time", {});
  const node = element(
    "li",
    { class: event.serious ? "serious" : null },
    element("span", { class: "event-head" }, chip(kindWord(event.kind), event.serious ? "bad" : "plain"), time),
    element("span", { class: "event-text" }, event.text),
  );
  return { node, update: (now) => showTime(time, now.at, "ago") };
}

function eventList(container, emptyNode) {
  const list = element("ol", { class: "events" });
  container.append(list, emptyNode);
  let number = 0;
  const keys = new WeakMap();
  const keyOf = (event) => {
    if (!keys.has(event)) keys.set(event, (number += 1));
    return keys.get(event);
  };
  const rows = new Rows(list, keyOf, eventRow);
  return (events) => {
    emptyNode.hidden = events.length > 0;
    list.hidden = events.length === 0;
    rows.show(events);
  };
}

const COLUMN = {
  at: { name: "When", head: true },
  kind: { name: "Kind" },
  who: { name: "Who" },
  what: { name: "What", wide: true },
};

/** What more is known of an entry: text, or names and values. */
function detailText(detail) {
  if (!detail || typeof detail !== "object") return detail ?? "";
  const plain = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));
  return Object.entries(detail)
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${kindWord(name)}: ${plain(value)}`)
    .join(", ");
}

/** An entry never changes, so neither does its row. */
function auditRow(entry) {
  const detail = detailText(entry.detail);
  const more = detail ? element("details", {}, element("summary", {}, "More"), element("span", { class: "sub" }, detail)) : null;
  const node = element(
    "tr",
    { role: "row" },
    cell(COLUMN.at, timeOf(entry.at, "local"), element("span", { class: "sub" }, `No. ${entry.number}`)),
    cell(COLUMN.kind, chip(kindWord(entry.kind))),
    cell(COLUMN.who, entry.who || "–"),
    cell(COLUMN.what, entry.what || "–", more),
  );
  return { node, update: () => {} };
}

function showIntact(told) {
  const intact = byId("audit-intact");
  const troubled = told.intact && told.problem;
  setText(intact, troubled ? "Trouble" : told.intact ? "Intact" : "NOT intact");
  intact.className = `chip ${troubled ? "warn" : told.intact ? "ok" : "bad"}`;
  intact.title = told.intact ? "Every entry fits the one before it." : told.problem ?? "";
  setText(byId("audit-problem"), troubled ? `${told.problem}.` : told.intact ? "" : `The trail was changed: ${told.problem ?? "entries do not fit each other"}.`);
}

async function load(before = null, unattended = false) {
  const said = byId("audit-said");
  try {
    const told = await get(`/audit?limit=${PAGE}${before === null ? "" : `&before=${before}`}`, unattended);
    const there = new Set(told.entries.map((one) => one.number));
    // More came since than were asked for: what is between is not here, so the earlier ones go.
    if (before === null && entries.length && told.entries.length && told.entries.at(-1).number > entries[0].number + 1) entries = [];
    entries = [...told.entries, ...entries.filter((one) => !there.has(one.number))].sort((a, b) => b.number - a.number).slice(0, ENTRIES_KEPT);
    if (before === null) showIntact(told);
    showEntries();
    byId("more-audit").hidden = entries.length === 0 || entries.length >= ENTRIES_KEPT || (before === null ? entries.at(-1).number <= 1 : told.entries.length < PAGE);
    said.textContent = "";
  } catch (error) {
    said.textContent = `Could not be brought up to date: ${error.message}`;
  }
}

/** The view is looked at, or no longer. */
export function recordShown(shown) {
  clearInterval(timer);
  timer = null;
  if (!shown) return;
  load();
  timer = setInterval(() => document.visibilityState === "visible" && load(null, true), AGAIN_MS);
}

export function startRecord() {
  const latest = eventList(byId("happening"), element("p", { class: "muted" }, "Nothing since this page was opened."));
  const all = eventList(byId("events"), emptyState("Nothing since this page was opened", "Accounts lost and back, failed copies, commands and logins appear here the moment they happen."));
  on(["events"], () => {
    latest(known.events.slice(0, LATEST));
    all(known.events);
  });
  latest([]);
  all([]);

  const { table, body } = responsiveTable("Audit trail, newest first", Object.values(COLUMN));
  const empty = emptyState("No entries yet", "The bot writes one for each intent, outcome, command, login and change of settings.");
  byId("audit").append(element("p", { class: "said", id: "audit-problem", role: "alert" }), table, empty, element("p", { class: "said", id: "audit-said", role: "status" }));
  const rows = new Rows(body, (entry) => entry.number, auditRow);
  showEntries = () => {
    table.hidden = entries.length === 0;
    empty.hidden = entries.length > 0;
    rows.show(entries);
  };
  showEntries();
  byId("more-audit").addEventListener("click", () => load(entries.at(-1)?.number ?? null));
}
