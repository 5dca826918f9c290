/** The login form. */

const form = document.getElementById("login");
const password = document.getElementById("password");
const said = document.getElementById("login-said");
const show = document.getElementById("show");
const submit = form.querySelector("button[type=submit]");

show.addEventListener("click", () => {
  const visible = password.type === "password";
  password.type = visible ? "text" : "password";
  show.textContent = visible ? "Hide" : "Show";
  show.setAttribute("aria-pressed", String(visible));
});

if (new URLSearchParams(location.search).has("ended")) said.textContent = "Your session has ended. Log in again.";

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (submit.disabled) return;
  submit.disabled = true;
  said.textContent = "";
  try {
    const answer = await fetch("/api/login", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-NIJA": "1" },
      body: JSON.stringify({ password: password.value }),
    });
    if (answer.ok) {
      location.replace("/");
      return;
    }
    await refused(answer);
  } catch {
    said.textContent = "The bot does not answer. Is it running?";
  }
  submit.disabled = false;
});

async function refused(answer) {
  if (answer.status === 429) {
    await waitOut(Math.max(1, Number(answer.headers.get("Retry-After")) || 30));
    return;
  }
  const told = await answer.json().catch(() => ({}));
  said.textContent = answer.status === 401 ? "That is not the password." : told.error || `Refused (${answer.status}).`;
  password.select();
}

async function waitOut(seconds) {
  for (let left = Math.ceil(seconds); left > 0; left -= 1) {
    // Every second would be read out; tens are enough until the end.
    if (left % 10 === 0 || left === Math.ceil(seconds) || left < 4) {
      said.textContent = `Too many tries. Try again in ${left} s.`;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  said.textContent = "You can try again.";
}
