"use strict";
// The pages and the way through them: consent, familiarity, one trial a page, thanks.

const $ = (id) => document.getElementById(id);
const PENDING = `pending ${transport.id}`;
const SEEN = `seen ${transport.id}`;
let now = null; // what the transport told last
let sending = false;
let since = null; // when the pictures appeared; null where the time to the choice will not be known

function files(trial) {
  return [trial.picture, trial.left, trial.right];
}

// Pages ------------------------------------------------------------------------------------------------------------

function show(id, focus = true) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== id;
  if (!focus) return;
  scrollTo(0, 0);
  $(id).querySelector("h1").focus({ preventScroll: true });
}

let noteTimer = 0;

/** Tell something above the page; with `passing` it goes by itself. */
function note(name, passing = false) {
  clearTimeout(noteTimer);
  const words = name ? word(`notes.${name}`) : "";
  if ($("note").textContent !== words) $("note").textContent = words;
  if (passing) noteTimer = setTimeout(() => ($("note").textContent = ""), 8000);
}

function contact(id) {
  $(id).textContent = FACTS.contact ? word("contact", { contact: FACTS.contact }) : "";
}

function showConsent() {
  speak(language);
  document.title = word("title");
  $("consent-words").replaceChildren(
    ...word("consent").split(/\n\s*\n/).map((text) => Object.assign(document.createElement("p"), { textContent: text })),
  );
  contact("contact");
  $("number").hidden = !(transport.offline && transport.numbers.length > 1);
  const choices = document.querySelector(".languages");
  choices.hidden = FACTS.languages.length < 2;
  choices.replaceChildren(
    ...FACTS.languages.map((code) => {
      const button = Object.assign(document.createElement("button"), { type: "button", lang: code });
      button.textContent = FACTS.words[code].name;
      button.setAttribute("aria-pressed", code === language);
      button.addEventListener("click", () => {
        language = code;
        showConsent();
        choices.querySelector("[aria-pressed=true]").focus();
      });
      return button;
    }),
  );
  show("consent", false);
}

function showProblem(code) {
  const known = `problems.${code}.heading` in FACTS.words[language] ? code : "broken";
  $("problem-heading").textContent = word(`problems.${known}.heading`);
  $("problem-words").textContent = word(`problems.${known}.words`);
  contact("problem-contact");
  document.title = word(`problems.${known}.heading`);
  show("problem");
}

function showThanks() {
  const total = { total: now.total };
  $("thanks-heading").textContent = word(transport.offline ? "thanks.send_heading" : "thanks.heading");
  $("thanks-words").textContent = word(transport.offline ? "thanks.send" : "thanks.stored", total);
  document.title = word("thanks.heading");
  contact("thanks-contact");
  $("returning").hidden = !transport.offline;
  if (transport.offline) $("answers-text").value = JSON.stringify(transport.result());
  show("thanks");
}

async function showTrial() {
  const mine = now;
  const place = { number: now.answered + 1, total: now.total };
  $("where").textContent = word("trial.progress", place);
  $("bar").max = now.total;
  $("bar").value = now.answered;
  document.title = word("trial.progress", place);
  $("trial-wrong").textContent = "";
  for (const choice of document.querySelectorAll("[name=chosen]")) choice.checked = false;
  $("question").textContent = word("question");
  const about = [word(now.trial.part_name === null ? "trial.about_any" : "trial.about")];
  if (now.trial.part_name !== null) {
    about.push(" ", Object.assign(document.createElement("b"), { textContent: now.trial.part_name }));
  }
  $("about").replaceChildren(...about);
  const stage = document.querySelector(".stage");
  stage.classList.add("loading"); // all three appear at once: none is seen before the others
  stage.setAttribute("aria-busy", "true");
  since = null;
  show("trial");
  const addresses = await patiently(() => Promise.all(files(mine.trial).map(picture)), "waiting");
  if (now !== mine) return;
  ["picture", "left", "right"].forEach((id, index) => {
    $(id).src = addresses[index];
    $(id).alt = word(`trial.${id}_alt`);
  });
  await Promise.allSettled(["picture", "left", "right"].map((id) => $(id).decode()));
  stage.classList.remove("loading");
  stage.removeAttribute("aria-busy");
  const again = recall(inTab, SEEN) === mine.trial.trial_id; // loaded anew: the first look is over
  if (!document.hidden && !again) since = performance.now();
  keep(inTab, SEEN, mine.trial.trial_id);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    if (now === mine && since !== null) since = performance.now(); // they are on the screen now
  }));
  forgetPictures([...files(mine.trial), ...mine.ahead]);
  for (const name of mine.ahead) picture(name).catch(() => {});
}

function go(state) {
  now = state;
  if (state.language) speak(state.language);
  if (state.stage === "new") showConsent();
  else if (state.stage === "done") showThanks();
  else showTrial();
}

// Patience ----------------------------------------------------------------------------------------------------------

