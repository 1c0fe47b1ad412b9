// Keys and zoom for the study page. Without this file the same form works by mouse and Tab.
"use strict";
(() => {
  const form = document.getElementById("review");
  const stage = document.getElementById("stage");
  const SETTLE_MS = 700; // a key held down on the last study must not sign this one
  const openedAt = performance.now();
  let pictureSeen = !stage;
  let here = -1;

  const rows = () => [...form.querySelectorAll("#rows tr")];
  const row = () => rows()[here];
  const isOpen = form.hasAttribute("data-open");

  // ---- the picture: zoom by key, button or wheel; drag to move ----
  const svg = stage && stage.querySelector("svg");
  const whole = svg && svg.getAttribute("viewBox").split(/[ ,]+/).map(Number);
  let view = whole && [...whole];
  let close = false;

  const LARGEST_LETTERS_PX = 13.5;
  const show = (box) => {
    view = box;
    svg.setAttribute("viewBox", box.map((n) => n.toFixed(2)).join(" "));
    const times = whole[3] / box[3];
    const fitting = (LARGEST_LETTERS_PX * whole[3]) / stage.clientHeight;
    svg.setAttribute("font-size", (Math.min(svg.dataset.em, fitting) / Math.max(1, times) ** 0.75).toFixed(2));
    svg.classList.toggle("close", times > 1.6);
  };
  const zoom = (factor, cx = view[0] + view[2] / 2, cy = view[1] + view[3] / 2) => {
    const times = Math.min(12, Math.max(1, (whole[3] / view[3]) * factor));
    const w = whole[2] / times, h = whole[3] / times;
    const fx = (cx - view[0]) / view[2], fy = (cy - view[1]) / view[3];
    show(times === 1 ? [...whole] : [cx - fx * w, cy - fy * h, w, h]);
  };
  const mark = () => svg && svg.querySelector(`#marks [data-index="${row()?.dataset.index}"]`);
  const look = () => {
    if (!svg) return;
    svg.querySelectorAll(".mark.here").forEach((m) => m.classList.remove("here"));
    const m = mark();
    if (m) m.classList.add("here");
    if (close && m) {
      const [x, y, w, h] = m.dataset.box.split(" ").map(Number);
      const tall = Math.max(h * 3.2, (w * 2.2 * whole[3]) / whole[2]);
      const wide = (tall * stage.clientWidth) / stage.clientHeight;
      show([x + w / 2 - wide / 2, y + h / 2 - tall / 2, wide, tall]);
    }
    document.getElementById("caption").textContent = row()?.dataset.caption || "";
  };
  const warn = (words) => {
    const caption = document.getElementById("caption");
    caption.classList.add("warning");
    caption.textContent = words;
  };
  const tool = {
    in: () => zoom(1.4),
    out: () => zoom(1 / 1.4),
    fit: () => { close = false; show([...whole]); },
    zoom: () => { close = !close; if (close) look(); else show([...whole]); },
    bare: () => {
      const isBare = svg.classList.toggle("bare");
      document.querySelector('[data-tool="bare"]').setAttribute("aria-pressed", String(isBare));
    },
  };
  const point = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());

  if (svg) {
    show([...whole]);
    document.getElementById("tools").hidden = false;
    document.getElementById("tools").addEventListener("click", (event) => tool[event.target.closest("button")?.dataset.tool]?.());
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      const at = point(event);
      zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, at.x, at.y);
    }, { passive: false });
    let from = null;
    stage.addEventListener("pointerdown", (event) => {
      const hit = event.target.closest(".mark");
      if (hit) choose(rows().findIndex((r) => r.dataset.index === hit.dataset.index));
      from = point(event);
      stage.setPointerCapture(event.pointerId);
      stage.classList.add("dragging");
    });
    stage.addEventListener("pointermove", (event) => {
      if (!from || view[3] === whole[3]) return;
      const to = point(event);
      show([view[0] - (to.x - from.x), view[1] - (to.y - from.y), view[2], view[3]]);
    });
    const drop = () => { from = null; stage.classList.remove("dragging"); };
    stage.addEventListener("pointerup", drop);
    stage.addEventListener("pointercancel", drop);
    svg.querySelector("image").decode().then(
      () => { pictureSeen = true; },
      () => warn("The picture could not be loaded: read the study in PACS."),
    );
  }

  // ---- which vertebra ----
  const choose = (index, focus = true) => {
    const all = rows();
    if (!all.length) return;
    all[here]?.classList.remove("here");
    here = Math.min(all.length - 1, Math.max(0, index));
    all[here].classList.add("here");
    if (focus) { all[here].focus({ preventScroll: true }); all[here].scrollIntoView({ block: "nearest" }); }
    look();
  };
  form.addEventListener("focusin", (event) => {
    const inside = event.target.closest("#rows tr");
    if (inside) choose(rows().indexOf(inside), false);
  });
  form.addEventListener("click", (event) => {
    const inside = event.target.closest("#rows tr");
    if (inside) choose(rows().indexOf(inside), false);
  });

  // ---- the draft follows every change; the server says what will be signed ----
  let asked = 0, timer = 0, settled = true;
  const refresh = async (extra, replaceRows) => {
    const mine = ++asked;
    settled = false;
    const body = new FormData(form);
    if (extra) body.set(...extra);
    const answer = await fetch(form.dataset.draft, { method: "POST", body, credentials: "same-origin" }).catch(() => null);
    if (mine !== asked) return;
    if (!answer || !answer.ok || answer.redirected) { say("The server did not answer. Reload the page before you sign."); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== asked) return;
    ["draft", "will-sign", "marks", "density", "since", ...(replaceRows ? ["rows"] : [])].forEach((id) => swap(id, fresh));
    const freshRows = [...fresh.querySelectorAll("#rows tr")];
    rows().forEach((r, i) => { if (freshRows[i]) { r.className = freshRows[i].className; r.dataset.caption = freshRows[i].dataset.caption; told(r, freshRows[i]); } });
    form.querySelectorAll(".shift button").forEach((b, i) => { b.disabled = fresh.querySelectorAll(".shift button")[i].disabled; });
    document.getElementById("sign").toggleAttribute("aria-disabled", false);
    if (fresh.querySelector("#will-sign .problem")) document.getElementById("sign").setAttribute("aria-disabled", "true");
    settled = true;
    choose(here, Boolean(replaceRows)); // focus stays where the reader is typing
  };
  const told = (row, fresh) => {
    const old = row.querySelector(".change"), young = fresh.querySelector(".change");
    if (old && young) old.replaceWith(document.adoptNode(young));
  };
  const swap = (id, fresh) => {
    const old = document.getElementById(id), young = fresh.getElementById(id);
    if (old && young) old.replaceWith(document.adoptNode(young));
  };
  const say = (words) => {
    const p = document.createElement("p");
    p.className = "problem";
    p.textContent = words;
    document.getElementById("will-sign").replaceChildren(p);
  };
  const soon = () => { settled = false; clearTimeout(timer); timer = setTimeout(refresh, 120); };
  form.addEventListener("input", (event) => {
    const name = event.target.name || "";
    if (name.startsWith("grade-") && event.target.value !== "0") check("decision", "confirmed");
    if (name.startsWith("grade-") && event.target.value === "0" && row()?.hasAttribute("data-flagged")) reject();
    soon();
  });
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button && button.name === "shift") { event.preventDefault(); refresh([button.name, button.value], true); return; }
    if (!button || button.id !== "sign") return;
    if (button.getAttribute("aria-disabled") === "true") { event.preventDefault(); firstProblem(); return; }
    if (!settled) { event.preventDefault(); clearTimeout(timer); refresh().then(() => { if (settled) button.click(); }); }
  });

  // ---- keys ----
  const field = (kind, value) => form.elements[`${kind}-${row()?.dataset.index}`] && form.querySelector(`input[name="${kind}-${row().dataset.index}"][value="${value}"]`);
  const check = (kind, value) => {
    const input = field(kind, value);
    if (!input || input.disabled) return false;
    input.checked = true;
    return true;
  };
  const reject = () => {
    if (!check("decision", "rejected")) return;
    form.querySelector(`select[name="reason-${row().dataset.index}"]`).focus();
  };
  const firstProblem = () => {
    const open = rows().find((r) => field && r.querySelector(".no input:checked") && !r.querySelector(".why select").value);
    if (open) { choose(rows().indexOf(open)); open.querySelector(".why select").focus(); }
  };
  const sign = () => {
    if (!isOpen) return;
    if (!pictureSeen) { say("The picture has not been shown yet."); return; }
    document.getElementById("sign").click();
  };
  const grade = (value) => { if (check("grade", value)) field("grade", value).dispatchEvent(new Event("input", { bubbles: true })); };
  const go = (key) => document.querySelector(`[data-key="${key}"]`)?.click();
  const keys = {
    j: () => choose(here + 1), ArrowDown: () => choose(here + 1), k: () => choose(here - 1), ArrowUp: () => choose(here - 1),
    c: () => { if (check("decision", "confirmed")) soon(); }, x: () => { reject(); soon(); },
    0: () => grade("0"), 1: () => grade("1"), 2: () => grade("2"), 3: () => grade("3"),
    "[": () => form.querySelector('.shift [value="-1"]')?.click(), "]": () => form.querySelector('.shift [value="1"]')?.click(),
    z: () => tool.zoom(), f: () => tool.fit(), d: () => tool.bare(), "+": () => tool.in(), "-": () => tool.out(),
    n: () => go("n"), w: () => go("w"), s: sign, Enter: sign,
  };
  const keysOn = document.getElementById("keys-on");
  const KEEP = "vfx-single-keys";
  if (keysOn) {
    document.getElementById("keys").hidden = false;
    keysOn.checked = localStorage.getItem(KEEP) !== "off";
    const tell = () => document.getElementById("keys").classList.toggle("off", !keysOn.checked);
    keysOn.addEventListener("change", () => { localStorage.setItem(KEEP, keysOn.checked ? "on" : "off"); tell(); });
    tell();
  }
  const isTyping = (target) => target.matches("input:not([type=radio]):not([type=checkbox]), select, textarea");
  const isOwnKey = (target, key) =>
    (key === "Enter" && target.matches("a, button, [type=checkbox]")) ||
    (key.startsWith("Arrow") && target.matches("input, .draft"));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const target = event.target;
    if (isTyping(target)) {
      if (event.key === "Escape" || (event.key === "Enter" && target.matches("input, [name^=reason]"))) {
        event.preventDefault();
        choose(here);
      }
      return;
    }
    if (keysOn && !keysOn.checked) return;
    if (isOwnKey(target, event.key) || !Object.hasOwn(keys, event.key)) return;
    const needsPicture = "zfd+-".includes(event.key);
    if (needsPicture && !svg) return;
    event.preventDefault();
    if ((keys[event.key] === sign) && (event.repeat || performance.now() - openedAt < SETTLE_MS)) return;
    keys[event.key]();
  });

  choose(Math.max(0, rows().findIndex((r) => r.hasAttribute("data-worst"))));
})();
