// Corrections on the image page, each one line of corrections.jsonl: a accepts, x rejects, r renames, e edits what the
// keyboard or the pointer is on. What was taken in is drawn at once; the round has it after the next `fld filter`.
"use strict";

const panel = document.querySelector("[data-review]");
const told = document.querySelector("#told");
const REVIEWABLE = "tr[data-shape], tr[data-phrase], article.text, .stage .shape";
let pointed = null;

function shapeOf(element) {
  const id = element.dataset.shape ?? element.dataset.id;
  return id ? document.querySelector(`.stage .shape[data-id="${CSS.escape(id)}"]`) : null;
}

function pointsOf(shape) {
  const drawn = shape.querySelector("polygon.outline").getAttribute("points");
  return drawn.split(" ").map((point) => point.split(",").map(Number));
}

function boxAround(points) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

// What the round does not have has no id: it is named by what it says and where. on: region, ocr, phrase or text.
function targetOf(element) {
  if (element.dataset.text) return { target: element.dataset.text, on: "text", says: wordsOf(element) };
  if (element.dataset.phrase) return { target: element.dataset.phrase, on: "phrase" };
  const id = element.dataset.shape ?? element.dataset.id;
  const shape = shapeOf(element);
  if (!shape) return null;
  const { layer, name, type } = shape.dataset;
  const box = boxAround(pointsOf(shape));
  if (layer === "phrase") return { target: id, on: "phrase" };
  if (layer !== "dropped" && layer !== "waiting") return { target: id, on: layer === "text" ? "ocr" : "region", says: name };
  if (type === "phrase") return { target: { phrase: name, box }, on: "phrase" };
  return type === "ocr" ? { target: { text: name, box }, on: "ocr", says: name } : { target: { label: name, box }, on: "region", says: name };
}

const wordsOf = (article) => article.querySelector(".rewritten").textContent || article.querySelector(".words").textContent;

async function send(line) {
  const answer = await fetch("review", {
    method: "POST",
    keepalive: true,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ key: panel.dataset.key, round: Number(panel.dataset.round), ...line }),
  });
  told.textContent = await answer.text();
  told.classList.toggle("wrong", !answer.ok);
  if (answer.ok) await refresh();
  return answer.ok;
}

// The same page as it is now: its corrections, its marks, and what waits to be drawn.
async function refresh() {
  const page = await (await fetch(location.href)).text();
  const now = new DOMParser().parseFromString(page, "text/html");
  document.querySelector("#corrections").replaceChildren(...now.querySelector("#corrections").childNodes);
  for (const was of document.querySelectorAll("[data-reviewed]")) {
    const { shape, text, phrase } = was.dataset;
    const name = shape ? "shape" : text ? "text" : "phrase";
    const is = now.querySelector(`[data-reviewed][data-${name}="${CSS.escape(shape ?? text ?? phrase)}"]`);
    was.dataset.reviewed = is?.dataset.reviewed ?? "";
    const becomes = was.querySelector(".rewritten");
    if (becomes && is) becomes.textContent = is.querySelector(".rewritten").textContent;
  }
  if (overlay) redrawWaiting([...now.querySelectorAll(".stage .shape.waiting")]);
  marked();
}

// Shapes carry the mark of their row: what is moved or rejected is drawn faintly.
function marked() {
  for (const row of document.querySelectorAll("tr[data-shape][data-reviewed]")) {
    const shape = shapeOf(row);
    if (shape) shape.dataset.reviewed = row.dataset.reviewed;
  }
}

async function rename(element, found) {
  if (found.on === "text") return rewrite(element, found);
  if (found.on === "phrase") {
    told.textContent = "A phrase is a part of its text: reject it, or edit the text.";
    return false;
  }
  const written = found.on === "ocr";
  const named = await ask(written ? "What does it read?" : "What is it?", found.says, written ? "text" : "label");
  if (!named) return false;
  return send({ action: written ? "text" : "relabel", target: found.target, [named[0]]: named[1] });
}

// In place: Enter saves, Shift-Enter is a new line, Esc leaves it as it was.
function writeIn(place, was, save) {
  const area = document.createElement("textarea");
  area.value = was;
  area.rows = Math.max(2, Math.ceil(was.length / 60));
  place.after(area);
  place.hidden = true;
  area.focus();
  const close = () => {
    area.remove();
    place.hidden = false;
  };
  area.addEventListener("keydown", async (event) => {
    if (event.key === "Escape") close();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    const now = area.value.trim();
    if (!now || now === was || (await save(now))) close();
  });
}

function rewrite(article, found) {
  if (article.querySelector("textarea")) return false;
  writeIn(article.querySelector(".words"), found.says, (text) => send({ action: "text", target: found.target, text }));
  return true;
}

async function correct(element, action) {
  const found = element && targetOf(element);
  if (!found) {
    told.textContent = "Point at a region, a text or a row first.";
    return;
  }
  if (action === "edit" && found.on !== "text") return choose(element, found);
  if (action === "edit" || action === "relabel") return rename(element, found);
  await send({ action, target: found.target });
}

function addButtons(row, wanted) {
  for (const [action, sign, title] of wanted) {
    const button = document.createElement("button");
    button.textContent = sign;
    button.title = title;
    button.dataset.action = action;
    button.addEventListener("click", () => correct(row, action));
    row.querySelector(".actions").append(button);
  }
}

const ACCEPT = ["accept", "✓", "Accept (a)"];
const REJECT = ["reject", "✕", "Reject (x)"];
for (const row of document.querySelectorAll(".regions tr[data-shape]"))
  addButtons(row, [ACCEPT, REJECT, ["relabel", "✎", "Rename (r)"], ["edit", "⤡", "Move or resize (e)"]]);
for (const row of document.querySelectorAll("tr[data-phrase]")) addButtons(row, [ACCEPT, REJECT]);
for (const article of document.querySelectorAll("article.text"))
  addButtons(article, [ACCEPT, REJECT, ["edit", "✎", "Edit the text (e)"]]);

document.querySelector("#new-text")?.addEventListener("click", (event) => {
  const place = event.target.parentElement;
  const size = document.createElement("select");
  for (const each of ["brief", "detailed", "more_detailed"]) size.append(new Option(each.replace("_", " "), each));
  place.before(size);
  const watch = new MutationObserver(() => place.hidden || (watch.disconnect(), size.remove()));
  writeIn(place, "", (text) => send({ action: "add", text, granularity: size.value }));
  watch.observe(place, { attributes: true });
});

function followed(element) {
  element.addEventListener("mouseenter", () => (pointed = element));
}
document.querySelectorAll(REVIEWABLE).forEach(followed);
marked();

const marks = { a: "accept", x: "reject", r: "relabel", e: "edit" };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  if (!marks[event.key] || naming.open) return;
  event.preventDefault();
  correct(document.activeElement.closest(REVIEWABLE) ?? pointed, marks[event.key]);
});
