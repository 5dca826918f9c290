/** Masters and users: a table at a desk, cards on a phone; and the sheet of one account. */

import { pauseUser, reconnect, unpauseUser } from "./actions.js";
import { get } from "./api.js";
import { openDialog } from "./dialogs.js";
import { byId, cell, element, emptyState, fill, responsiveTable, Rows, setText } from "./dom.js";
import { amount, dollars, localTime, percent, timeOf } from "./format.js";
import { accountOf, known, on } from "./store.js";
import { copyColumns, copyRow } from "./signals.js";
import { accountState, chip, shortAccount, venueName } from "./words.js";

const COINS_SHOWN = 3;

const COLUMN = {
  who: { name: "Account", head: true },
  state: { name: "State", wide: true },
  balance: { name: "Balance", number: true },
  equity: { name: "Equity", number: true },
  follows: { name: "Follows" },
  coins: { name: "Copied coins" },
  does: { name: "Actions", end: true },
};

const chipsOf = (account) => accountState(account).chips.map(([text, tone]) => chip(text, tone));

/** What to press for an account; asked for anew at the press, when it may have changed. */
function actionsOf(account) {
  const act = (text, how, label) =>
    element("button", { type: "button", class: "button small", "aria-label": `${label} ${account.account}`, on: { click: () => how(accountOf(account.account) ?? account) } }, text);
  const buttons = [act("Details", openAccount, "Details of")];
  if (account.role === "user") {
    buttons.unshift(account.paused_by_operator ? act("Unpause", unpauseUser, "Unpause") : act("Pause", pauseUser, "Pause"));
  }
  if (!account.connected || account.paused) buttons.unshift(act("Reconnect", reconnect, "Reconnect"));
  return buttons;
}

// The reason is the operator's own word; a disabled user has another one, which no button lifts.
const pausedByOperator = (account) => Boolean(account.entries_stopped) && !/^disabled/i.test(account.entries_stopped);

function coinsText(coins) {
  if (!coins?.length) return "–";
  const some = coins.slice(0, COINS_SHOWN).map((coin) => `${amount(coin.quantity)} ${coin.symbol.split("-")[0]}`);
  return some.join(", ") + (coins.length > COINS_SHOWN ? ` and ${coins.length - COINS_SHOWN} more` : "");
}

function accountRow() {
  const node = element("tr", { role: "row" });
  let before = "";
  return {
    node,
    update(account) {
      // Buttons are made anew only where something changed: focus must not be lost every few seconds.
      const look = JSON.stringify({ ...account, balances_at: null });
      if (look === before) return;
      before = look;
      const focused = node.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
      const { why } = accountState(account);
      const shown = { ...account, paused_by_operator: pausedByOperator(account) };
      node.replaceChildren(
        cell(COLUMN.who, element("b", {}, account.role === "master" ? "Master" : account.name), element("span", { class: "sub" }, account.role === "master" ? venueName(account.venue) : `${shortAccount(account.account)} · ${venueName(account.venue)}`)),
        cell(COLUMN.state, element("span", { class: "chips" }, ...chipsOf(account)), why ? element("span", { class: "sub" }, why) : null),
        cell(COLUMN.balance, dollars(account.balance)),
        cell(COLUMN.equity, dollars(account.equity)),
        ...(account.role === "master" ? [] : [cell(COLUMN.follows, account.follows ?? "nobody"), cell(COLUMN.coins, coinsText(account.coins))]),
        cell(COLUMN.does, element("span", { class: "buttons" }, ...actionsOf(shown))),
      );
      if (focused) (node.querySelector(`[aria-label="${CSS.escape(focused)}"]`) ?? node.querySelector("button"))?.focus();
    },
  };
}

function table(container, caption, columns, empty) {
  const { table: made, body } = responsiveTable(caption, columns);
  container.append(made, empty);
  const rows = new Rows(body, (account) => account.account, accountRow);
  return (accounts) => {
    made.hidden = accounts.length === 0;
    empty.hidden = accounts.length > 0;
    rows.show(accounts);
  };
}

const noUsers = () =>
  emptyState(
    "No users yet",
    ["Add one where the bot runs: ", element("code", {}, "python bot.py users add"), "."],
    ["Or write the entry into a file below ", element("code", {}, "config/users/"), " by hand, and the user's API key into the settings. A running bot takes it up within seconds."],
  );

/** Overview: who needs looking after, or that nobody does. */
function showAttention() {
  const container = byId("attention");
  if (!known.accounts) {
    fill(container, element("p", { class: "muted" }, "Loading …"));
    return;
  }
  const users = known.accounts.filter((one) => one.role === "user");
  if (users.length === 0) {
    fill(container, ...[noUsers()]);
    return;
  }
  const masters = known.accounts.filter((one) => one.role === "master");
  const troubled = known.accounts.filter((one) => !accountState(one).fine);
  const equity = users.reduce((sum, one) => sum + (Number(one.equity) || 0), 0);
  const lines = [
    element(
      "dl",
      { class: "facts two" },
      ...masters.map((one) => element("div", {}, element("dt", {}, `Master ${venueName(one.venue)}`), element("dd", {}, dollars(one.equity)))),
      element("div", {}, element("dt", {}, `${users.length} ${users.length === 1 ? "user" : "users"} together`), element("dd", {}, dollars(equity.toFixed(2)))),
    ),
  ];
  if (troubled.length === 0) lines.push(element("p", { class: "good" }, "All accounts are connected and funded."));
  else {
    const shown = troubled.slice(0, 6);
    lines.push(
      element("p", { class: "list-title" }, `${troubled.length} ${troubled.length === 1 ? "account needs" : "accounts need"} a look`),
      element("ul", { class: "plain-list" }, ...shown.map((one) => element("li", {}, element("span", { class: "who" }, element("b", {}, shortAccount(one.account)), element("span", { class: "sub" }, accountState(one).why)), element("span", { class: "chips" }, ...chipsOf(one))))),
    );
    if (troubled.length > shown.length) lines.push(element("p", { class: "muted" }, `and ${troubled.length - shown.length} more`));
  }
  fill(container, ...lines);
}

