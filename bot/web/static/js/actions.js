/** Everything that can be done from the page. */

import { post } from "./api.js";
import { confirmCommand } from "./commands.js";
import { note } from "./dialogs.js";
import { byId, element } from "./dom.js";
import { count, price } from "./format.js";
import { known } from "./store.js";
import { venueName } from "./words.js";

let fieldNumber = 0;

function field(label, input, hint = null) {
  fieldNumber += 1;
  input.id = `field-${fieldNumber}`;
  const says = hint ? element("p", { class: "hint", id: `hint-${fieldNumber}` }, hint) : null;
  if (says) input.setAttribute("aria-describedby", says.id);
  return element("div", { class: "field" }, element("label", { for: input.id }, label), input, says);
}

const reasonInput = (suggestion = "") => element("input", { type: "text", maxlength: "200", autocomplete: "off", value: suggestion });

/** The reason, where one was given: the bot has a word of its own for none. */
const because = (input) => (input.value.trim() ? { reason: input.value.trim() } : {});

const followersOf = (master) => (known.accounts ?? []).filter((one) => one.follows === master);

/** Why trading is stopped, where the page cannot lift that. */
export function cannotResume() {
  const state = known.state;
  return state?.trading === "stopped" && !state.kill_switch ? state.stopped_reason : null;
}

export function kill() {
  const reason = reasonInput("stopped from the page");
  confirmCommand({
    kind: "kill",
    title: "Stop all trading",
    danger: true,
    text: [
      "From the next second on no order leaves the bot: no buys and no sells, for the masters and for every user.",
      "Orders that a venue already has are not cancelled. Coins stay where they are. It stays stopped over restarts until you resume.",
    ],
    fields: [field("Reason, for the audit trail", reason)],
    read: () => ({ payload: because(reason) }),
    confirm: "Stop all trading",
    done: () => "All trading is stopped. No order leaves until you resume.",
  });
}

export function resume() {
  const barrier = cannotResume();
  if (barrier) {
    note(`This cannot be lifted from the page: ${barrier}. Change it where the bot runs, and start the bot again.`, "bad");
    return;
  }
  const set = known.state?.kill_switch;
  confirmCommand({
    kind: "resume",
    title: "Resume trading",
    text: [
      set ? `The kill switch was set by ${set.set_by}: ${set.reason}.` : "The kill switch is not set; nothing would change.",
      "Exits that waited for it are sent at once. Masters and users trade again from the next signal on; entries that were skipped are not caught up.",
    ],
    read: () => ({ payload: {} }),
    confirm: "Resume trading",
    done: (command) =>
      command.result?.stopped
        ? `The kill switch is lifted, and still NOTHING IS TRADED: ${command.result.stopped}.`
        : "The kill switch is lifted. Trading goes on with the next signal.",
  });
}

/** Observe mode, where the page cannot turn it off. */
export const observesBySetting = () => known.state?.trading === "observe" && !known.state.observe;

export function observe() {
  if (observesBySetting()) {
    note("Observe mode is set where the bot runs (OBSERVE_ONLY). Change it there, and start the bot again.", "bad");
    return;
  }
  const on = !known.state?.observe;
  const reason = reasonInput("");
  confirmCommand({
    kind: "observe",
    title: on ? "Turn observe mode on" : "Turn observe mode off",
    text: on
      ? ["Signals are planned and recorded as before, but users' copies are not sent, neither entries nor exits: each ends as “Observed”, and what a master sells meanwhile is not sold for users later. Masters trade on."]
      : ["Exits that waited from before are sent at once, and users' copies again from the next signal on. What was only observed, sells too, is not caught up."],
    fields: on ? [field("Reason, for the audit trail", reason)] : [],
    read: () => ({ payload: { on, ...because(reason) } }),
    confirm: on ? "Observe only" : "Copy again",
    done: (command) => {
      if (on) return "Observe mode is on: signals are recorded, not copied.";
      const still = command.result?.still;
      return still ? `The switch is off, and still NOTHING IS COPIED: ${still}.` : "Observe mode is off: signals are copied again.";
    },
  });
}

const whoOf = (account) => ({ user_id: account.user_id || account.account.split(":")[0], venue: account.venue });

export function pauseUser(account) {
  const reason = reasonInput("");
  confirmCommand({
    kind: "pause_user",
    title: `Pause ${account.name}`,
    text: [`${account.name} on ${venueName(account.venue)} gets no more entries. Exits go on: coins that copying bought are sold when the master sells.`],
    fields: [field("Reason, for the audit trail", reason)],
    read: () => ({ payload: { ...whoOf(account), ...because(reason) } }),
    confirm: "Pause",
    done: () => `${account.name} is paused: no entries, exits go on.`,
  });
}

export function unpauseUser(account) {
  confirmCommand({
    kind: "unpause_user",
    title: `Let ${account.name} copy again`,
    text: [`${account.name} on ${venueName(account.venue)} gets entries again from the next signal on. What it missed is not caught up.`],
    read: () => ({ payload: whoOf(account) }),
    confirm: "Copy again",
    done: () => `${account.name} gets entries again.`,
  });
}

