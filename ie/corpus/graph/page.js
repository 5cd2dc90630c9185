"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const form = document.querySelector("form");
const MOST = 40;
const SVG = "http://www.w3.org/2000/svg";
const rows = [...document.querySelectorAll("tbody tr")];
const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
const chosen = [...document.querySelectorAll("#entities tbody tr")];

function filter() {
  const text = form.elements.text.value.trim().toLowerCase();
  let count = 0;
  for (const row of rows) {
    row.hidden = !texts.get(row).includes(text);
    count += !row.hidden;
  }
  form.querySelector("output").textContent = count;
}

function sort(head) {
  const table = head.closest("table");
  const column = head.cellIndex;
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const cell = (row) => row.cells[column].textContent;
  const compare = (a, b) => cell(a).localeCompare(cell(b), "zh", { numeric: true });
  const sorted = [...table.tBodies[0].rows].sort((a, b) => (down ? compare(b, a) : compare(a, b)));
  table.tBodies[0].append(...sorted);
}

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function short(text) {
  return text.length > 14 ? text.slice(0, 13) + "…" : text;
}

function show(number) {
  const around = document.getElementById("around");
  const svg = around.querySelector("svg");
  const list = around.querySelector("div");
  const facts = data.facts.filter((fact) => fact[0] === number || fact[2] === number);
  const others = [...new Set(facts.map((fact) => (fact[0] === number ? fact[2] : fact[0])))]
    .filter((other) => other !== number).slice(0, MOST);
  around.hidden = false;
  around.querySelector("h2").textContent = data.names[number] + " (" + data.types[number] + ")";
  svg.replaceChildren();
  list.replaceChildren();
  const places = new Map([[number, [0, 0]]]);
  others.forEach((other, at) => {
    const angle = (2 * Math.PI * at) / others.length;
    places.set(other, [Math.cos(angle) * 400, Math.sin(angle) * (at % 2 ? 215 : 165)]);
  });
  const labels = new Map();
  for (const [one, type, other] of facts) {
    const end = one === number ? other : one;
    const arrow = one === number ? type + " →" : "← " + type;
    if (places.has(end) && end !== number) labels.set(end, [...(labels.get(end) || []), arrow]);
  }
  for (const [other, types] of labels) {
    const [x, y] = places.get(other);
    svg.append(element("line", { x1: 0, y1: 0, x2: x, y2: y }));
    svg.append(element("text", { class: "edge", x: x * .6, y: y * .6 }, short(types.join("，"))));
  }
  for (const [other, [x, y]] of places) {
    const node = element("g", { class: "node" });
    node.append(element("circle", { cx: x, cy: y, r: 6, class: other === number ? "centre" : "" }));
    node.append(element("text", { x: x, y: y - 10 }, short(data.names[other])));
    node.append(element("title", {}, data.names[other]));
    node.addEventListener("click", () => show(other));
    svg.append(node);
  }
  for (const [one, type, other, documents, said] of facts) {
    const line = document.createElement("p");
    line.textContent = data.names[one] + " " + type + " " + data.names[other] + " (" + documents + ")";
    for (const [name, sentence] of said) {
      const place = document.createElement("small");
      place.textContent = " [" + name + "] " + sentence;
      line.append(document.createElement("br"), place);
    }
    list.append(line);
  }
  chosen.forEach((row, at) => row.classList.toggle("chosen", at === number));
}

form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
for (const head of document.querySelectorAll("th")) head.addEventListener("click", () => sort(head));
chosen.forEach((row, at) => row.addEventListener("click", () => show(at)));
filter();
if (data.names.length) show(0);
