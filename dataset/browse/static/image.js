// One picture: layers over it, its table of bricks tied to it, keys.

import { describe, draw, follow, hideTip, readDrawing } from "./overlay.js";

const content = document.getElementById("content");
const stage = document.querySelector(".stage");
const boxes = [...document.querySelectorAll(".layers input")];
const rows = new Map([...document.querySelectorAll("#bricks tbody tr")].map((row) => [row.dataset.brick, row]));

function markRow(brick) {
  for (const [id, row] of rows) row.classList.toggle("marked", brick !== null && id === String(brick.id));
}

// The address holds what is drawn, so neighbours are shown alike and an address shows what its sender saw.
function takeLayers() {
  const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
  stage.dataset.show = chosen.join(" ");
  const here = new URL(location.href);
  tell(here, chosen);
  history.replaceState(history.state, "", here);
  for (const link of document.querySelectorAll(".way a, .strip a")) {
    const address = new URL(link.href);
    tell(address, chosen);
    link.href = address;
  }
}

function tell(address, chosen) {
  if (chosen.join() === "masks") address.searchParams.delete("show");
  else address.searchParams.set("show", chosen.join());
}

for (const box of boxes) box.addEventListener("change", takeLayers);
takeLayers();

readDrawing(content.dataset.id, content.dataset.version).then((drawing) => {
  const svg = draw(drawing);
  stage.append(svg);
  follow(stage, markRow);
  for (const group of svg.querySelectorAll(".brick")) {
    const row = rows.get(group.dataset.brick);
    row?.setAttribute("title", describe(group.brick));
    group.classList.toggle("marked", row?.matches(":hover") ?? false);
    for (const name of ["pointerenter", "pointerleave"]) {
      row?.addEventListener(name, () => group.classList.toggle("marked", name === "pointerenter"));
    }
  }
}, () => {});

const LAYER_OF = { m: "masks", o: "outlines", b: "boxes" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(".scroll")) return;
  const link = { ArrowLeft: ".way a[rel=prev]", ArrowRight: ".way a[rel=next]", Escape: ".way .back" }[event.key];
  if (link) {
    document.querySelector(link)?.click();
    return;
  }
  const box = boxes.find((one) => one.value === LAYER_OF[event.key.toLowerCase()]);
  if (box) {
    hideTip();
    box.checked = !box.checked;
    takeLayers();
  }
});
