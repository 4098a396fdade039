// Corrections on the image page: a accepts, x rejects, r renames what the keyboard or the pointer is on.
"use strict";

const panel = document.querySelector("[data-review]");
const told = document.querySelector("#told");
let pointed = null;

function targetOf(element) {
  const id = element.dataset.shape ?? element.dataset.id;
  if (!id) return null;
  const shape = document.querySelector(`.stage .shape[data-id="${CSS.escape(id)}"]`);
  if (!shape || shape.dataset.layer !== "dropped") return { target: id, on: shape?.dataset.layer ?? "text" };
  const points = (shape.querySelector("polygon") ?? shape).getAttribute("points").split(" ").map((point) => point.split(",").map(Number));
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  return { target: { label: shape.dataset.name, box }, on: "object" };
}

async function correct(element, action) {
  const found = element && targetOf(element);
  if (!found) {
    told.textContent = "Point at a region or a row first.";
    return;
  }
  const line = { key: panel.dataset.key, round: Number(panel.dataset.round), action, target: found.target };
  if (action === "relabel") {
    const written = found.on === "text";
    const name = window.prompt(written ? "What does it read?" : "What is it?", element.dataset.name ?? "");
    if (!name?.trim()) return;
    line.action = written ? "text" : "relabel";
    line[written ? "text" : "label"] = name.trim();
  }
  const answer = await fetch("review", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(line),
  });
  told.textContent = await answer.text();
  told.classList.toggle("wrong", !answer.ok);
  if (!answer.ok) return;
  const row = document.querySelector(`tr[data-shape="${CSS.escape(String(element.dataset.shape ?? element.dataset.id))}"]`);
  if (row) row.dataset.reviewed = line.action;
}

for (const row of document.querySelectorAll(".regions tr[data-shape]")) {
  for (const [action, sign, title] of [["accept", "✓", "Accept (a)"], ["reject", "✕", "Reject (x)"], ["relabel", "✎", "Rename (r)"]]) {
    const button = document.createElement("button");
    button.textContent = sign;
    button.title = title;
    button.dataset.action = action;
    button.addEventListener("click", () => correct(row, action));
    row.querySelector(".actions").append(button);
  }
}

for (const element of document.querySelectorAll("tr[data-shape], .stage .shape")) {
  element.addEventListener("mouseenter", () => (pointed = element));
}

const marks = { a: "accept", x: "reject", r: "relabel" };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  if (!marks[event.key]) return;
  event.preventDefault();
  const focused = document.activeElement.closest("tr[data-shape], .stage .shape");
  correct(focused ?? pointed, marks[event.key]);
});
