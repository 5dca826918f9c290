/** A command: asked, confirmed, posted under a key, and followed until the bot says what became of it. */

import { get, isUnclear, newKey, post } from "./api.js";
import { keepNote, openDialog, note } from "./dialogs.js";
import { cell, element, responsiveTable } from "./dom.js";
import { dollars, amount, milliseconds, price } from "./format.js";
import { stateChip } from "./words.js";

const ASK_EVERY_MS = 400;
const FOLLOW_FOR_MS = 90000;
const REPEATS = 3;
const REPEAT_AFTER_MS = 1000;
// The button that confirms may come up under the thumb that has just opened it.
const DOUBLE_TAP_MS = 350;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Ask until a command has ended; null when it has not within the time. */
async function follow(id) {
  const until = Date.now() + FOLLOW_FOR_MS;
  while (Date.now() < until) {
    try {
      const command = await get(`/commands/${encodeURIComponent(id)}`);
      if (command.state === "done" || command.state === "failed") return command;
    } catch (error) {
      // The command itself is not touched by that: it is asked about again.
      if (!isUnclear(error)) throw error;
    }
    await pause(ASK_EVERY_MS);
  }
  return null;
}

/** Post a command, and the same again while no answer comes: under its key the bot takes it once. */
async function postUntilAnswered(body, key, { onRepeat, isOpen }) {
  for (let repeat = 1; ; repeat += 1) {
    try {
      return await post("/commands", body, key);
    } catch (error) {
      if (!isUnclear(error) || repeat > REPEATS) throw error;
      onRepeat(repeat);
      await pause(REPEAT_AFTER_MS);
      // Who has closed the dialog does not want it sent any more.
      if (!isOpen()) throw error;
    }
  }
}

/**
 * A dialog that says what will happen, and does it when confirmed. Whatever is pressed in it, it is one command at most.
 *
 * `text`: paragraphs or nodes; `fields`: nodes of the form; `read()`: answers `{ payload, extra }` or throws an Error
 * whose text is shown; `ready()`: whether it may be confirmed yet; `done(command)`: one sentence.
 */
export function confirmCommand({ kind, title, text, fields = [], read, ready = () => true, confirm, danger = false, done }) {
  let open = true;
  const key = newKey();
  let lost = false;
  let asked = null;
  const openedAt = Date.now();
  const dialog = openDialog({ title, danger, onClose: () => (open = false) });
  const said = element("p", { class: "said", role: "alert" });
  const go = element("button", { type: "submit", class: `button ${danger ? "kill" : "primary"}` }, confirm);
  const back = element("button", { type: "button", class: "button", on: { click: dialog.close } }, "Cancel");
  const form = element("form", { novalidate: true }, ...text.map((one) => (one instanceof Node ? one : element("p", {}, one))), ...fields, said);
  form.id = `form-${dialog.heading.id}`;
  go.setAttribute("form", form.id);
  dialog.body.append(form);
  dialog.foot.append(back, go);

  const check = () => (go.disabled = !ready());
  const lock = (locked) => form.querySelectorAll("input, select, textarea").forEach((one) => (one.disabled = locked));
  form.addEventListener("input", check);
  form.addEventListener("change", check);
  check();
  // Stopping is the safe thing to do at once; all else begins at its first field, or at the way back.
  (danger ? go : (form.querySelector("[autofocus]") ?? form.querySelector("input, select") ?? back)).focus();

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (go.disabled || Date.now() - openedAt < DOUBLE_TAP_MS) return;
    said.textContent = "";
    try {
      // What may be with the bot already is sent again as it was.
      if (!lost) asked = read();
    } catch (error) {
      said.textContent = error.message;
      return;
    }
    const focused = document.activeElement;
    lock(true);
    go.disabled = true;
    go.textContent = "Sending …";
    let id;
    // A bot that starts again knows no session any more, and the page leads to the login.
    keepNote(`${title}: the page was left before the bot answered. It is NOT KNOWN whether the bot took the command. Before you try anew, look at the page and the audit trail.`);
    try {
      ({ id } = await postUntilAnswered({ kind, payload: asked.payload, confirm: true, ...asked.extra }, key, {
        onRepeat: (repeat) => {
          lost = true;
          said.textContent = `No answer; asking again (${repeat} of ${REPEATS}) …`;
        },
        isOpen: () => open,
      }));
    } catch (error) {
      lost ||= isUnclear(error);
      if (!lost) keepNote(null);
      // Without an answer the command may be on its way: saying "failed" would invite a second one.
      const again = open ? ` “${confirm}” sends the same command again, and the bot carries it out once at most.` : "";
      const text = lost
        ? `${error.message.replace(/\.?$/, ".")} It is NOT KNOWN whether the bot took the command.${again} Before you try anew, look at the page and the audit trail.`
        : error.message;
      if (!open) {
        note(`${title}: ${text}`, "bad");
        return;
      }
      said.textContent = text;
      go.textContent = confirm;
      lock(lost);
      check();
      (lost ? go : focused)?.focus();
      return;
    }
    await showUntilDone(dialog, { id, title, done, isOpen: () => open });
  });
}

