/** How good copying is: how late, what it earned, how close to the master. */

import { get } from "./api.js";
import { LineChart } from "./charts.js";
import { byId, cell, element, emptyState, fill, responsiveTable, Rows } from "./dom.js";
import { count, dollars, milliseconds, percent } from "./format.js";
import { known, on } from "./store.js";
import { shortAccount, venueName } from "./words.js";

const AGAIN_MS = 60000;
/** Everybody's equity in one go is much for a phone where there are many. */
const TOGETHER_UP_TO = 20;
const TOGETHER = "";

let latencyChart;
let equityChart;
let fidelityRows;
let timer = null;
let isShown = false;

async function showLatency(unattended) {
  const told = await get(`/latency?hours=${byId("latency-hours").value}`, unattended);
  const points = [...told.points].sort((a, b) => a.at - b.at);
  const { signals, copies, median_ms, p95_ms, max_ms } = told.summary;
  const summary = `${count(signals)} signals, ${count(copies)} copies: half within ${milliseconds(median_ms)}, 95 % within ${milliseconds(p95_ms)}, the slowest ${milliseconds(max_ms)}.`;
  await latencyChart.show([points.map((one) => one.at), points.map((one) => one.last_ms), points.map((one) => one.median_ms), points.map((one) => one.first_ms)], summary);
}

async function showEquity(unattended) {
  const chosen = byId("equity-account").value;
  const told = await get(`/equity?days=${byId("equity-days").value}${chosen ? `&account=${encodeURIComponent(chosen)}` : ""}`, unattended);
  // Of who has left there are still figures, and the last one of them would count for ever.
  const present = new Set((known.accounts ?? []).filter((one) => one.role === "user").map((one) => one.account));
  const users = chosen ? told.series : told.series.filter((one) => (known.accounts ? present.has(one.account) : !one.account.startsWith("master:")));
  const [times, values] = together(users.map((one) => one.points));
  const who = chosen || `${users.length} users together`;
  const change = values.length ? values.at(-1) - values[0] : 0;
  const share = values[0] ? ` (${change < 0 ? "−" : "+"}${percent(Math.abs(change) / values[0], 2)})` : "";
  const summary = `${who}: ${dollars(values.at(-1))} now, ${change < 0 ? "" : "+"}${dollars(change)}${share} since the first figure. Deposits and withdrawals are in it.`;
  await equityChart.show([times, values], values.length ? summary : "");
}

/** Several accounts' points as one line: each counts with its last known figure, from when all are known. */
function together(lists) {
  const events = lists.flatMap((points, who) => points.filter((one) => one[1] !== null).map((one) => [one[0], who, Number(one[1])]));
  events.sort((a, b) => a[0] - b[0]);
  const last = new Map();
  const starts = new Set(events.map((one) => one[1])).size;
  const times = [];
  const values = [];
  for (const [at, who, value] of events) {
    last.set(who, value);
    if (last.size < starts) continue;
    const sum = [...last.values()].reduce((all, one) => all + one, 0);
    if (times.at(-1) === at) values[values.length - 1] = sum;
    else {
      times.push(at);
      values.push(sum);
    }
  }
  return [times, values];
}

const COLUMN = {
  who: { name: "User", head: true },
  share: { name: "Copied" },
  skipped: { name: "Skipped", wide: true },
  failed: { name: "Failed", number: true },
  ratio: { name: "Filled / planned", number: true },
  slippage: { name: "Price paid", number: true },
  took: { name: "Median", number: true },
};

function fidelityRow() {
  const node = element("tr", { role: "row" });
  return {
    node,
    update(user) {
      const [, venue] = user.account.split(":");
      const share = user.share_copied === null ? null : Number(user.share_copied);
      const skipped = Object.entries(user.skipped ?? {}).map(([code, times]) => `${times} ${code}`);
      const bps = user.slippage_bps_median === null || user.slippage_bps_median === undefined ? "–" : `${Number(user.slippage_bps_median) > 0 ? "+" : ""}${Number(user.slippage_bps_median).toFixed(1)} bps`;
      fill(
        node,
        cell(COLUMN.who, element("b", {}, shortAccount(user.account)), element("span", { class: "sub" }, venueName(venue))),
        cell(COLUMN.share, element("span", { class: "share" }, element("meter", { min: 0, max: 1, value: share ?? 0, "aria-label": `${user.account}: share of signals copied` }), `${percent(share, 0)} of ${count(user.signals)}`)),
        cell(COLUMN.skipped, skipped.join(", ") || "–"),
        cell(COLUMN.failed, count(user.failed)),
        cell(COLUMN.ratio, percent(user.size_ratio_median)),
        cell(COLUMN.slippage, bps),
        cell(COLUMN.took, milliseconds(user.median_ms)),
      );
    },
  };
}

