// Loaded before the first paint, so that a dark page never flashes white. Not a module: modules wait for the document.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("nija-theme");
    } catch {
      return null; // storage is switched off: the system's choice holds
    }
  };
  const apply = () => {
    const theme = chosen() ?? (dark.matches ? "dark" : "light");
    if (document.documentElement.dataset.theme !== theme) {
      document.documentElement.dataset.theme = theme;
      document.dispatchEvent(new Event("theme"));
    }
  };
  apply();
  dark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
})();
