// j and k (or the arrows) walk down a list, Enter opens. Without this file Tab and Enter do the same.
"use strict";
(() => {
  const links = [...document.querySelectorAll("[data-keys] .row-link")];
  if (!links.length) return;
  const step = (by) => {
    const at = links.indexOf(document.activeElement);
    links[Math.min(links.length - 1, Math.max(0, at + by))].focus();
  };
  const moves = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };
  const isOff = () => localStorage.getItem("vfx-single-keys") === "off";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || isOff()) return;
    if (event.target.matches("input, select, textarea, button")) return;
    if (event.key in moves) { event.preventDefault(); step(moves[event.key]); }
    if (event.key === "Enter" && event.target === document.body && !event.repeat) document.querySelector("[data-first]")?.click();
  });
})();
