/** Keys, and the dialog that lists them. Single keys can be switched off, for those who speak instead of typing. */

import { isDialogOpen, openDialog } from "./dialogs.js";
import { element } from "./dom.js";

const STORED = "nija-keys";
let shortcuts = [];

const areOn = () => {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true;
  }
};

function remember(on) {
  try {
    localStorage.setItem(STORED, on ? "on" : "off");
  } catch {
    // Without storage they are on again at the next visit.
  }
}

/** The help dialog. */
export function openHelp() {
  const dialog = openDialog({ title: "Help" });
  const box = element("input", { type: "checkbox", id: "keys-on" });
  box.checked = areOn();
  box.addEventListener("change", () => remember(box.checked));
  const rows = [...shortcuts, ["Esc", "Close what is open"], ["Tab", "Go to the next button or link"]];
  dialog.body.append(
    element("p", {}, "Everything here asks before it does something, and says what will happen."),
    element("h3", {}, "Keys"),
    element(
      "table",
      { class: "keys" },
      element("caption", { class: "visually-hidden" }, "Keyboard shortcuts"),
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Key"), element("th", { scope: "col" }, "Does"))),
      element("tbody", {}, ...rows.map(([key, does]) => element("tr", {}, element("th", { scope: "row" }, element("kbd", {}, key)), element("td", {}, does)))),
    ),
    element("p", { class: "check" }, box, element("label", { for: "keys-on" }, "Single keys are on")),
    element("h3", {}, "Words"),
    element(
      "dl",
      { class: "words" },
      ...[
        ["Signal", "an executed trade of a master."],
        ["Copy", "one user's share in one signal; when there is none, its reason says why."],
        ["Entry, exit", "a buy that gets in, a sell that gets out. Exits of a paused user go on."],
        ["Observe mode", "signals are recorded, users' copies are not sent, neither entries nor exits."],
        ["Kill switch", "no order leaves the bot at all, until you resume."],
      ].flatMap(([word, means]) => [element("dt", {}, word), element("dd", {}, means)]),
    ),
  );
}

/** `list`: `[key, what it does, how]`. */
export function startKeys(list) {
  shortcuts = list;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (isDialogOpen() || event.target.closest?.("input, select, textarea, [contenteditable]")) return;
    const found = shortcuts.find(([key]) => key === event.key || key === event.key.toLowerCase());
    // The key to help stays: there they are switched on again.
    if (!found || (!areOn() && found[0] !== "?")) return;
    event.preventDefault();
    found[2]();
  });
}
