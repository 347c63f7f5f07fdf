// Masks, whole outlines and boxes of one picture's bricks as SVG over it, and the name of the one at the pointer.

const SVG = "http://www.w3.org/2000/svg";
const KEPT = 300; // pictures whose drawings are kept: a few pages
const drawings = new Map();
const tip = document.getElementById("tip");

export function readDrawing(imageId, version) {
  const key = `${version}/${imageId}`;
  if (!drawings.has(key)) {
    const drawing = fetch(`/bricks/${encodeURIComponent(imageId)}`).then((answer) => {
      if (!answer.ok) throw new Error(`${answer.status}`);
      return answer.json();
    });
    drawing.catch(() => drawings.delete(key));
    drawings.set(key, drawing);
    if (drawings.size > KEPT) drawings.delete(drawings.keys().next().value);
  }
  return drawings.get(key);
}

export function draw(drawing) {
  const svg = element("svg", { class: "overlay", viewBox: `0 0 ${drawing.width} ${drawing.height}`, "aria-hidden": "true" });
  const area = (brick) => brick.box[2] * brick.box[3];
  for (const brick of [...drawing.bricks].sort((a, b) => area(b) - area(a))) {
    const group = element("g", { class: `brick tint-${brick.tint % 12}`, "data-brick": brick.id });
    const [x, y, width, height] = brick.box;
    if (brick.outline) {
      group.append(element("path", { class: "outline ground", d: brick.outline }), element("path", { class: "outline", d: brick.outline }));
    }
    if (brick.mask) group.append(element("path", { class: "mask", d: brick.mask, "fill-rule": "evenodd" }));
    // A brick without a mask, as in photos with boxes only, is found by its box.
    if (width && height) group.append(element("rect", { class: brick.mask ? "box" : "box only", x, y, width, height }));
    group.brick = brick;
    svg.append(group);
  }
  return svg;
}

export function describe(brick) {
  const seen = brick.visible === null ? "" : ` · ${Math.round(brick.visible * 100)} % seen`;
  return `${brick.name} · ${brick.part}${seen}`;
}

export function showTip(text, event) {
  tip.textContent = text;
  tip.hidden = false;
  tip.style.left = "0"; // at the right edge it would be measured squeezed
  const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, room))}px`;
  tip.style.top = `${event.clientY > 48 ? event.clientY - tip.offsetHeight - 12 : event.clientY + 20}px`;
}

export function hideTip() {
  tip.hidden = true;
}

// Names the brick at the pointer, and marks it; `marked` hears which (null: none).
export function follow(area, marked = () => {}) {
  let last = null;
  const mark = (group) => {
    if (group === last) return;
    last?.classList.remove("marked");
    group?.classList.add("marked");
    last = group;
    marked(group?.brick ?? null);
  };
  area.addEventListener("pointermove", (event) => {
    const group = event.target.closest?.(".brick") ?? null;
    mark(group);
    if (group) showTip(describe(group.brick), event);
    else hideTip();
  });
  area.addEventListener("pointerleave", () => {
    mark(null);
    hideTip();
  });
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
