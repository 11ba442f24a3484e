// Before the first paint, so that nothing flashes. No module: those run later.
try {
  const kept = localStorage.getItem("holdfast-theme");
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
} catch {
  // Storage is switched off: the system's theme it is.
}
