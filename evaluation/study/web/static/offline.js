"use strict";
// Answers stay on this device until the participant sends them: the same calls as of the server, without one.

class Refusal extends Error {}
class Unreachable extends Error {}

const transport = (() => {
  const place = `brickbench study ${FACTS.study}`;
  let mine = recall(onDevice, place);
  if (mine && !FACTS.sheets[mine.sheet]) mine = null; // a page of the same study with other sheets

  function told() {
    if (!mine) return { stage: "new" };
    const trials = FACTS.sheets[mine.sheet];
    const answered = mine.answers.length;
    const where = { language: mine.language, answered, total: trials.length };
    if (answered === trials.length) return { stage: "done", ...where };
    const ahead = answered + 1 < trials.length ? files(trials[answered + 1]) : [];
    return { stage: "trial", ...where, trial: trials[answered], ahead };
  }

  function randomHex() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  return {
    id: place,
    offline: true,
    numbers: Object.keys(FACTS.sheets),
    state: async () => told(),
    async start({ language, familiarity, number }) {
      const numbers = Object.keys(FACTS.sheets);
      const sheet = number || numbers[crypto.getRandomValues(new Uint32Array(1))[0] % numbers.length];
      mine = { participant: randomHex(), sheet: Number(sheet), language, familiarity, answers: [] };
      keep(onDevice, place, mine);
      return told();
    },
    async answer({ trial_id, chosen, seconds }) {
      mine.answers.push({ trial_id, chosen, seconds });
      keep(onDevice, place, mine);
      return told();
    },
    picture: async (name) => FACTS.pictures[name],
    result: () => ({ format: "brickbench-study-answers", version: 1, study_id: FACTS.study, ...mine }),
    forget() {
      keep(onDevice, place, null);
      mine = null;
    },
  };
})();
