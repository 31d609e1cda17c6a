// Keys for reviewers: everything on these pages works without them.
"use strict";

const WRITES = "textarea, input:not([type=radio]):not([type=checkbox]), select";
const ACTS = "a, button, summary";

// The next verdict of a point; what is left to the grader begins with the first.
function turn(form, number) {
  const point = form.querySelector(`li[data-number="${number}"]`);
  if (point === null) return;
  const radios = [...point.querySelectorAll("input[type=radio]")].filter((each) => each.value);
  const next = radios[(radios.findIndex((each) => each.checked) + 1) % radios.length];
  next.checked = true;
  document.getElementById("status").textContent = form.dataset.said
    .replace("{number}", number)
    .replace("{verdict}", next.labels[0].textContent.trim());
}

function judge(form) {
  const button = form.querySelector("button");
  const reason = form.querySelector("textarea");
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.isComposing || event.repeat) return;
    const strong = event.ctrlKey || event.metaKey;
    if (event.key === "Enter") {
      const writing = event.target.closest(WRITES) !== null;
      if (writing ? !strong || event.target !== reason : event.target.closest(ACTS) !== null) return;
      event.preventDefault();
      form.requestSubmit();
    } else if (!strong && event.target.closest(WRITES) === null) {
      if (/^[1-9]$/.test(event.key)) turn(form, event.key);
      else if (event.key.toLowerCase() === "r") { event.preventDefault(); reason.focus(); }
    }
  });
  // Sent twice, an answer would be judged twice.
  form.addEventListener("submit", (event) => {
    if (button.disabled) event.preventDefault();
    button.disabled = true;
  });
  addEventListener("pageshow", () => { button.disabled = false; });
}

for (const form of document.querySelectorAll("form[data-judge]")) judge(form);
