/** Calls to the bot. */

/** The bot said no, or nothing; `status` is 0 where no answer came. */
export class ApiError extends Error {
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

const PATIENCE_MS = 15000;

async function call(method, path, body) {
  const headers = { Accept: "application/json" };
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
    return told;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError("The bot does not answer.", 0);
  } finally {
    clearTimeout(timer);
  }
}

/** Read something below `/api`. */
export const get = (path) => call("GET", path);

/** Change something below `/api`. Never tried a second time: the first may have arrived. */
export const post = (path, body) => call("POST", path, body);

/** To the login page. */
export function sessionEnded() {
  location.replace("/login?ended");
}