/** The sheet of one account. */
export function openAccount(account) {
  const sheet = openDialog({ title: account.role === "master" ? `Master on ${venueName(account.venue)}` : account.name, sheet: true });
  const { why } = accountState(account);
  const limits = account.limits;
  const pairs = [
    ["Account", account.account],
    ["Role", account.role === "master" ? "master" : `follows ${account.follows ?? "nobody"}`],
    ["Balance", dollars(account.balance)],
    ["Equity", dollars(account.equity)],
    ["Balances of", account.balances_at ? timeOf(account.balances_at, "both") : "–"],
    ["Waiting orders", String(account.waiting_orders ?? 0)],
  ];
  if (limits) {
    pairs.push(["Most of the balance in one trade", limits.max_user_risk ? percent(limits.max_user_risk, 4) : "–"]);
    pairs.push(["Multiplier", limits.multiplier ?? "–"]);
    pairs.push(["Most dollars in one trade", limits.max_trade_usd ? dollars(limits.max_trade_usd) : "no limit"]);
  }
  sheet.body.append(
    element("p", { class: "chips" }, ...chipsOf(account)),
    ...(why ? [element("p", {}, why)] : []),
    element("dl", { class: "facts" }, ...pairs.map(([name, what]) => element("div", {}, element("dt", {}, name), element("dd", {}, what)))),
  );
  if (account.role === "master") return;
  sheet.body.append(element("h3", {}, "Coins that copying bought"), coinsTable(account.coins ?? []));
  const copies = element("div", {}, element("p", { class: "muted" }, "Loading …"));
  sheet.body.append(element("h3", {}, "Its latest copies"), copies);
  showCopies(account, copies);
}

function coinsTable(coins) {
  if (coins.length === 0) return element("p", { class: "muted" }, "None. Only coins that copying bought are ever sold.");
  return element(
    "table",
    {},
    element("caption", { class: "visually-hidden" }, "Coins that copying bought"),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Symbol"), element("th", { scope: "col", class: "number" }, "Coins"), element("th", { scope: "col", class: "number" }, "Cost"))),
    element("tbody", {}, ...coins.map((coin) => element("tr", {}, element("th", { scope: "row" }, coin.symbol), element("td", { class: "number" }, amount(coin.quantity)), element("td", { class: "number" }, dollars(coin.cost))))),
  );
}

async function showCopies(account, container) {
  try {
    const { copies } = await get(`/copies?limit=30&user=${encodeURIComponent(account.user_id)}`);
    const own = copies.filter((copy) => copy.account === account.account);
    if (own.length === 0) {
      container.replaceChildren(element("p", { class: "muted" }, "None yet."));
      return;
    }
    const { table: made, body } = responsiveTable("Latest copies", [{ name: "Trade", head: true }, ...copyColumns.slice(1)]);
    new Rows(body, (copy) => `${copy.signal_id} ${copy.leg}`, copyRow).show(own.map((copy) => ({ ...copy, label: `${copy.side.toUpperCase()} ${copy.symbol}`, sub: localTime(copy.planned_at) })));
    container.replaceChildren(made);
  } catch (error) {
    container.replaceChildren(element("p", { class: "said" }, error.message));
  }
}

export function startAccounts() {
  const find = byId("find-account");
  const nobodyFound = element("p", { class: "muted", hidden: true }, "Nobody of that name.");
  const masterColumns = [COLUMN.who, COLUMN.state, COLUMN.balance, COLUMN.equity, COLUMN.does];
  const noMaster = emptyState("No master", "Set the API key and secret of a master in the bot's settings, and start it again. Without one there is nothing to copy.");
  const masters = table(byId("masters"), "Masters", masterColumns, noMaster);
  const none = noUsers();
  const users = table(byId("users"), "Users", Object.values(COLUMN), none);
  byId("users").append(nobodyFound);
  const show = () => {
    showAttention();
    if (!known.accounts) return;
    const wanted = find.value.trim().toLowerCase();
    const all = known.accounts.filter((one) => one.role === "user");
    const found = all.filter((one) => !wanted || `${one.account} ${one.name} ${one.follows ?? ""}`.toLowerCase().includes(wanted));
    masters(known.accounts.filter((one) => one.role === "master"));
    users(found);
    none.hidden = all.length > 0;
    nobodyFound.hidden = found.length > 0 || all.length === 0;
    setText(byId("h-users"), all.length ? `Users (${all.length})` : "Users");
  };
  on(["accounts"], show);
  find.addEventListener("input", show);
  showAttention();
}
