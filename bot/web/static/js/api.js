/** Calls to the bot. */

/** The bot said no, or nothing; `status` is 0 where no answer came. */
export class ApiError extends Error {
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

const PATIENCE_MS = 15000;

/** Whether nobody here can tell if a request was carried out. */
export const isUnclear = (error) => error.status === 0 || error.status >= 500;

async function call(method, path, body, more = {}) {
  const headers = { Accept: "application/json", ...more };
  if (method !== "GET") headers["X-NIJA"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const gaveUp = new AbortController();
  const timer = setTimeout(() => gaveUp.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(`/api${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      signal: gaveUp.signal,
    });
    if (answer.status === 401) sessionEnded();
    const told = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (!answer.ok) throw new ApiError(told?.error || `The bot refused (${answer.status}).`, answer.status);
    if (told === null && answer.status !== 204) throw new ApiError("The bot's answer broke off.", 0);
    return told;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError("The bot does not answer.", 0);
  } finally {
    clearTimeout(timer);
  }
}

/** Read something below `/api`; `unattended`, where a timer asks: it does not keep a forgotten window logged in. */
export const get = (path, unattended = false) => call("GET", path, undefined, unattended ? { "X-NIJA-Unattended": "1" } : {});

/**
 * Change something below `/api`. Without a key it may not be tried a second time, for the first may have arrived; with
 * the same key and body it is the same request.
 */
export const post = (path, body, key = null) => call("POST", path, body, key === null ? {} : { "Idempotency-Key": key });

/** A key for one request. `crypto.randomUUID` is only there over https. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (one) => one.toString(16).padStart(2, "0")).join("");

/** To the login page. */
export function sessionEnded() {
  location.replace("/login?ended");
}
