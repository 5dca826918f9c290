/** A command: asked, confirmed, posted once, and followed until the bot says what became of it. */

import { get, post } from "./api.js";
import { openDialog, note } from "./dialogs.js";
import { cell, element, responsiveTable } from "./dom.js";
import { dollars, amount, milliseconds, price } from "./format.js";
import { stateChip } from "./words.js";

const ASK_EVERY_MS = 400;
const FOLLOW_FOR_MS = 90000;
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
      if (error.status !== 0 && error.status < 500) throw error;
    }
    await pause(ASK_EVERY_MS);
  }
  return null;
}

/**
 * A dialog that says what will happen, and does it when confirmed.
 *
 * `text`: paragraphs or nodes; `fields`: nodes of the form; `read()`: answers `{ payload, extra }` or throws an Error
 * whose text is shown; `ready()`: whether it may be confirmed yet; `done(command)`: one sentence.
 */
export function confirmCommand({ kind, title, text, fields = [], read, ready = () => true, confirm, danger = false, done }) {
  let open = true;
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
  form.addEventListener("input", check);
  form.addEventListener("change", check);
  check();
  // Stopping is the safe thing to do at once; all else begins at its first field, or at the way back.
  (danger ? go : (form.querySelector("[autofocus]") ?? form.querySelector("input, select") ?? back)).focus();

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (go.disabled || Date.now() - openedAt < DOUBLE_TAP_MS) return;
    said.textContent = "";
    let asked;
    try {
      asked = read();
    } catch (error) {
      said.textContent = error.message;
      return;
    }
    go.disabled = true;
    go.textContent = "Sending …";
    let id;
    try {
      ({ id } = await post("/commands", { kind, payload: asked.payload, confirm: true, ...asked.extra }));
    } catch (error) {
      // Without an answer the command may be on its way: saying "failed" would invite a second one.
      const text =
        error.status === 0 || error.status >= 500
          ? `${error.message} It is NOT KNOWN whether the bot took the command: look at the page and the audit trail before you try again.`
          : error.message;
      if (open) {
        said.textContent = text;
        go.textContent = confirm;
        check();
      } else note(`${title}: ${text}`, "bad");
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
  let command = null;
  let problem = `Command ${id} has not ended yet. The audit trail will tell what became of it.`;
  try {
    command = await follow(id);
  } catch (error) {
    problem = error.message;
  }
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
