// One image: layers on and off, phrases and boxes that light each other, sliders that show what would change.
"use strict";

const picture = document.querySelector("#picture");
const image = picture.querySelector("img");
if (image?.width) picture.style.setProperty("--ratio", image.getAttribute("width") / image.getAttribute("height"));

const overlay = document.querySelector(".stage .overlay");
// Labels were placed for letters that can be read in a small picture: in a large one they shrink, towards their box, so
// that they hide no more of it than they must.
const LETTER_PX = 13;
function shrinkLabels() {
  const wide = overlay.viewBox.baseVal.width;
  for (const label of overlay.querySelectorAll(".label")) {
    const letter = Number(label.querySelector("text").getAttribute("font-size"));
    const scale = Math.min(1, (LETTER_PX * wide) / (letter * overlay.clientWidth));
    const { x, y, width, height } = label.querySelector("rect").getBBox();
    const box = shapeOfLabel(label).querySelector(".outline").getBBox();
    const right = x < box.x - 0.5 ? x + width : x;
    const bottom = y < box.y - 0.5 ? y + height : y;
    label.setAttribute("transform", `translate(${right} ${bottom}) scale(${scale}) translate(${-right} ${-bottom})`);
  }
}
const shapeOfLabel = (label) => shapes.find((shape) => shape.dataset.id === label.dataset.for);

let shapes = overlay ? [...overlay.querySelectorAll(".shape")] : [];
const labels = overlay ? [...overlay.querySelectorAll(".label")] : [];
const said = new Map(shapes.map((shape) => [shape, JSON.parse(shape.dataset.said)]));
const shown = new Set(["object", "text", "waiting", "mask", "label"]);
const muted = new Set();
const drawn = new Set();

function isShown(shape) {
  const { layer, rule } = shape.dataset;
  const votes = said.get(shape);
  const heard = !votes.length || votes.some(([source]) => !muted.has(source));
  return heard && (shown.has(layer) || drawn.has(rule));
}

function redraw() {
  for (const shape of shapes) shape.classList.toggle("hidden", !isShown(shape));
  for (const label of labels) {
    const shape = shapeOfLabel(label);
    label.classList.toggle("hidden", !isShown(shape));
    label.classList.toggle("go", shape.classList.contains("go"));
  }
  overlay?.classList.toggle("no-mask", !shown.has("mask"));
  overlay?.classList.toggle("no-label", !shown.has("label"));
}

// What corrections draw, as it is now; called by review.js.
function redrawWaiting(fresh) {
  shapes.filter((shape) => shape.dataset.layer === "waiting").forEach((shape) => shape.remove());
  shapes = [...shapes.filter((shape) => shape.dataset.layer !== "waiting"), ...fresh];
  for (const shape of fresh) {
    said.set(shape, []);
    overlay.append(shape);
    lights(shape);
    followed(shape);
  }
  overlay.append(...overlay.querySelectorAll(".handles"));
  redraw();
}

function flip(button, set, name) {
  const on = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", on);
  on ? set.add(name) : set.delete(name);
  redraw();
}

for (const button of document.querySelectorAll(".toggle")) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    const { show, annotator, draw } = button.dataset;
    if (show) flip(button, shown, show);
    if (draw) flip(button, drawn, draw);
    if (annotator) {
      flip(button, muted, annotator);
      button.getAttribute("aria-pressed") === "true" ? muted.delete(annotator) : muted.add(annotator);
      redraw();
    }
  });
}

// A phrase "g2" has the shapes g2.0, g2.1 ...; each of them may lie on a region, whose row and shape light up, too.
const phrasesOf = (shape) => (shape.dataset.layer === "phrase" ? [shape.dataset.id.split(".")[0]] : []);

function light(names) {
  const phrases = new Set([...names].filter((name) => /^g\d+$/.test(name)));
  const lit = shapes.filter(
    (shape) => names.has(shape.dataset.id) || phrasesOf(shape).some((phrase) => phrases.has(phrase)),
  );
  const regions = new Set(lit.map((shape) => shape.dataset.region).filter(Boolean));
  for (const shape of shapes) {
    const { id, layer, region } = shape.dataset;
    const linked = layer === "phrase" ? names.has(region) && region : regions.has(id);
    shape.classList.toggle("on", names.size > 0 && Boolean(lit.includes(shape) || linked));
    if (linked && layer === "phrase") phrasesOf(shape).forEach((phrase) => phrases.add(phrase));
  }
  const on = new Set(shapes.filter((shape) => shape.classList.contains("on")).map((shape) => shape.dataset.id));
  for (const label of labels) label.classList.toggle("on", on.has(label.dataset.for));
  for (const element of document.querySelectorAll("[data-phrases]")) {
    element.classList.toggle("on", element.dataset.phrases.split(" ").some((phrase) => phrases.has(phrase)));
  }
  for (const row of document.querySelectorAll("tr[data-shape]")) row.classList.toggle("on", on.has(row.dataset.shape));
  overlay?.classList.toggle("lit", on.size > 0);
}

function namesOf(element) {
  if (element.dataset.phrases) return new Set(element.dataset.phrases.split(" "));
  if (element.dataset.shape) return new Set([element.dataset.shape]);
  return new Set([element.dataset.id, ...phrasesOf(element)]);
}

function lights(element) {
  const start = () => light(namesOf(element));
  const end = () => light(new Set());
  element.addEventListener("mouseenter", start);
  element.addEventListener("mouseleave", end);
  element.addEventListener("focus", start);
  element.addEventListener("blur", end);
}
document.querySelectorAll("[data-phrases], tr[data-shape], .stage .shape").forEach(lights);

