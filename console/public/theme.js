// Loaded before the first paint, as a file because the content security policy allows no inline script.
try {
  var chosen = localStorage.getItem("pierhead.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Without storage the system decides.
}