/** Return what `action` gives; while nothing can be reached, say so (`offline`) and try again. */
async function patiently(action, offline) {
  for (let attempt = 0; ; attempt++) {
    try {
      const result = await action();
      if (attempt) note("back_online", true);
      return result;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      const asked = offline === "offline" ? error.reason : error.reason === "busy" ? "busy" : "waiting";
      note(asked === "offline" ? offline : asked);
      await new Promise((done) => {
        const wait = Math.min(500 * 2 ** attempt, 10000) * (0.75 + Math.random() / 2); // not all at the same moment
        const timer = setTimeout(done, wait);
        addEventListener("online", () => (clearTimeout(timer), done()), { once: true });
      });
    }
  }
}

/** Do what may be refused; a refusal that says where one is leads there. */
async function attempt(action, offline) {
  try {
    go(await patiently(action, offline));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.state) {
      go(error.state);
      note("elsewhere", true);
    } else showProblem(error.code);
  }
}

async function send(given) {
  sending = true;
  keep(inTab, PENDING, given); // until the server has it on disk
  const slow = setTimeout(() => ($("trial-wrong").textContent = word("trial.saving")), 500);
  $("next").setAttribute("aria-disabled", "true");
  await attempt(() => transport.answer(given), "offline");
  clearTimeout(slow);
  keep(inTab, PENDING, null);
  $("next").removeAttribute("aria-disabled");
  sending = false;
}

// What people do ----------------------------------------------------------------------------------------------------

$("agree").addEventListener("click", () => {
  const number = document.querySelector("#number input").value.trim();
  if (number && !transport.numbers.includes(number)) {
    const [first, last] = [transport.numbers[0], transport.numbers.at(-1)];
    $("number-wrong").textContent = word("offline.wrong", { numbers: `${first}–${last}` });
    document.querySelector("#number input").focus();
    return;
  }
  if (FACTS.familiarity) show("familiarity");
  else begin(-1);
});

document.querySelector("#familiarity form").addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = document.querySelector("[name=familiarity]:checked");
  $("familiarity-wrong").textContent = chosen ? "" : word("familiarity.missing");
  if (chosen) begin(Number(chosen.value));
  else document.querySelector("[name=familiarity]").focus();
});

async function begin(familiarity) {
  if (sending) return;
  sending = true;
  const consent = { language, familiarity };
  if (transport.offline) consent.number = document.querySelector("#number input").value.trim();
  history.pushState(null, ""); // something for the browser's back to take away
  await attempt(() => transport.start(consent), "waiting");
  sending = false;
}

document.querySelector("#trial form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (sending || document.querySelector(".stage.loading")) return;
  const chosen = document.querySelector("[name=chosen]:checked");
  if (!chosen) {
    $("trial-wrong").textContent = word("trial.missing");
    return;
  }
  const seconds = since === null ? null : Math.round(performance.now() - since) / 1000;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const request_key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  send({ trial_id: now.trial.trial_id, chosen: chosen.value, seconds, request_key });
});

for (const choice of document.querySelectorAll("[name=chosen]")) {
  choice.addEventListener("change", () => ($("trial-wrong").textContent = ""));
}

addEventListener("keydown", (event) => {
  if ($("trial").hidden || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const side = { ArrowLeft: "left", 1: "left", ArrowRight: "right", 2: "right" }[event.key];
  if (side && !sending && !document.querySelector(".stage.loading")) {
    event.preventDefault();
    const choice = document.querySelector(`[name=chosen][value=${side}]`);
    choice.checked = true;
    choice.focus({ preventScroll: true });
    $("trial-wrong").textContent = "";
  } else if (event.key === "Enter" && !event.target.closest("button, a")) {
    event.preventDefault();
    if (!event.repeat) document.querySelector("#trial form").requestSubmit();
  }
});

addEventListener("popstate", () => {
  if (now?.stage !== "trial") return;
  history.pushState(null, "");
  note("no_back", true);
  $("question").focus({ preventScroll: true });
});

addEventListener("visibilitychange", () => document.hidden && (since = null));
addEventListener("pageshow", (event) => event.persisted && location.reload());
addEventListener("beforeunload", (event) => recall(inTab, PENDING) && now?.stage === "trial" && sending && event.preventDefault());

if (transport.offline) {
  $("download").addEventListener("click", () => {
    const result = transport.result();
    const file = new Blob([JSON.stringify(result, null, 1)], { type: "application/json" });
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file) });
    link.download = `answers-${result.participant.slice(0, 8)}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
  $("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText($("answers-text").value);
    } catch {
      $("answers-text").select();
      document.execCommand("copy"); // pages from a file may not use the clipboard in every browser
    }
    $("note").textContent = word("thanks.copied");
  });
  $("again").addEventListener("click", () => {
    if (!confirm(word("thanks.again_sure"))) return;
    transport.forget();
    location.reload();
  });
}

// Begin -------------------------------------------------------------------------------------------------------------

speak(likelyLanguage());
(async () => {
  const pending = recall(inTab, PENDING); // chosen before a reload, perhaps not yet stored
  if (pending) await send(pending);
  else await attempt(() => transport.state(), "waiting");
  if (now?.stage === "trial") history.pushState(null, "");
})();
