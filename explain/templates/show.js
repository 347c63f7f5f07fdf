// Colours raw maps over their picture, as explain/draw.py and explain/strongest.py do.
{
const data = JSON.parse(document.getElementById("data").textContent);
const control = (id) => document.getElementById(id);
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const SVG = "http://www.w3.org/2000/svg";
const SHADES = bytes(data.shades); // strengths −1 to 1
const STEPS = data.steps;
const COVER = Float64Array.from({ length: STEPS + 1 }, (_, step) => (step / STEPS) ** data.gamma);
const MIDDLE = 0.85 * data.greys[1];
const panels = [];
let base = null; // RGBA of the picture, as wide and high as every canvas
let width = 0, height = 0;
let probe = null; // x and y in the picture's own pixels
let least = FIRST_THRESHOLD; // in the maps' units, until a slider is moved

function valueText(value) {
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-4 || size >= 1e4) ? value.toExponential(2) : String(Number(value.toPrecision(3)));
  return text.replace("-", "−");
}

// Values at the size of the canvas: as cv2.resize gives them.
function resized(map) {
  const [w, h] = map.size;
  const out = new Float32Array(width * height);
  const spot = (place, count, size) => {
    const at = Math.min(Math.max((place + 0.5) * size / count - 0.5, 0), size - 1);
    const first = Math.min(Math.floor(at), size - 1);
    return [first, Math.min(first + 1, size - 1), at - first];
  };
  const columns = Array.from({ length: width }, (_, x) => map.smooth ? spot(x, width, w) : [Math.min(Math.floor(x * w / width), w - 1)]);
  for (let y = 0; y < height; y++) {
    if (!map.smooth) {
      const row = Math.min(Math.floor(y * h / height), h - 1) * w;
      for (let x = 0; x < width; x++) out[y * width + x] = map.raw[row + columns[x][0]];
      continue;
    }
    const [top, bottom, down] = spot(y, height, h);
    for (let x = 0; x < width; x++) {
      const [left, right, along] = columns[x];
      const upper = map.raw[top * w + left] * (1 - along) + map.raw[top * w + right] * along;
      const lower = map.raw[bottom * w + left] * (1 - along) + map.raw[bottom * w + right] * along;
      out[y * width + x] = upper * (1 - down) + lower * down;
    }
  }
  return out;
}

// The least absolute value that is drawn: what explain.strongest.Strongest.cut gives; 0 draws everything.
function cutOf(map, wanted) {
  let cut = Math.max(wanted.share * map.limit, least ?? 0);
  if (wanted.top) {
    let sizes = Float32Array.from(map.raw, (value) => (wanted.against ? Math.abs(value) : value)).filter((size) => size > 0);
    if (!map.smooth) sizes = Float32Array.from(new Set(sizes));
    sizes.sort();
    if (sizes.length) cut = Math.max(cut, sizes[Math.max(sizes.length - wanted.top, 0)]);
  }
  return cut;
}

function wantedNow() {
  const top = Number(control("top").value);
  return {
    share: Number(control("threshold").value) / 100,
    opacity: Number(control("opacity").value) / 100,
    top: Number.isInteger(top) && top > 0 ? top : 0,
    areas: document.querySelector("input[name=style]:checked").value === "areas",
    against: control("against").checked,
  };
}

// One pixel's ground: nearly grey and of middling lightness; at opacity 0 as it is.
function groundOf(opacity) {
  const out = new Float64Array(width * height * 3);
  const [dark, pale] = data.greys;
  const share = Math.min(1, 2 * opacity);
  for (let place = 0; place < width * height; place++) {
    const r = base[4 * place], g = base[4 * place + 1], b = base[4 * place + 2];
    const grey = 0.299 * r + 0.587 * g + 0.114 * b;
    [r, g, b].forEach((value, channel) => {
      out[3 * place + channel] = value * (1 - share) + (dark + (pale - dark) * (0.3 * value + 0.7 * grey) / 255) * share;
    });
  }
  return out;
}

function drawShades(panel, ground, wanted, cut) {
  const { map, large, image } = panel;
  const pixels = image.data;
  const scale = map.signed ? map.limit : map.limit - map.low;
  const offset = map.signed ? 0 : map.low;
  for (let place = 0; place < large.length; place++) {
    const value = large[place];
    const strength = Math.min(Math.max((value - offset) / scale, -1), 1);
    const step = Math.abs(value) < cut || (!wanted.against && value < 0) ? 0 : Math.round(strength * STEPS);
    const cover = wanted.opacity * COVER[Math.abs(step)];
    for (let channel = 0; channel < 3; channel++) {
      const mixed = ground[3 * place + channel] * (1 - cover) + SHADES[3 * (step + STEPS) + channel] * cover;
      pixels[4 * place + channel] = Math.round(mixed);
    }
  }
}

