"use strict";
// What the page was made with, and its words in the chosen language.

const FACTS = JSON.parse(document.getElementById("facts").textContent);
let language = FACTS.languages[0];

/** Return a text of the chosen language, with {names} in it replaced by `values`. */
function word(name, values = {}) {
  return FACTS.words[language][name].replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
}

/** Show all fixed texts in `code`, if the study has it. */
function speak(code) {
  if (FACTS.languages.includes(code)) language = code;
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = word(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", word(node.dataset.label));
}

/** Return the first language of the browser that the study has, or the study's first. */
function likelyLanguage() {
  const wished = navigator.languages.map((code) => code.split("-")[0]);
  return wished.find((code) => FACTS.languages.includes(code)) ?? FACTS.languages[0];
}

/** Something that outlives a reload, where the browser allows it. */
function keep(store, name, value) {
  try {
    if (value === null) store().removeItem(name);
    else store().setItem(name, JSON.stringify(value));
  } catch {
    kept.set(name, value);
  }
}

function recall(store, name) {
  try {
    return JSON.parse(store().getItem(name)) ?? kept.get(name) ?? null;
  } catch {
    return kept.get(name) ?? null;
  }
}

const kept = new Map();
const inTab = () => sessionStorage; // asking for it throws where a browser forbids it
const onDevice = () => localStorage;
