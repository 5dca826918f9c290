/** Dark and light: as the system says, until one is chosen here. */

import { byId } from "./dom.js";

const other = () => (document.documentElement.dataset.theme === "dark" ? "light" : "dark");

export function switchTheme() {
  const theme = other();
  try {
    localStorage.setItem("nija-theme", theme);
  } catch {
    // It holds for this visit.
  }
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event("theme"));
}

export function startTheme() {
  const button = byId("theme");
  const label = () => {
    button.setAttribute("aria-label", `Switch to ${other()}`);
    button.title = `Switch to ${other()}`;
  };
  document.addEventListener("theme", label);
  button.addEventListener("click", switchTheme);
  label();
}
