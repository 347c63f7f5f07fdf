"use strict";
// Answers go to the server. The secret stands behind the # of the link: browsers send that to nobody.

class Refusal extends Error {
  constructor(status, code, state) {
    super(code);
    Object.assign(this, { status, code, state });
  }
}

class Unreachable extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason; // offline, storage or busy
  }
}

const transport = (() => {
  const PATIENCE_MS = 20000;
  const secret = location.hash.slice(1);
  const invitation = secret.startsWith("open.") ? secret.slice(5) : null;
  const token = invitation ? recall(inTab, `token ${secret}`) ?? newToken() : secret;
  let begun = !invitation || recall(inTab, `token ${secret}`) !== null; // a new token is not yet known to the server

  function newToken() {
    const bytes = crypto.getRandomValues(new Uint8Array(24));
    return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
  }

  async function call(path, body) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
    const headers = { Authorization: `Bearer ${token}` };
    if (body) headers["Content-Type"] = "application/json";
    let response, content;
    try {
      response = await fetch(path, {
        method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal: stop.signal,
        cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer",
      });
      const is = (kind) => (response.headers.get("Content-Type") ?? "").startsWith(kind);
      content = is("application/json") ? await response.json() : is("image/") ? await response.blob() : null;
    } catch {
      throw new Unreachable("offline");
    } finally {
      clearTimeout(timer);
    }
    if (response.status >= 500 || response.status === 408) {
      throw new Unreachable(content?.error === "storage" ? "storage" : "busy");
    }
    if (content === null) throw new Unreachable("offline"); // somebody else answered, such as a hotel's network
    if (!response.ok) throw new Refusal(response.status, content.error, content.state);
    return content;
  }

  return {
    id: token,
    offline: false,
    async state() {
      if (!secret) throw new Refusal(401, "no_link");
      return begun ? call("/api/state") : { stage: "new" };
    },
    async start(consent) {
      if (invitation) keep(inTab, `token ${secret}`, token); // first, so that a lost reply costs no second place
      begun = true;
      return call("/api/start", invitation ? { ...consent, invitation } : consent);
    },
    answer: (given) => call("/api/answer", given),
    picture: async (name) => URL.createObjectURL(await call(`/picture/${name}`)),
  };
})();

addEventListener("hashchange", () => location.reload()); // another link in the same tab