function drawAreas(panel, ground, wanted, cut) {
  const { large, image } = panel;
  const { for: green, against: red, fill, border } = data.areas;
  const pixels = image.data;
  const kind = new Int8Array(large.length);
  for (let place = 0; place < large.length; place++) {
    const value = large[place];
    if (value > 0 && value >= cut) kind[place] = 1;
    else if (wanted.against && value < 0 && -value >= cut) kind[place] = -1;
  }
  const near = [];
  for (let down = -border; down <= border; down++)
    for (let right = Math.abs(down) - border; right <= border - Math.abs(down); right++)
      if (down || right) near.push([down, right]);
  for (let y = 0, place = 0; y < height; y++) {
    for (let x = 0; x < width; x++, place++) {
      let cover = 0;
      if (kind[place]) {
        const isBorder = near.some(([down, right]) => {
          const row = y + down, column = x + right;
          return row >= 0 && row < height && column >= 0 && column < width && kind[row * width + column] !== kind[place];
        });
        cover = isBorder ? Math.min(1, wanted.opacity / data.opacity) : fill * wanted.opacity;
      }
      const colour = kind[place] > 0 ? green : red;
      for (let channel = 0; channel < 3; channel++)
        pixels[4 * place + channel] = Math.round(ground[3 * place + channel] * (1 - cover) + colour[channel] * cover);
    }
  }
}

