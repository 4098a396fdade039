// Boxes by hand: n draws a new one, e (or a click on a box) takes one to move and resize. Arrows move it, with Shift its
// lower right corner. Enter saves; so does taking another box, or leaving the page. Esc leaves it as it was.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const LEAST_PX = 3;
const SIDES = { nw: [0, 1], n: [1], ne: [1, 2], e: [2], se: [2, 3], s: [3], sw: [0, 3], w: [0] };
const newBox = document.querySelector("#new-box");
let taken = null; // {shape, found, was, box}: box is x0 y0 x1 y1 in px of the picture
let handles = null;
let drag = null;

const [wide, tall] = overlay ? overlay.getAttribute("viewBox").split(" ").slice(2).map(Number) : [0, 0];
const step = Math.max(1, Math.round(Math.max(wide, tall) / 400));
const clamp = (value, most) => Math.min(Math.max(value, 0), most);
const rounded = (box) => box.map((each) => Math.round(each * 100) / 100);
const corners = ([x0, y0, x1, y1]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
const isDrawing = () => newBox?.getAttribute("aria-pressed") === "true";

function at(event) {
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(overlay.getScreenCTM().inverse());
  return [clamp(x, wide), clamp(y, tall)];
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function drawOn(box) {
  handles?.remove();
  handles = element("g", { class: "handles" });
  handles.append(element("polygon", { class: "body", points: corners(box).join(" ") }));
  if (taken) {
    const { a } = overlay.getScreenCTM();
    const size = 9 / a;
    const [x0, y0, x1, y1] = box;
    const xs = { w: x0, e: x1 };
    const ys = { n: y0, s: y1 };
    for (const name of Object.keys(SIDES)) {
      const x = xs[name.at(-1)] ?? (x0 + x1) / 2;
      const y = ys[name[0]] ?? (y0 + y1) / 2;
      handles.append(element("rect", { class: "handle", "data-handle": name, x: x - size / 2, y: y - size / 2, width: size, height: size }));
    }
  }
  overlay.append(handles);
}

function release() {
  handles?.remove();
  taken?.shape.classList.remove("taken");
  handles = taken = drag = null;
}

// Words that do not lie upright keep their form: their corners go with the box.
function quadOf({ shape, was, box }) {
  const points = pointsOf(shape);
  const isUpright = points.every(([x, y]) => [was[0], was[2]].includes(x) && [was[1], was[3]].includes(y));
  if (points.length !== 4 || isUpright) return null;
  const [fx, fy] = [(box[2] - box[0]) / (was[2] - was[0]), (box[3] - box[1]) / (was[3] - was[1])];
  return rounded(points.flatMap(([x, y]) => [box[0] + (x - was[0]) * fx, box[1] + (y - was[1]) * fy]));
}

async function save() {
  if (!taken) return;
  const { found, was, box } = taken;
  const quad = found.on === "ocr" ? quadOf(taken) : null;
  const isMoved = box.some((each, side) => Math.abs(each - was[side]) > 0.05);
  release();
  if (isMoved) await send({ action: "move", target: found.target, box: rounded(box), ...(quad && { quad }) });
}

// Called by review.js, too: e on a row or on a shape.
function choose(element, found) {
  const shape = shapeOf(element);
  if (!shape || !["region", "ocr"].includes(found.on) || !found.says) {
    told.textContent = "Only boxes with a name, and words, can be moved. Of a phrase, edit the text.";
    return;
  }
  save();
  const was = boxAround(pointsOf(shape));
  taken = { shape, found, was, box: [...was] };
  shape.classList.add("taken");
  drawOn(was);
}

function pulled([x, y]) {
  const { start, from, sides } = drag;
  const [dx, dy] = [x - start[0], y - start[1]];
  if (!sides) {
    const [sx, sy] = [clamp(from[0] + dx, wide - (from[2] - from[0])) - from[0], clamp(from[1] + dy, tall - (from[3] - from[1])) - from[1]];
    return [from[0] + sx, from[1] + sy, from[2] + sx, from[3] + sy];
  }
  const box = [...from];
  for (const side of sides) box[side] = side % 2 ? clamp(from[side] + dy, tall) : clamp(from[side] + dx, wide);
  return [Math.min(box[0], box[2]), Math.min(box[1], box[3]), Math.max(box[0], box[2]), Math.max(box[1], box[3])];
}

function down(event) {
  if (event.button !== 0) return;
  const start = at(event);
  const handle = event.target.closest(".handles");
  const shape = event.target.closest(".shape");
  if (isDrawing()) {
    release();
    drag = { start, from: [...start, ...start], sides: [2, 3] };
  } else if (handle && taken) {
    drag = { start, from: taken.box, sides: SIDES[event.target.dataset.handle] ?? null };
  } else if (shape) {
    const found = targetOf(shape);
    return found && choose(shape, found);
  } else {
    return save();
  }
  event.preventDefault();
  overlay.setPointerCapture(event.pointerId);
}

function drew(event) {
  if (!drag) return;
  const box = pulled(at(event));
  if (taken) taken.box = box;
  drawOn(box);
}

async function up(event) {
  if (!drag) return;
  const box = pulled(at(event));
  drag = null;
  if (taken || !isDrawing()) return;
  press("#new-box");
  const [x0, y0, x1, y1] = rounded(box);
  if (x1 - x0 < LEAST_PX || y1 - y0 < LEAST_PX) return release();
  const named = await ask("What is it?", "", null);
  release();
  if (named) await send({ action: "add", [named[0]]: named[1], box: [x0, y0, x1, y1] });
}

function nudge(event) {
  const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
  drag = { start: [0, 0], from: taken.box, sides: event.shiftKey ? SIDES.se : null };
  taken.box = pulled([dx, dy]);
  drag = null;
  drawOn(taken.box);
}

if (overlay) {
  overlay.addEventListener("pointerdown", down);
  overlay.addEventListener("pointermove", drew);
  overlay.addEventListener("pointerup", up);
  window.addEventListener("pagehide", save);
  newBox.addEventListener("click", () => {
    save();
    const on = !isDrawing();
    newBox.setAttribute("aria-pressed", on);
    overlay.classList.toggle("drawing", on);
  });
}

// Before the keys of the page: while a box is taken, arrows and Esc are about it.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea") || naming.open) return;
  const isArrow = event.key.startsWith("Arrow");
  if (event.key === "n") press("#new-box");
  else if (event.key === "Escape" && (taken || isDrawing())) isDrawing() ? press("#new-box") : release();
  else if (event.key === "Enter" && taken) save();
  else if (isArrow && taken) nudge(event);
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