async function showFidelity(unattended) {
  const { users } = await get(`/fidelity?days=${byId("fidelity-days").value}`, unattended);
  fidelityRows(users);
}

function guarded(show, id) {
  return async (unattended) => {
    const said = byId(`${id}-said`);
    try {
      await show(unattended === true);
      said.textContent = "";
    } catch (error) {
      said.textContent = `Could not be brought up to date: ${error.message}`;
    }
  };
}

const parts = { latency: showLatency, equity: showEquity, fidelity: showFidelity };
const refresh = Object.fromEntries(Object.entries(parts).map(([id, show]) => [id, guarded(show, id)]));
const refreshAll = (unattended = false) => Promise.all(Object.values(refresh).map((one) => one(unattended)));

/** The view is looked at, or no longer. */
export function qualityShown(shown) {
  isShown = shown;
  clearInterval(timer);
  timer = null;
  if (!shown) return;
  refreshAll();
  timer = setInterval(() => document.visibilityState === "visible" && refreshAll(true), AGAIN_MS);
}

/** The connection is back: figures are asked for again. */
export function qualityAgain() {
  if (isShown) refreshAll(true);
}

function fillAccounts() {
  const select = byId("equity-account");
  const accounts = known.accounts ?? [];
  const users = accounts.filter((one) => one.role === "user");
  const names = accounts.map((one) => one.account);
  if (names.join() === [...select.options].slice(1).map((one) => one.value).join()) return;
  const before = select.options.length ? select.value : users.length > TOGETHER_UP_TO ? users[0].account : TOGETHER;
  select.replaceChildren(element("option", { value: TOGETHER }, "All users together"), ...names.map((one) => element("option", { value: one }, one)));
  select.value = names.includes(before) ? before : TOGETHER;
}

export function startQuality() {
  for (const id of Object.keys(parts)) byId(id).append(element("p", { class: "said", id: `${id}-said`, role: "status" }));
  latencyChart = new LineChart(byId("latency"), {
    caption: "Milliseconds from the master's order to the copies, by signal",
    series: [
      { name: "Slowest copy", colour: "--series-1", width: 2 },
      { name: "Median", colour: "--series-2", width: 1.5 },
      { name: "First copy", colour: "--series-3", width: 1.5, dash: [4, 4] },
    ],
    format: (value) => milliseconds(value),
    missing: emptyState("No copies in this time", "Once a signal was copied, this shows how many milliseconds after the master each user's order was with its venue."),
  });
  equityChart = new LineChart(byId("equity"), {
    caption: "Equity over time",
    series: [{ name: "Equity", colour: "--series-1", width: 2 }],
    format: (value) => dollars(value),
    axisFormat: (value) => (Math.abs(value) >= 1000 ? `$${count(value)}` : dollars(value)),
    missing: emptyState("No figures yet", "The bot keeps every account's equity each quarter of an hour, from its first start on."),
  });
  const { table, body } = responsiveTable("Copy fidelity by user", Object.values(COLUMN));
  const empty = emptyState("Nothing to compare yet", "Once users have copied signals, each has a row here.");
  const rows = new Rows(body, (user) => user.account, fidelityRow);
  table.hidden = true;
  byId("fidelity").append(table, empty);
  fidelityRows = (users) => {
    table.hidden = users.length === 0;
    empty.hidden = users.length > 0;
    rows.show(users);
  };
  byId("latency-hours").addEventListener("change", refresh.latency);
  byId("equity-days").addEventListener("change", refresh.equity);
  byId("equity-account").addEventListener("change", refresh.equity);
  byId("fidelity-days").addEventListener("change", refresh.fidelity);
  on(["accounts"], fillAccounts);
  fillAccounts();
}