export function reconnect(account) {
  confirmCommand({
    kind: "resume_user",
    title: `Reconnect ${account.name}`,
    text: [`The bot tries the key of ${account.account} at ${venueName(account.venue)} at once, and ends a pause that the venue or failures in a row had caused.`],
    read: () => ({ payload: whoOf(account) }),
    confirm: "Reconnect",
    done: (command) => (command.result?.resumed === false ? `${account.name} was connected all along.` : `${account.name} is connected.`),
  });
}

/**
 * A figure as it is typed: `1,234,567.50`, and with the comma that some phones have for a point, `0,05`. What may be
 * either, as `1,500`, stays as it is and is no size.
 */
export function plainNumber(typed) {
  const text = typed.trim().replace(/^\$/, "");
  if (/^\d{1,3}(,\d{3})+\.\d+$/.test(text) || /^\d{1,3}(,\d{3}){2,}$/.test(text)) return text.replaceAll(",", "");
  return /^[1-9]\d{0,2},\d{3}$/.test(text) ? text : text.replace(/^(\d+),(\d+)$/, "$1.$2");
}

/** A master's market order; `side and symbol` have to be typed. */
export function placeTrade() {
  const masters = (known.accounts ?? []).filter((one) => one.role === "master");
  if (masters.length === 0) {
    note("There is no master: set the key of one in the bot's settings, and start it again.", "bad");
    return;
  }
  const venue = element("select", {}, ...masters.map((one) => element("option", { value: one.venue }, `${venueName(one.venue)} (${one.account})`)));
  const usual = known.signals?.[0]?.symbol ?? "BTC-USD";
  const symbol = element("input", { type: "text", value: usual, autocapitalize: "characters", autocomplete: "off", spellcheck: "false" });
  const side = element("select", {}, element("option", { value: "buy" }, "Buy"), element("option", { value: "sell" }, "Sell"));
  const quantity = element("input", { type: "text", inputmode: "decimal", autocomplete: "off", autofocus: true });
  const unit = element("select", {}, element("option", { value: "quote" }, "dollars"), element("option", { value: "base" }, "coins"));
  const typed = element("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "characters" });
  const says = element("p", { class: "plan", "aria-live": "polite" });
  const wanted = () => `${side.value.toUpperCase()} ${symbolOf()}`;
  const symbolOf = () => symbol.value.trim().toUpperCase();
  const size = () => plainNumber(quantity.value);
  const sizeIsSaid = () => /^\d+(\.\d+)?$/.test(size()) && Number(size()) > 0;
  const typedField = field("", typed);

  const describe = () => {
    const master = masters.find((one) => one.venue === venue.value);
    const followers = followersOf(master.account).length;
    const much = sizeIsSaid() ? (unit.value === "quote" ? `$${size()} of ${symbolOf()}` : `${size()} ${symbolOf().split("-")[0]}`) : `… of ${symbolOf()}`;
    const verb = side.value === "buy" ? "buys" : "sells";
    const copied = known.state?.trading === "observe" ? "observe mode is on: nobody copies" : `${count(followers)} ${followers === 1 ? "user follows" : "users follow"}, each with its own share`;
    const text = `The master on ${venueName(venue.value)} ${verb} ${much} at the market price; ${copied}.`;
    if (says.textContent !== text) says.textContent = text;
    typedField.querySelector("label").textContent = `To confirm, type ${wanted()}`;
  };
  for (const input of [venue, symbol, side, quantity, unit]) input.addEventListener("input", describe);
  describe();

  confirmCommand({
    kind: "trade",
    title: "Place a master trade",
    text:
      known.state?.trading === "stopped"
        ? ["Trading is stopped: the bot will refuse this trade until you resume."]
        : ["The bot sends this order at once. A market order cannot be taken back."],
    fields: [
      element("div", { class: "grid" }, field("Master", venue), field("Side", side), field("Symbol", symbol, "as BTC-USD"), element("div", { class: "pair" }, field("Size", quantity, "as 1500.50"), field("in", unit))),
      says,
      typedField,
    ],
    ready: () => sizeIsSaid() && typed.value.trim().toUpperCase().replace(/\s+/g, " ") === wanted(),
    read: () => ({
      payload: { venue: venue.value, symbol: symbolOf(), side: side.value, quantity: size(), size_type: unit.value },
      extra: { confirm_text: wanted() },
    }),
    confirm: "Place the trade",
    done: (command) => tradeSentence(command.result),
  });
}

function tradeSentence(result) {
  if (!result) return "The trade is placed.";
  const copies = result.copies ?? [];
  const good = copies.filter((one) => ["FILLED", "PARTIALLY_FILLED", "ACCEPTED"].includes(one.state)).length;
  const master = result.master?.price ? ` at ${price(result.master.price)}` : "";
  const open = result.complete === false ? " Some copies are still on their way." : "";
  return `The master's order was accepted${master}. ${good} of ${copies.length} users copied it.${open}`;
}

export async function logOut() {
  byId("logout").disabled = true;
  try {
    await post("/logout");
  } catch (error) {
    byId("logout").disabled = false;
    note(`Not logged out: ${error.message}`, "bad");
    return;
  }
  location.replace("/login");
}
