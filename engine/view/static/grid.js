// The keyboard on the grid and among suspects: arrows and j k move, Enter opens (a link does that itself), a accepts and
// x rejects (on the grid all of an image, or the image), r renames a suspect, n p turn pages, / searches, b hides boxes.
"use strict";

const cards = [...document.querySelectorAll(".card")];
const list = document.querySelector(".cards");
const search = document.querySelector(".search input[type=search]");
const told = document.querySelector("#told");

document.querySelector(".search select")?.addEventListener("change", (event) => event.target.form.submit());

function go(next) {
  if (next >= 0 && next < cards.length) {
    cards[next].focus();
    cards[next].scrollIntoView({ block: "nearest" });
  } else {
    turn(next < 0 ? "previous" : "next");
  }
}

function move(step) {
  const now = cards.indexOf(document.activeElement);
  go(now < 0 ? (step > 0 ? 0 : cards.length - 1) : now + step);
}

// The card above or below: cards of one row have one top.
function leap(step) {
  const now = cards.indexOf(document.activeElement);
  const top = cards[0]?.offsetTop;
  const inRow = cards.filter((card) => card.offsetTop === top).length;
  const next = now + step * inRow;
  if (now < 0 || next < 0) return move(step > 0 ? 1 : -1);
  go(next < cards.length ? next : Math.min(next, cards.length - (now === cards.length - 1 ? 0 : 1)));
}

function turn(which) {
  if (list.dataset[which]) location.href = list.dataset[which];
}

async function correct(action, ofImage, mark) {
  const card = document.activeElement.closest(".card");
  if (!card) {
    told.textContent = "Move to one first: j, k or arrows.";
    return;
  }
  const line = { key: card.dataset.key, round: Number(list.dataset.round), action, target: card.dataset.target ? JSON.parse(card.dataset.target) : ofImage };
  if (action === "relabel") {
    const named = card.dataset.target && (await ask("What is it?", card.dataset.offer, "label"));
    card.focus();
    if (!named) return;
    line.label = named[1];
  }
  const answer = await fetch("review", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(line),
  });
  told.textContent = await answer.text();
  told.classList.toggle("wrong", !answer.ok);
  if (answer.ok) card.dataset.mark = card.dataset.target ? action : mark;
}

const keys = {
  j: () => move(1),
  ArrowRight: () => move(1),
  k: () => move(-1),
  ArrowLeft: () => move(-1),
  ArrowDown: () => leap(1),
  ArrowUp: () => leap(-1),
  a: () => correct("accept", "all", "looked at"),
  x: () => correct("reject", "image", "rejected"),
  r: () => correct("relabel"),
  n: () => turn("next"),
  p: () => turn("previous"),
  b: () => document.body.classList.toggle("hide-boxes"),
  "/": () => search?.select(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});