// A finding passes a rule when its value is the threshold or more. A region goes when nobody is left who holds it up,
// when it is not probable enough, or when one model alone saw it and was not sure enough. What people said stays.
const LONE = "fuse.lone_box_score";
const PEOPLE = ["given", "reviewer"];
const sliders = [...document.querySelectorAll(".slider")];
const thresholdOf = (slider) => Number(slider.querySelector("input").value);
const sliderOf = (rule, source) => sliders.find((each) => each.dataset.rule === rule && each.dataset.source === source);
const kindOf = (shape) => (shape.dataset.layer === "text" || shape.dataset.type === "ocr" ? "all words" : "all objects");

function passes(rule, source, value) {
  const slider = sliderOf(rule, source);
  return !slider || value === null || value >= thresholdOf(slider);
}

function droppedBy(shape) {
  const { rule } = shape.dataset;
  const source = said.get(shape)[0][0];
  const ofAll = sliderOf(rule, kindOf(shape));
  const isOfAll = rule === LONE || (ofAll && Math.abs(Number(shape.dataset.value) - said.get(shape)[0][1]) > 1e-4);
  return isOfAll ? ofAll : sliderOf(rule, source);
}

function isHeldUp(shape) {
  const votes = said.get(shape);
  if (votes.some(([source]) => PEOPLE.includes(source))) return true;
  const kind = kindOf(shape);
  const holders = votes.filter(([, , holds]) => holds);
  const raws = holders.map(([, , , raw]) => raw);
  const best = raws.includes(null) ? null : Math.max(...raws);
  const isLone = new Set(votes.map(([source]) => source)).size === 1;
  return (
    holders.some(([source, each]) => passes("region.score", source, each)) &&
    passes("region.score", kind, Number(shape.dataset.score)) &&
    (!isLone || passes(LONE, kind, best))
  );
}

function fate(shape) {
  const { layer, value, score } = shape.dataset;
  const votes = said.get(shape);
  if (layer === "waiting") return "";
  if (layer === "dropped") {
    const slider = droppedBy(shape);
    const moved = slider && thresholdOf(slider) < Number(slider.dataset.threshold);
    return moved && Number(value) >= thresholdOf(slider) ? "come" : "";
  }
  if (layer === "phrase") {
    const held = votes.some(([source, each]) => passes("phrase.box_score", source, each));
    const wanted = votes.some(([source]) => passes("phrase.score", source, score === "" ? null : Number(score)));
    return held && wanted ? "" : "go";
  }
  return isHeldUp(shape) ? "" : "go";
}

function concerns(slider, shape) {
  const { rule, source } = slider.dataset;
  const { layer } = shape.dataset;
  if (layer === "waiting") return false;
  if (layer === "dropped") return droppedBy(shape) === slider;
  if (rule.startsWith("phrase") !== (layer === "phrase")) return false;
  return source === kindOf(shape) || said.get(shape).some((vote) => vote[0] === source);
}

function tell(slider) {
  const moved = thresholdOf(slider) !== Number(slider.dataset.threshold);
  const mine = shapes.filter((shape) => concerns(slider, shape));
  const count = (kind) => mine.filter((shape) => shape.classList.contains(kind)).length;
  slider.querySelector("output").textContent = thresholdOf(slider).toFixed(2);
  slider.querySelector(".here").textContent = moved ? `here: ${count("come")} would pass, ${count("go")} would go` : "";
  const command = slider.querySelector(".command");
  command.hidden = !moved;
  command.textContent = `${command.dataset.command}${thresholdOf(slider)} --dry-run`;
  if (!moved) slider.querySelector(".corpus").textContent = "";
}

function weigh() {
  for (const shape of shapes) {
    const becomes = fate(shape);
    shape.classList.toggle("come", becomes === "come");
    shape.classList.toggle("go", becomes === "go");
  }
  sliders.forEach(tell);
  redraw();
}

for (const slider of sliders) {
  let waiting = 0;
  slider.querySelector("input").addEventListener("input", () => {
    weigh();
    clearTimeout(waiting);
    if (thresholdOf(slider) === Number(slider.dataset.threshold)) return;
    const corpus = slider.querySelector(".corpus");
    corpus.textContent = "in the corpus: counting …";
    waiting = setTimeout(async () => {
      const asked = thresholdOf(slider);
      const answer = await fetch(`${slider.dataset.effect}&threshold=${asked}`);
      if (asked !== thresholdOf(slider)) return;
      const text = new DOMParser().parseFromString(await answer.text(), "text/html").body;
      corpus.replaceChildren("in the corpus: ", ...text.childNodes);
    }, 200);
  });
}

const diffTab = document.querySelector("#diff-tab");
diffTab?.addEventListener("click", () => {
  const diff = document.querySelector("#diff");
  diff.hidden = !diff.hidden;
  diffTab.setAttribute("aria-expanded", !diff.hidden);
  if (!diff.hidden) diff.scrollIntoView({ block: "nearest" });
});

const press = (selector) => document.querySelector(selector)?.click();
const keys = {
  j: () => press("#next"),
  ArrowRight: () => press("#next"),
  k: () => press("#previous"),
  ArrowLeft: () => press("#previous"),
  Escape: () => press("#back"),
  o: () => press("[data-show=object]"),
  t: () => press("[data-show=text]"),
  g: () => press("[data-show=phrase]"),
  d: () => press("[data-show=dropped]"),
  m: () => press("[data-show=mask]"),
  l: () => press("[data-show=label]"),
  c: () => press("#diff-tab"),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});

redraw();
if (overlay) new ResizeObserver(shrinkLabels).observe(overlay);
