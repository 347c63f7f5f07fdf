// The grid: filters change the address and the page in place; masks on hover; keys.

import { draw, follow, hideTip, readDrawing } from "./overlay.js";

const filters = document.getElementById("filters");
const find = document.getElementById("find");
const drawer = document.querySelector(".drawer");
let waiting = null;

async function go(address, { push = true, scroll = null } = {}) {
  waiting?.abort();
  waiting = new AbortController();
  const content = document.getElementById("content");
  content.setAttribute("aria-busy", "true");
  let next;
  try {
    const answer = await fetch(address, { signal: waiting.signal });
    next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok || !next.getElementById("filters")) throw new Error("no grid");
  } catch (error) {
    if (error.name !== "AbortError") location.assign(address); // the page itself says what is wrong
    return;
  }
  if (push && address !== location.pathname + location.search) {
    history.replaceState({ scroll: scrollY }, "");
    history.pushState({ scroll: 0 }, "", address);
  }
  content.replaceWith(next.getElementById("content"));
  takeFilters(next);
  document.getElementById("chosen").textContent = next.getElementById("chosen").textContent;
  document.getElementById("told").textContent = document.getElementById("count").textContent;
  hideTip();
  if (scroll !== null) scrollTo(0, scroll);
}

// Counts, bars, ticks and the order of parts come from the new page; the elements stay, and with them focus and scrolling.
function takeFilters(next) {
  const fresh = new Map([...next.querySelectorAll("#filters input[name]")].map((input) => [input.id, input]));
  const known = [...filters.querySelectorAll("input[name]")];
  if (known.length !== fresh.size || known.some((input) => !fresh.has(input.id))) {
    filters.innerHTML = next.getElementById("filters").innerHTML; // the dataset has changed
    return;
  }
  for (const input of known) {
    const other = fresh.get(input.id);
    if (input.type !== "checkbox") {
      input.value = other.value;
      continue;
    }
    input.checked = other.checked;
    const [row, otherRow] = [input.closest(".option"), other.closest(".option")];
    row.className = otherRow.className;
    row.querySelector(".count").textContent = otherRow.querySelector(".count").textContent;
    row.querySelector("rect").setAttribute("width", otherRow.querySelector("rect").getAttribute("width"));
  }
  const focused = document.activeElement;
  const list = filters.querySelector(".parts .options");
  const scrolled = list.scrollTop;
  for (const row of next.querySelectorAll(".parts .option")) {
    list.append(document.getElementById(row.querySelector("input").id).closest(".option"));
  }
  list.scrollTop = scrolled;
  if (list.contains(focused)) focused.focus({ preventScroll: true });
}

function addressOf(form) {
  const pairs = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    const bound = form.elements[name]?.type === "number" && !value;
    if (!bound && !(name === "page" && value === "1")) pairs.append(name, value);
  }
  const text = pairs.toString();
  return text ? `/?${text}` : "/";
}

filters.addEventListener("change", (event) => {
  if (event.target === find) return;
  if (filters.reportValidity()) go(addressOf(filters), { scroll: Math.min(scrollY, 0) });
});
document.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target === filters && document.activeElement === find) return;
  if (event.target.reportValidity()) go(addressOf(event.target), { scroll: 0 });
});
document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  if (link.closest(".pager, .chips, .empty")) {
    event.preventDefault();
    await go(link.getAttribute("href"), { scroll: 0 });
    document.getElementById("content").focus({ preventScroll: true });
  }
});
addEventListener("popstate", (event) => {
  if (!location.hash || event.state) go(location.pathname + location.search, { push: false, scroll: event.state?.scroll ?? 0 });
});
drawer.addEventListener("click", () => {
  drawer.setAttribute("aria-expanded", String(document.body.classList.toggle("filtering")));
});

find.addEventListener("input", () => {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of filters.querySelectorAll(".parts .option")) {
    row.hidden = !words.every((word) => row.dataset.words.includes(word));
  }
});

// Masks: drawn when the pointer or the focus comes, taken away when it goes.
let shown = null;

async function reveal(link) {
  if (shown === link) return;
  conceal();
  shown = link;
  const drawing = await readDrawing(link.dataset.id, document.getElementById("content").dataset.version).catch(() => null);
  if (shown !== link || !drawing) return;
  link.querySelector(".frame").append(draw(drawing));
}

function conceal() {
  for (const svg of document.querySelectorAll(".tiles .overlay")) svg.remove();
  shown = null;
  hideTip();
}

const tileAt = (event) => event.target.closest?.(".tiles a") ?? null;
follow(document.body);
document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch") return;
  const link = tileAt(event) ?? document.activeElement?.closest?.(".tiles a");
  if (link) reveal(link);
  else conceal();
});
document.addEventListener("focusin", (event) => (tileAt(event) ? reveal(tileAt(event)) : conceal()));

const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: 0, ArrowDown: 0 };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("input:not([type=checkbox])");
  if (event.key === "Escape") {
    if (event.target === find && find.value) {
      find.value = "";
      find.dispatchEvent(new Event("input"));
    } else {
      document.activeElement?.blur();
      conceal();
    }
  } else if (event.key === "/" && !typing) {
    event.preventDefault();
    document.body.classList.add("filtering");
    drawer.setAttribute("aria-expanded", "true");
    find.focus();
  } else if (event.key in STEPS && !typing) {
    move(event);
  }
});

async function move(event) {
  if (event.target.closest("#filters")) return;
  const tiles = [...document.querySelectorAll(".tiles a")];
  const place = tiles.indexOf(document.activeElement);
  if (!tiles.length || (place < 0 && event.key === "ArrowUp")) return;
  event.preventDefault();
  const columns = Math.max(1, tiles.findIndex((tile) => tile.offsetTop > tiles[0].offsetTop));
  const across = columns < 1 ? tiles.length : columns;
  const step = STEPS[event.key] || (event.key === "ArrowDown" ? across : -across);
  const target = place < 0 ? 0 : place + step;
  if (tiles[target]) {
    tiles[target].focus();
    return;
  }
  const link = document.querySelector(target < 0 ? ".pager a[rel=prev]" : ".pager a[rel=next]");
  if (!link || (Math.abs(step) > 1 && target >= 0 && target < tiles.length)) return;
  await go(link.getAttribute("href"), { scroll: 0 });
  const fresh = document.querySelectorAll(".tiles a");
  fresh[target < 0 ? fresh.length - 1 : 0]?.focus();
}
