"use strict";

// A number as text sorts as a number; an empty field has no value and stays at the end.
function valueOf(row, column) {
  const text = row.cells[column].textContent.trim();
  if (text === "") return null;
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sortBy(header) {
  const table = header.closest("table");
  const body = table.tBodies[0];
  const descending = header.getAttribute("aria-sort") === "ascending";
  for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const rows = Array.from(body.rows, (row) => [valueOf(row, header.cellIndex), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return descending ? compare(b, a) : compare(a, b);
  });
  body.append(...rows.map(([, row]) => row));
}

function showNetwork(section, network) {
  for (const gallery of section.querySelectorAll(".gallery")) {
    const placed = Array.from(gallery.querySelectorAll(".case"), (card) => {
      let rank = Infinity;
      for (const pane of card.querySelectorAll(".pane[data-network]")) {
        pane.hidden = pane.dataset.network !== network;
        if (!pane.hidden) rank = Number(pane.dataset.rank);
      }
      card.hidden = rank === Infinity;
      return [rank, card];
    });
    placed.sort(([a], [b]) => (a === b ? 0 : a - b));
    gallery.append(...placed.map(([, card]) => card));
  }
}

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}
for (const section of document.querySelectorAll("section.dataset")) {
  for (const input of section.querySelectorAll("input[type=radio]")) {
    input.addEventListener("change", () => showNetwork(section, input.value));
    if (input.checked) showNetwork(section, input.value);
  }
  section.querySelector(".overlays")?.addEventListener("change", (event) => {
    section.classList.toggle("bare", !event.target.checked);
  });
  section.querySelector(".rows")?.addEventListener("change", (event) => {
    for (const row of section.querySelectorAll(".cases tbody tr")) {
      row.hidden = event.target.value !== "" && row.dataset.network !== event.target.value;
    }
  });
}
