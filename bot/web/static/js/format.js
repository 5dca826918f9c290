/** Figures and times as people read them. Decimal text goes to Intl as text: it is exact where the browser can. */

const UNKNOWN = "–";
const formats = new Map();

function inDigits(least, most) {
  const key = `${least}-${most}`;
  if (!formats.has(key)) {
    formats.set(key, new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: most }));
  }
  return formats.get(key);
}

const known = (value) => value !== null && value !== undefined && value !== "";

/** `$1,234.50`; a dash when not known. */
export function dollars(value) {
  if (!known(value)) return UNKNOWN;
  const negative = String(value).trim().startsWith("-");
  const text = inDigits(2, 2).format(negative ? String(value).trim().slice(1) : value);
  return `${negative && text !== "0.00" ? "−" : ""}$${text}`;
}

/** A price: two digits from a dollar on, more below. */
export function price(value) {
  if (!known(value)) return UNKNOWN;
  const size = Math.abs(Number(value));
  if (size >= 1 || size === 0) return dollars(value);
  const digits = Math.min(12, 3 - Math.floor(Math.log10(size)));
  return `$${inDigits(2, digits).format(value)}`;
}

/** A fee: two digits, more where two would show nothing. */
export function fee(value, currency) {
  if (!known(value)) return UNKNOWN;
  const dollarFee = !currency || ["USD", "USDT", "USDC"].includes(currency);
  if (!dollarFee) return `${amount(value)} ${currency}`;
  return Math.abs(Number(value)) >= 0.01 || Number(value) === 0 ? dollars(value) : `$${inDigits(2, 4).format(value)}`;
}

/** Coins: all digits that say something, up to eight. */
export const amount = (value) => (known(value) ? inDigits(0, 8).format(value) : UNKNOWN);

/** A whole number. */
export const count = (value) => (known(value) ? inDigits(0, 0).format(value) : UNKNOWN);

/** Size of a trade with its unit. */
export function size(value, sizeType, symbol) {
  if (sizeType === "quote") return dollars(value);
  return `${amount(value)} ${String(symbol).split("-")[0]}`;
}

/** `240 ms`, `1.2 s`. */
export function milliseconds(value) {
  if (!known(value)) return UNKNOWN;
  const number = Number(value);
  if (number < 10) return `${inDigits(0, 1).format(number)} ms`;
  return number < 1000 ? `${Math.round(number)} ms` : `${inDigits(1, 1).format(number / 1000)} s`;
}

/** `98.5 %` of a share of one. */
export const percent = (share, digits = 1) => (known(share) ? `${inDigits(0, digits).format(Number(share) * 100)} %` : UNKNOWN);

/** A word for how long: `3 s`, `12 min`, `5 h`, `2 days`. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h`;
  return `${Math.floor(whole / 86400)} days`;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** Local time of unix seconds: the time today, with the day otherwise. */
export function localTime(at) {
  const date = new Date(at * 1000);
  return date.toDateString() === new Date().toDateString() ? clock.format(date) : dayAndClock.format(date);
}

/** `2026-11-21 22:14:03 UTC`. */
export const utcTime = (at) => `${new Date(at * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;

// The bot's clock less this machine's, seconds: "ago" must not depend on how the phone's clock is set.
let ahead = 0;

/** The bot's time was told just now. */
export function tellServerTime(now) {
  ahead = now - Date.now() / 1000;
}

/** Unix seconds by the bot's clock. */
export const serverNow = () => Date.now() / 1000 + ahead;

/** `just now`, `12 s ago`. */
export function ago(at) {
  const past = serverNow() - at;
  return past < 2 ? "just now" : `${duration(past)} ago`;
}

const shownTimes = { ago, local: localTime, both: (at) => `${localTime(at)} · ${ago(at)}` };

/** Make a `<time>` show a moment; `how` is ago, local or both. UTC is its tooltip. */
export function showTime(node, at, how = "ago") {
  if (!known(at)) {
    node.textContent = UNKNOWN;
    return node;
  }
  node.dateTime = new Date(at * 1000).toISOString();
  node.dataset.at = at;
  node.dataset.how = how;
  node.title = utcTime(at);
  const text = shownTimes[how](at);
  if (node.textContent !== text) node.textContent = text;
  return node;
}

/** A new `<time>`. */
export const timeOf = (at, how) => showTime(document.createElement("time"), at, how);

/** Bring every time on the page up to date. */
export function refreshTimes() {
  for (const node of document.querySelectorAll("time[data-at]")) {
    if (node.dataset.how === "local" || node.closest("[hidden]")) continue;
    const text = shownTimes[node.dataset.how](Number(node.dataset.at));
    if (node.textContent !== text) node.textContent = text;
  }
}
