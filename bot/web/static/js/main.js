/** Puts the page together. */

import { startAccounts } from "./accounts.js";
import { kill, logOut, observe, placeTrade, resume } from "./actions.js";
import { get } from "./api.js";
import { isDialogOpen, showKeptNote } from "./dialogs.js";
import { byId } from "./dom.js";
import { refreshTimes, tellServerTime } from "./format.js";
import { startHeader } from "./header.js";
import { openHelp, startKeys } from "./keys.js";
import { LiveStream } from "./live.js";
import { qualityAgain, qualityShown, startQuality } from "./quality.js";
import { recordShown, startRecord } from "./record.js";
import { signalArrived, signalChanged, startSignals } from "./signals.js";
import { addEarlierSignals, change, known, putEvent, putSignal } from "./store.js";
import { startTheme, switchTheme } from "./theme.js";

const VIEWS = ["overview", "signals", "accounts", "quality", "record"];
const SIGNALS_AT_FIRST = 50;
const REFRESH_TIMES_MS = 5000;

function showView() {
  const wanted = location.hash.slice(2);
  const view = VIEWS.includes(wanted) ? wanted : VIEWS[0];
  for (const name of VIEWS) byId(`view-${name}`).hidden = name !== view;
  for (const link of document.querySelectorAll(".tabs a")) {
    if (link.hash === `#/${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  window.scrollTo(0, 0);
  refreshTimes();
  qualityShown(view === "quality");
  recordShown(view === "record");
}

/** Everything anew: while the stream was cut, anything may have happened. */
async function loadAll() {
  const [state, accounts, signals] = await Promise.allSettled([get("/state", true), get("/accounts", true), get(`/signals?limit=${SIGNALS_AT_FIRST}`, true)]);
  if (state.status === "fulfilled") {
    tellServerTime(state.value.now);
    change("state", state.value);
  }
  if (accounts.status === "fulfilled") change("accounts", accounts.value.accounts);
  if (signals.status === "fulfilled") {
    known.signals = null;
    addEarlierSignals(signals.value.signals, signals.value.more);
  }
  qualityAgain();
}

const receive = {
  hello({ now }) {
    tellServerTime(now);
    loadAll();
  },
  state(state) {
    tellServerTime(state.now);
    change("state", state);
  },
  signal(signal) {
    if (putSignal(signal)) signalArrived(signal);
    signalChanged(signal.signal_id);
  },
  accounts: ({ accounts }) => change("accounts", accounts),
  event: (event) => putEvent(event),
};

function killOrResume() {
  (byId("kill").dataset.does === "resume" ? resume : kill)();
}

/** What a dialog speaks of is told a moment after the page is there: whoever is quicker waits for it. */
const onceKnown = (open) => async () => {
  if (!known.state || !known.accounts) {
    await loadAll();
    if (isDialogOpen()) return;
  }
  open();
};

function start() {
  startTheme();
  startHeader();
  startSignals();
  startAccounts();
  startQuality();
  startRecord();
  const stream = new LiveStream(
    (kind, data) => receive[kind]?.(data),
    (link) => change("link", link),
  );
  byId("kill").addEventListener("click", killOrResume);
  byId("hero-resume").addEventListener("click", resume);
  byId("observe").addEventListener("click", onceKnown(observe));
  byId("place").addEventListener("click", onceKnown(placeTrade));
  byId("help").addEventListener("click", openHelp);
  byId("logout").addEventListener("click", logOut);
  byId("cut-now").addEventListener("click", () => stream.tryNow());
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address says which view it is
    byId("main").focus();
  });
  const go = (view) => () => {
    location.hash = `/${view}`;
    byId("main").focus({ preventScroll: true });
  };
  startKeys([
    ["k", "Kill switch: stop all trading", kill],
    ["r", "Resume trading", onceKnown(resume)],
    ["o", "Observe mode on or off", onceKnown(observe)],
    ["t", "Place a master trade", onceKnown(placeTrade)],
    ...VIEWS.map((view, i) => [String(i + 1), `Show ${view}`, go(view)]),
    ["d", "Dark or light", switchTheme],
    ["?", "This help", openHelp],
  ]);
  window.addEventListener("hashchange", showView);
  showView();
  showKeptNote();
  setInterval(refreshTimes, REFRESH_TIMES_MS);
  stream.start();
}

start();
