// Lists walk with j and k (or the arrows), open with Enter, do what a row offers by its key, and follow what happens. Without this file Tab and Enter
// do the same, and the page shows what was there when it was opened.
"use strict";
(() => {
  const EVERY_MS = 20000;
  const links = () => [...document.querySelectorAll("[data-keys] .row-link")];
  const step = (by) => {
    const all = links();
    all[Math.min(all.length - 1, Math.max(0, all.indexOf(document.activeElement) + by))]?.focus();
  };
  const moves = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };
  // A key without a row does nothing to whatever happens to stand first: it says what is lacking, until the next key.
  const told = Object.assign(document.createElement("p"), { className: "key-told" });
  told.setAttribute("role", "status");
  document.body.append(told);
  const tell = (words) => { told.textContent = words; };
  const act = (key, row) => {
    const here = row?.querySelector(`[data-key="${key}"]`);
    if (here) { here.click(); return; }
    if (!document.querySelector(`[data-keys] [data-key="${key}"]`)) return;
    tell(row ? `Nothing to do here by ${key}.` : document.querySelector("[data-choose]")?.dataset.choose || `Press j to choose, then ${key}.`);
  };
  const isOff = () => localStorage.getItem("vfx-single-keys") === "off";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || isOff()) return;
    if (event.target.matches("input, select, textarea, button")) return;
    tell("");
    if (event.key in moves) { event.preventDefault(); step(moves[event.key]); }
    if (/^[a-z]$/.test(event.key) && !event.repeat) act(event.key, event.target.closest("[data-keys] tr"));
    if (event.key === "Enter" && event.target === document.body && !event.repeat) document.querySelector("[data-first]")?.click();
  });

  const isChosen = (one) => one.selectedIndex > 0 && !one.options[one.selectedIndex].defaultSelected;
  const isTyped = (one) => ["search", "text"].includes(one.type) && one.value !== one.defaultValue;
  const inUse = () => [...document.querySelectorAll("main input, main textarea, main select, main details")]
    .some((one) => one === document.activeElement || one.open || isTyped(one) || isChosen(one));
  const follow = async () => {
    if (document.hidden || inUse()) return;
    const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
    if (!answer || !answer.ok) return;
    if (answer.redirected) { location.reload(); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    const old = document.querySelector("main");
    if (fresh.textContent === old.textContent || inUse()) return;
    const focused = document.activeElement.getAttribute("href");
    old.replaceChildren(...fresh.childNodes);
    if (focused) [...old.querySelectorAll("a[href]")].find((link) => link.getAttribute("href") === focused)?.focus();
  };
  const pace = () => Number(document.querySelector("[data-every]")?.dataset.every) || EVERY_MS;
  const again = () => setTimeout(() => follow().finally(again), pace());
  again();
})();
