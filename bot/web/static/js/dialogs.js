/** Dialogs, and short notes at the edge. `<dialog>` keeps the focus in, gives it back and closes by Escape. */

import { byId, element } from "./dom.js";

const NOTE_MS = 9000;
const NOTES_KEPT = 4;
let number = 0;

/**
 * Open a dialog. `sheet` makes a tall one at the side (the whole screen of a phone).
 * Answers `{ node, body, foot, close }`; `onClose` is called once, whatever closed it.
 */
export function openDialog({ title, sheet = false, danger = false, onClose = () => {} }) {
  number += 1;
  const heading = element("h2", { id: `dialog-title-${number}`, tabindex: "-1" }, title);
  const closer = element("button", { type: "button", class: "button icon", "aria-label": "Close" }, "✕");
  // What scrolls has to be reached by keys, also where nothing in it can be pressed.
  const body = element("div", { class: "dialog-body", role: "group", "aria-labelledby": heading.id, tabindex: sheet ? "0" : null });
  const foot = element("div", { class: "dialog-foot" });
  const node = element(
    "dialog",
    { class: ["dialog", sheet ? "sheet" : "", danger ? "danger" : ""].join(" ").trim(), "aria-labelledby": heading.id },
    element("div", { class: "dialog-head" }, heading, closer),
    body,
    foot,
  );
  const close = () => node.close();
  closer.addEventListener("click", close);
  // A press on the dark around it; what began inside, as marking text does, is none.
  let beganOutside = false;
  node.addEventListener("pointerdown", (event) => (beganOutside = event.target === node));
  node.addEventListener("click", (event) => {
    if (event.target === node && beganOutside) close();
  });
  node.addEventListener("close", () => {
    node.remove();
    onClose();
  });
  document.body.append(node);
  node.showModal();
  return { node, heading, body, foot, close };
}

/** Whether a dialog is open. */
export const isDialogOpen = () => document.querySelector("dialog[open]") !== null;

/** A note that goes by itself; `tone` is ok, bad or plain. */
export function note(text, tone = "plain") {
  const toasts = byId("toasts");
  const closer = element("button", { type: "button", class: "button icon", "aria-label": "Dismiss" }, "✕");
  const made = element("div", { class: `toast ${tone}` }, element("p", {}, text), closer);
  closer.addEventListener("click", () => made.remove());
  toasts.append(made);
  while (toasts.childElementCount > NOTES_KEPT) toasts.firstElementChild.remove();
  // What went wrong stays until somebody has seen it.
  if (tone !== "bad") setTimeout(() => made.remove(), NOTE_MS);
}

const KEPT = "nija-note";

/** Keep a note for the next time this page is opened, in this tab only; null takes it away. */
export function keepNote(text) {
  try {
    if (text === null) sessionStorage.removeItem(KEPT);
    else sessionStorage.setItem(KEPT, text);
  } catch {
    // Without storage there is nothing to tell later.
  }
}

/** Show what was kept. */
export function showKeptNote() {
  try {
    const text = sessionStorage.getItem(KEPT);
    if (text) note(text, "bad");
    sessionStorage.removeItem(KEPT);
  } catch {
    // As above.
  }
}

/** Say something to those who listen rather than look. */
export function speak(text) {
  const spoken = byId("spoken");
  spoken.append(element("span", {}, `${text} `));
  while (spoken.childElementCount > 5) spoken.firstElementChild.remove();
}
