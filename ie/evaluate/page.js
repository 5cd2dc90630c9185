"use strict";
const form = document.querySelector("form");
const cards = [...document.querySelectorAll("article")];

function apply() {
  const section = form.elements.section.value;
  const kind = form.elements.kind.value;
  const text = form.elements.text.value.trim().toLowerCase();
  let count = 0;
  for (const card of cards) {
    const fits = (!section || card.dataset.section === section)
      && (!kind || card.dataset.kind === kind)
      && card.dataset.text.includes(text);
    card.hidden = !fits;
    count += fits;
  }
  form.querySelector("output").textContent = count;
}

// A link such as page.html#kind=boundary&text=d17 opens the page filtered.
function readHash() {
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (form.elements[name]) form.elements[name].value = value;
  }
  apply();
}

form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", readHash);
readHash();
