"use strict";
// The organiser's page: numbers from the server every ten seconds, once the secret is given.

const $ = (id) => document.getElementById(id);
const EVERY_MS = 10000;
const FAMILIARITY = { "-1": "not asked", 0: "not familiar", 1: "a bit familiar", 2: "familiar" };
let secret = location.hash.slice(1);

function ask(path) {
  return fetch(path, { headers: { Authorization: `Bearer ${secret}` }, cache: "no-store", credentials: "omit" });
}

function ago(minutes) {
  if (minutes < 1) return "now";
  if (minutes < 120) return `${minutes} min ago`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} days ago`;
}

function row(cells, cell = "td") {
  const line = document.createElement("tr");
  line.append(...cells.map((words) => Object.assign(document.createElement(cell), { textContent: words })));
  return line;
}

function bars(hours) {
  const most = Math.max(...hours.map(({ answers }) => answers));
  return hours.slice(-48).map(({ hour, answers }) => {
    const line = document.createElement("div");
    line.className = "hour";
    const bar = Object.assign(document.createElement("progress"), { max: most, value: answers });
    bar.setAttribute("aria-hidden", "true");
    line.append(Object.assign(document.createElement("span"), { textContent: hour }), bar, String(answers));
    return line;
  });
}

function fill(told) {
  const sum = (name) => told.people.reduce((total, person) => total + person[name], 0);
  $("begun").textContent = told.begun;
  $("finished").textContent = told.finished;
  $("answers").textContent = told.answers;
  $("checks").textContent = sum("checks") ? `${sum("checks_right")} of ${sum("checks")} right` : "none yet";
  $("links").textContent = told.links;
  $("opened").textContent = told.room === null ? "none" : `${told.opened} of ${told.room} taken`;
  $("hours").replaceChildren(...(told.hours.length ? bars(told.hours) : ["No answers yet."]));
  $("people").replaceChildren(
    ...told.people.map((person) => row([
      person.participant, person.origin === "open" ? "open link" : "personal link", person.language,
      FAMILIARITY[person.familiarity], `${person.answered} of ${person.total}`,
      person.checks ? `${person.checks_right} of ${person.checks} right` : "–", ago(person.minutes_since),
    ])),
  );
}

async function refresh() {
  if (!secret) {
    $("ask").hidden = false;
    return;
  }
  try {
    const answer = await ask("/api/organiser/progress");
    $("note").textContent = answer.ok || answer.status === 401 ? "" : "The server cannot read its store at the moment.";
    if (answer.status === 401) {
      $("note").textContent = "That is not the secret of this study.";
      $("ask").hidden = false;
      secret = "";
      return;
    }
    if (answer.ok) {
      fill(await answer.json());
      $("ask").hidden = true;
      $("shown").hidden = false;
    }
  } catch {
    $("note").textContent = "The server cannot be reached; these are the last numbers.";
  }
  setTimeout(refresh, EVERY_MS);
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  secret = $("secret").value.trim();
  refresh();
});

$("export").addEventListener("click", async () => {
  const answer = await ask("/api/organiser/export");
  if (!answer.ok) return;
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await answer.blob()) });
  link.download = "answers.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
});

refresh();