async function showUntilDone(dialog, { id, title, done, isOpen }) {
  const status = element("p", { class: "progress", role: "status" }, `Command ${id} is with the bot. Waiting for what becomes of it …`);
  const closer = element("button", { type: "button", class: "button primary", on: { click: dialog.close } }, "Close");
  dialog.body.replaceChildren(status);
  dialog.foot.replaceChildren(closer);
  closer.focus();
  keepNote(`${title}: command ${id} was with the bot when the page was left. The audit trail tells what became of it; look there before you try anew.`);
  let command = null;
  let problem = `Command ${id} has not ended yet. The audit trail will tell what became of it.`;
  try {
    command = await follow(id);
  } catch (error) {
    problem = error.message;
  }
  if (command) keepNote(null);
  const failed = command?.state === "failed";
  const sentence = command ? (failed ? failure(command) : done(command)) : problem;
  if (!isOpen()) {
    note(`${title}: ${sentence}`, command && !failed ? "ok" : "bad");
    return;
  }
  status.className = `result ${command && !failed ? "ok" : "bad"}`;
  status.textContent = sentence;
  const table = command ? tradeTable(command.result) : null;
  if (table) {
    dialog.node.classList.add("roomy");
    dialog.body.append(table);
  }
}

function failure(command) {
  const result = command.result ?? {};
  if (result.master?.state === "UNKNOWN") {
    return `It is NOT KNOWN whether the master traded (${result.master.reason}). Look at the account at the venue, and do not repeat the trade before.`;
  }
  return result.error || result.master?.reason || result.status || "The bot could not do it.";
}

const COLUMN = {
  who: { name: "Account", head: true },
  state: { name: "State" },
  coins: { name: "Coins", number: true },
  price: { name: "Price", number: true },
  cost: { name: "Cost", number: true },
  took: { name: "Took", number: true },
  why: { name: "Reason", wide: true },
};

/** The copies of a trade that was placed here. */
function tradeTable(result) {
  if (!result?.copies?.length) return null;
  const { table, body } = responsiveTable("Copies of this trade", Object.values(COLUMN));
  for (const copy of result.copies) {
    const coins = [copy.executed, copy.quantity].find((one) => Number(one));
    body.append(
      element(
        "tr",
        { role: "row" },
        cell(COLUMN.who, element("b", {}, copy.account)),
        cell(COLUMN.state, stateChip(copy.state)),
        cell(COLUMN.coins, amount(coins)),
        cell(COLUMN.price, price(copy.price)),
        cell(COLUMN.cost, dollars(copy.cost)),
        cell(COLUMN.took, milliseconds(copy.milliseconds)),
        cell(COLUMN.why, copy.reason || "–"),
      ),
    );
  }
  return table;
}
