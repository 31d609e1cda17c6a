// Comforts: everything on these pages works without them.
"use strict";

const PREFIX = "pointmark:";

// Storage may be forbidden; then there are no drafts.
function draft(slug) {
  try { return localStorage.getItem(PREFIX + slug); } catch { return null; }
}
function keep(slug, text) {
  try {
    if (text) localStorage.setItem(PREFIX + slug, text);
    else localStorage.removeItem(PREFIX + slug);
    return true;
  } catch { return false; }
}

function sentences(text) {
  return text.split(/[。！？]+|[.!?]+(?=\s|$)|\n+/u).filter((each) => /[\p{L}\p{N}]/u.test(each)).length;
}

function edit(form) {
  const slug = form.dataset.draft;
  const area = form.querySelector("textarea");
  const button = form.querySelector("button");
  const label = button.textContent;
  const status = document.getElementById("status");
  const count = document.getElementById("count");
  const say = (text, error) => {
    status.textContent = text;
    status.classList.toggle("error", Boolean(error));
  };
  const show = () => {
    const chars = [...area.value].length;
    count.hidden = false;
    count.textContent = count.dataset.count
      .replace("{chars}", chars)
      .replace("{most}", count.dataset.most)
      .replace("{sentences}", sentences(area.value));
    count.classList.toggle("error", chars > Number(count.dataset.most));
  };

  const before = draft(slug);
  if (before !== null && before !== area.value) {
    area.value = before;
    say(form.dataset.restored);
  }
  show();

  let timer;
  area.addEventListener("input", () => {
    show();
    const kept = keep(slug, area.value);
    clearTimeout(timer);
    timer = setTimeout(() => { if (kept) say(form.dataset.saved); }, 800);
  });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  const free = () => { button.disabled = false; button.textContent = label; };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    clearTimeout(timer);
    keep(slug, area.value);
    button.disabled = true;
    button.textContent = form.dataset.sending;
    say("");
    try {
      // Leaving the page for a service that is not there would lose it from sight.
      await fetch("/livez", { cache: "no-store" });
    } catch {
      free();
      say(form.dataset.offline, true);
      area.focus();
      return;
    }
    form.submit();
  });
  // Back from the result: the page comes as it was left.
  addEventListener("pageshow", free);
}

function link(points) {
  const marks = document.querySelectorAll("mark[data-point]");
  const light = (label) => {
    for (const mark of marks) {
      mark.classList.toggle("lit", label !== null && mark.dataset.point.split(" ").includes(label));
    }
    for (const point of points) point.classList.toggle("lit", point.dataset.point === label);
  };
  for (const point of points) {
    const on = () => light(point.dataset.point);
    const off = () => light(document.activeElement?.closest("li[data-point]")?.dataset.point ?? null);
    point.addEventListener("mouseenter", on);
    point.addEventListener("mouseleave", off);
    point.addEventListener("focusin", on);
    point.addEventListener("focusout", () => light(null));
  }
}

function sent(place) {
  const kept = draft(place.dataset.sent);
  if (kept !== null && (kept === place.textContent || !kept.trim())) keep(place.dataset.sent, "");
}

function clear() {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
  } catch { /* Nothing was kept then. */ }
}

function countDown(timer) {
  const end = Date.now() + 1000 * Number(timer.dataset.left);
  const soon = document.getElementById("soon");
  // Said aloud when so many minutes are left; the clock itself is silent.
  const marks = [5, 1].filter((each) => 60 * each < Number(timer.dataset.left));
  const two = (number) => String(number).padStart(2, "0");
  const show = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    const hours = Math.floor(left / 3600);
    const minutes = Math.floor(left / 60) % 60;
    timer.textContent = hours ? `${hours}:${two(minutes)}:${two(left % 60)}` : `${minutes}:${two(left % 60)}`;
    while (marks.length && left <= 60 * marks[0]) {
      soon.textContent = soon.dataset.soon.replace("{minutes}", marks.shift());
    }
    timer.classList.toggle("error", left <= 60);
    if (left) return;
    clearInterval(ticking);
    timer.textContent = timer.dataset.over;
    soon.textContent = timer.dataset.over;
  };
  const ticking = setInterval(show, 1000);
}

for (const timer of document.querySelectorAll("[data-left]")) countDown(timer);
for (const form of document.querySelectorAll("form[data-draft]")) edit(form);
for (const place of document.querySelectorAll("[data-sent]")) sent(place);
for (const form of document.querySelectorAll("form[data-again]")) {
  setTimeout(() => form.submit(), 1000 * Number(form.dataset.again));
}
if (document.querySelector("[data-clear-drafts]")) clear();
link(document.querySelectorAll("li[data-point]"));