function drawBar(panel, wanted, cut) {
  const { map, bar } = panel;
  const context = bar.getContext("2d");
  const image = context.createImageData(bar.width, 1);
  for (let x = 0; x < bar.width; x++) {
    const value = map.low + (map.limit - map.low) * x / (bar.width - 1);
    const isShown = Math.abs(value) >= cut && value !== 0 && (wanted.against || value > 0);
    const strength = map.signed ? value / map.limit : (value - map.low) / (map.limit - map.low);
    const step = isShown ? Math.round(strength * STEPS) : 0;
    const cover = wanted.areas ? (isShown ? data.areas.fill * wanted.opacity : 0) : wanted.opacity * COVER[Math.abs(step)];
    const colour = wanted.areas ? (value > 0 ? data.areas.for : data.areas.against) : SHADES.subarray(3 * (step + STEPS));
    for (let channel = 0; channel < 3; channel++) image.data[4 * x + channel] = Math.round(MIDDLE * (1 - cover) + colour[channel] * cover);
    image.data[4 * x + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function draw() {
  const wanted = wantedNow();
  const ground = groundOf(wanted.opacity);
  for (const panel of panels) {
    if (!panel.map || panel.figure.hidden) continue;
    const cut = cutOf(panel.map, wanted);
    (wanted.areas ? drawAreas : drawShades)(panel, ground, wanted, cut);
    panel.context.putImageData(panel.image, 0, 0);
    drawBar(panel, wanted, cut);
    panel.kept.textContent = cut > 0 ? `drawn from ${wanted.against ? "±" : ""}${valueText(cut)} ${panel.map.unit}`.trimEnd() : "";
  }
  control("threshold-told").textContent = least !== null ? `${valueText(least)}, in each map's units` : `${Math.round(100 * wanted.share)} % of the bar`;
  control("legend").textContent = wanted.areas
    ? "Light green speaks for the part, dark red against it."
    : "Light yellow speaks for the part, dark blue against it.";
  control("opacity-told").textContent = `${Math.round(100 * wanted.opacity)} %`;
  control("panels").classList.toggle("no-outline", !control("outline").checked);
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawn(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function addPanel(title, alt, outline, map, facts = "") {
  const canvas = element("canvas", { width, height });
  const svg = drawn("svg", { viewBox: `0 0 ${data.nativeSize[0]} ${data.nativeSize[1]}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const kind of outline ? ["ground", "line"] : []) svg.append(drawn("path", { class: `outline ${kind}`, d: outline }));
  const marks = ["ground", "line"].map((kind) => drawn("path", { class: `probe ${kind}`, d: "" }));
  svg.append(...marks);
  const stage = element("span", { class: "stage", tabindex: "0", role: "img", "aria-label": alt, "aria-describedby": "drawn" }, canvas, svg);
  const here = element("output", { class: "here" });
  const caption = element("figcaption");
  const figure = element("figure", {}, element("h3", {}, title), stage, caption);
  const panel = { title, map, figure, stage, marks, here, context: canvas.getContext("2d") };
  if (map) {
    panel.bar = element("canvas", { class: "bar", width: 256, height: 1, "aria-hidden": "true" });
    const ticks = map.ticks.map((label, place) => element("span", {}, place === map.ticks.length - 1 && map.unit ? `${label} ${map.unit}` : label));
    panel.kept = element("span", { class: "kept" });
    caption.append(panel.bar, element("span", { class: "ticks" }, ...ticks), here, panel.kept, element("span", { class: "about" }, map.about));
    map.raw = new Float32Array(bytes(map.values).buffer).map((value) => (Number.isFinite(value) ? value : map.signed ? 0 : map.low));
    panel.large = resized(map);
    panel.image = new ImageData(width, height);
    panel.image.data.fill(255);
  } else {
    panel.context.putImageData(new ImageData(new Uint8ClampedArray(base), width, height), 0, 0);
    caption.append(facts, here);
  }
  panels.push(panel);
  follow(panel);
  return figure;
}

function showPart() {
  panels.length = 0;
  const part = data.parts[Number(control("part")?.value ?? 0)];
  const found = [addPanel(part.title, part.alt, part.outline, null, part.facts)];
  for (const map of part.maps) found.push(addPanel(map.title, map.alt, part.outline, map));
  control("panels").replaceChildren(...found);
  chooseMethods();
}

function chooseMethods() {
  const chosen = new Set([...document.querySelectorAll("input[name=method]:checked")].map((box) => box.value));
  for (const panel of panels) panel.figure.hidden = Boolean(panel.map) && !chosen.has(panel.title);
  draw();
  tell();
}

// Tells what every map says at the place of the pointer.
function tell(from = null) {
  const [w, h] = data.nativeSize;
  const across = `M${probe?.x - w / 40} ${probe?.y}h${w / 20}M${probe?.x} ${probe?.y - h / 40}v${h / 20}`;
  for (const panel of panels) {
    panel.marks.forEach((mark) => mark.setAttribute("d", probe ? across : ""));
    panel.here.textContent = "";
    if (!probe) continue;
    const place = `x ${Math.floor(probe.x)}, y ${Math.floor(probe.y)}`;
    panel.here.textContent = panel.map ? `${valueText(valueAt(panel.map))} ${panel.map.unit}`.trimEnd() : place;
    if (panel === from) control("drawn").textContent = `${panel.title} at ${place}: ${panel.here.textContent}`;
  }
  if (!probe) control("drawn").textContent = "";
}

function valueAt(map) {
  const [w, h] = map.size;
  const column = Math.min(Math.floor(probe.x * w / data.nativeSize[0]), w - 1);
  const row = Math.min(Math.floor(probe.y * h / data.nativeSize[1]), h - 1);
  return map.raw[row * w + column];
}

function follow(panel) {
  const [w, h] = data.nativeSize;
  const pointed = (event) => {
    const box = panel.stage.getBoundingClientRect();
    const inside = (place, size) => Math.min(Math.max(place, 0), size - 1e-6);
    probe = { x: inside((event.clientX - box.left) / box.width * w, w), y: inside((event.clientY - box.top) / box.height * h, h) };
    tell(panel);
  };
  panel.stage.addEventListener("pointermove", pointed);
  panel.stage.addEventListener("pointerdown", pointed);
  panel.stage.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "mouse") return; // where a finger was lifted is still meant
    probe = null;
    tell();
  });
  panel.stage.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 10 : 1;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (event.key === "Escape") probe = null;
    else if (move) {
      event.preventDefault();
      const from = probe ?? { x: w / 2, y: h / 2 };
      const inside = (place, size) => Math.min(Math.max(Math.floor(place) + 0.5, 0.5), size - 0.5);
      probe = { x: inside(from.x + move[0], w), y: inside(from.y + move[1], h) };
    } else return;
    tell(panel);
  });
}

let waiting = false;
function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

function begin(image) {
  width = image.naturalWidth;
  height = image.naturalHeight;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  base = context.getImageData(0, 0, width, height).data;
  const form = document.querySelector("form.controls");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    if (event.target.id === "threshold") least = null;
    if (event.target.id === "part") showPart();
    else if (event.target.name === "method") chooseMethods();
    else soon();
  });
  form.addEventListener("reset", () => setTimeout(() => {
    least = FIRST_THRESHOLD;
    showPart();
  }));
  showPart();
  document.documentElement.dataset.ready = "yes";
}

const picture = new Image();
picture.addEventListener("load", () => begin(picture));
picture.src = data.picture;
}
