// The keyboard on the grid: j k move, Enter opens (a link does that itself), n p turn pages, / searches, b hides boxes.
"use strict";

const cards = [...document.querySelectorAll(".card")];
const list = document.querySelector(".cards");
const search = document.querySelector(".search input[type=search]");

document.querySelector(".search select").addEventListener("change", (event) => event.target.form.submit());

function move(step) {
  const now = cards.indexOf(document.activeElement);
  const next = now < 0 ? (step > 0 ? 0 : cards.length - 1) : now + step;
  if (next >= 0 && next < cards.length) {
    cards[next].focus();
    cards[next].scrollIntoView({ block: "nearest" });
  } else if (next < 0) {
    turn("previous");
  } else {
    turn("next");
  }
}

function turn(which) {
  if (list.dataset[which]) location.href = list.dataset[which];
}

const keys = {
  j: () => move(1),
  ArrowRight: () => move(1),
  k: () => move(-1),
  ArrowLeft: () => move(-1),
  n: () => turn("next"),
  p: () => turn("previous"),
  b: () => document.body.classList.toggle("hide-boxes"),
  "/": () => search.select(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});
