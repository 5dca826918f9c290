/** State of trading, engine and this page's own connection; trouble; the big word on the overview. */

import { cannotResume, observesBySetting } from "./actions.js";
import { byId, element, fill, setAttribute, setText } from "./dom.js";
import { count, duration, localTime, timeOf } from "./format.js";
import { isLive, known, on } from "./store.js";
import { engineState, TRADING } from "./words.js";

const WHY = {
  active: "Masters trade, and every follower gets its copy.",
  observe: "Signals are recorded, users' copies are not sent.",
  stopped: "No order leaves the bot, neither buys nor sells.",
};

function showLink() {
  const { link, lastHeard, nextTryAt } = known.link;
  document.body.dataset.link = link;
  const words = { live: "Live", connecting: "Connecting …", cut: lastHeard ? `Cut since ${localTime(lastHeard / 1000)}` : "Not connected" };
  setText(byId("link-word"), words[link]);
  byId("link").className = `pill plain ${{ live: "ok", connecting: "", cut: "bad" }[link]}`;
  byId("cut").hidden = link !== "cut";
  if (link !== "cut") return;
  setText(byId("cut-since"), lastHeard ? `No word from the bot since ${localTime(lastHeard / 1000)}.` : "The bot does not answer.");
  showNextTry();
}

/** The seconds until the next try; outside the alert, which would read out every one of them. */
function showNextTry() {
  const { link, lastHeard, nextTryAt } = known.link;
  if (link !== "cut") return;
  const left = nextTryAt === null ? null : Math.max(0, Math.ceil((nextTryAt - Date.now()) / 1000));
  const old = lastHeard ? `All figures are ${duration((Date.now() - lastHeard) / 1000)} old. ` : "";
  setText(byId("cut-more"), `${old}${left === null ? "Trying now …" : `Trying again in ${left} s.`}`);
}

function showState() {
  const state = known.state;
  if (!state) return;
  const [word, tone] = TRADING[state.trading] ?? [state.trading, "warn"];
  const live = isLive();
  setText(byId("trading-word"), live ? word : "NOT KNOWN");
  byId("trading").className = `pill ${live ? tone : "stale"}`;
  document.title = `${live ? word : "No connection"} · NIJA copy trading`;
  const [engineWord, engineTone] = engineState(state.engine);
  setText(byId("engine-word"), live ? engineWord : "Engine not known");
  byId("engine").className = `pill plain ${live ? engineTone : "stale"}`;
  setAttribute(byId("engine"), "title", `Heartbeat ${Number(state.engine?.heartbeat_age_s ?? 0).toFixed(1)} s ago`);
  showHero(state, live, word, tone);
  showKill(state);
  showTrouble(state);
}

function showHero(state, live, word, tone) {
  const hero = byId("hero-word");
  setText(hero, live ? word : `Was: ${word}`);
  hero.className = `hero-word ${live ? tone : "stale"}`;
  const set = state.kill_switch ?? (state.trading === "observe" ? state.observe : null);
  const why = [WHY[state.trading] ?? ""];
  if (state.trading === "stopped" && state.stopped_reason) why.push(`Reason: ${state.stopped_reason}.`);
  else if (set?.reason) why.push(`Reason: ${set.reason}.`);
  if (set) why.push(`Set by ${set.set_by}, ${localTime(set.set_at)}.`);
  setText(byId("hero-why"), live ? why.join(" ") : `As of ${localTime(known.link.lastHeard / 1000)}. How it is now is not known.`);
  const stopped = state.trading === "stopped";
  byId("hero-resume").hidden = !(stopped && !cannotResume());
  byId("place").classList.toggle("primary", !stopped);
  setText(byId("observe"), state.observe || observesBySetting() ? "Turn observe mode off" : "Turn observe mode on");
  fill(byId("facts"), ...facts(state));
}

function facts(state) {
  const counts = state.counts ?? {};
  const skipped = Object.values(counts.skipped ?? {}).reduce((sum, one) => sum + one, 0);
  const pairs = [
    ["Signals", count(counts.emitted)],
    ["Copied", count(counts.copied)],
    ["Skipped", count(skipped)],
    ["Failed", count(counts.failed), counts.failed ? "bad" : null],
    ["Open", count(counts.open)],
    ["Users connected", `${count(state.users_connected)} of ${count(state.users_total)}`, state.users_connected < state.users_total ? "warn" : null],
    ["Strategy", state.strategy || "off"],
    ["Trades by hand", state.watch_master === false ? "not watched" : "watched"],
  ].map(([name, text, tone]) => element("div", {}, element("dt", {}, name), element("dd", { class: tone }, text)));
  const started = element("div", {}, element("dt", {}, "Started"), element("dd", {}, timeOf(state.started_at)));
  const version = element("div", {}, element("dt", {}, "Version"), element("dd", {}, state.version ?? "–"));
  return [...pairs, started, version];
}

/** One button at one place: it stops, and once stopped it starts again. */
function showKill(state) {
  const resumes = state.kill_switch !== null && state.kill_switch !== undefined;
  const button = byId("kill");
  button.dataset.does = resumes ? "resume" : "kill";
  button.classList.toggle("resumes", resumes);
  setText(byId("kill-word"), resumes ? "Resume" : "Kill switch");
}

function showTrouble(state) {
  const lines = [...(state.trouble ?? [])];
  if (state.ledger_error && !lines.some((line) => line.includes(state.ledger_error))) {
    lines.unshift(`The ledger cannot be written: ${state.ledger_error}. Nothing is traded until it can.`);
  }
  const trouble = byId("trouble");
  trouble.hidden = lines.length === 0;
  fill(trouble, ...lines.map((line) => element("li", {}, line)));
}

export function startHeader() {
  on(["state", "link"], () => {
    showLink();
    showState();
  });
  setInterval(showNextTry, 1000);
}
