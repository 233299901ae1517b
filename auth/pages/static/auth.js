// @ts-check
// Keeps a browser signed in. Attributes data-aegis-refresh, data-aegis-logout and
// data-aegis-login, on any element, say where the routes are if not at the defaults.

/** @typedef {"renewed" | "signed-out" | Response} Outcome a Response is one that says "not now" */

const LOCK = "aegis-refresh", MARK = "aegis-renewed:";
const page = /** @type {Document | undefined} */ (globalThis.document);

/** @param {"refresh" | "logout" | "login"} name @returns {string} */
const address = (name) =>
  page?.querySelector(`[data-aegis-${name}]`)?.getAttribute(`data-aegis-${name}`) ??
  { refresh: "/auth/refresh", logout: "/auth/logout", login: "/login" }[name];

/** @param {number} ms */
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

let renewedAt = 0; // when a tab, this one or another, last renewed
/** @type {Promise<Outcome> | null} */
let inFlight = null;

const channel = globalThis.BroadcastChannel ? new BroadcastChannel("aegis") : null;
/** @type {any} */ (channel)?.unref?.(); // Node only: an open channel would keep it running
channel?.addEventListener("message", ({ data }) => {
  if (data?.renewed > renewedAt) renewedAt = data.renewed;
  if (data?.signedOut && page?.querySelector("[data-private]")) location.replace(address("login"));
});

/**
 * fetch for routes that need a signed-in user. When the access token has died
 * it is renewed once, for all calls and all tabs, and the request is sent again.
 * If the session is over the page goes to the sign-in page and comes back. If
 * the server cannot say, its answer (429, 503) is returned, or fetch's error is
 * thrown: trouble never signs anyone out.
 * @param {RequestInfo | URL} input
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function fetchAuth(input, init) {
  const request = new Request(input instanceof Request ? input : new URL(input, location.href), init);
  for (let tries = 0; ; tries++) {
    const sent = Date.now(), response = await fetch(request.clone());
    if (response.status !== 401 || tries === 2 || new URL(request.url).origin !== location.origin) return response;
    const { code } = await response.clone().json().catch(() => ({}));
    if (code === "invalid_credentials") return response; // a wrong password, not a dead token
    const outcome = await renew(sent);
    if (outcome === "signed-out") leave();
    if (outcome !== "renewed") return outcome === "signed-out" ? response : outcome;
  }
}

/** Ends the session here and in all tabs. @returns {Promise<void>} */
export async function signOut() {
  const response = await fetch(address("logout"), { method: "POST", keepalive: true });
  if (!response.ok && response.status !== 401) throw new Error(`sign out: ${response.status}`);
  channel?.postMessage({ signedOut: true });
}

/**
 * Renews the access token unless that has happened since the given moment.
 * @param {number} since milliseconds, as Date.now()
 * @returns {Promise<Outcome>}
 */
export async function renew(since) {
  if (renewedAt >= since) return "renewed";
  inFlight ??= exclusive(since).finally(() => { inFlight = null; });
  return inFlight;
}

/** @param {number} since @returns {Promise<Outcome>} */
async function exclusive(since) {
  const locks = globalThis.navigator?.locks;
  if (!locks) return renewedAt >= since ? "renewed" : post();
  return locks.request(LOCK, async () => {
    // A tab that has renewed holds a lock named after the moment for a while.
    // Messages may be late; what the lock manager says is true at once.
    const { held = [] } = await locks.query();
    const marks = held.map(({ name = "" }) => (name.startsWith(MARK) ? Number(name.slice(MARK.length)) : 0));
    renewedAt = Math.max(renewedAt, ...marks);
    if (renewedAt >= since) return "renewed";
    const outcome = await post();
    if (outcome === "renewed") {
      await new Promise((granted) => void locks.request(MARK + renewedAt, () => (granted(0), sleep(15_000))));
    }
    return outcome;
  });
}

/** @returns {Promise<Outcome>} */
async function post() {
  // keepalive: a page that is left must still take in the new cookies.
  const ask = () => fetch(address("refresh"), { method: "POST", keepalive: true, headers: { Accept: "application/json" } });
  for (let tries = 0; ; tries++) {
    let response, pause = 200 * 2 ** tries;
    try {
      // No answer for a while: ask once more beside it, soon enough that the server
      // still takes the spent cookie, and without giving up the first answer.
      const first = ask();
      response = (await Promise.race([first, sleep(4000)])) ?? (await Promise.any([first, ask()]));
    } catch (error) {
      if (tries === 2) throw error;
    }
    if (response?.ok) {
      renewedAt = Date.now();
      channel?.postMessage({ renewed: renewedAt });
      return "renewed";
    }
    if (response?.status === 401) return "signed-out";
    // 409: another request was faster; the jar holds, or will soon hold, the new cookie.
    if (response && response.status !== 409) {
      pause = 1000 * Number(response.headers.get("Retry-After") || 1);
      if (response.status < 500 || tries === 2 || !(pause <= 5000)) return response;
    } else if (response && tries === 2) return "renewed";
    await sleep(pause);
  }
}

/** Goes to the sign-in page, which comes back to this one. */
function leave() {
  location.assign(`${address("login")}?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** The page that stands in for one whose access token has died. @param {HTMLFormElement} form */
async function resume(form) {
  const { next = "/" } = form.dataset, now = Date.now();
  try { // cookies that do not stick must not make a loop of it
    if (now - Number(sessionStorage.getItem(LOCK)) < 3000) return;
    sessionStorage.setItem(LOCK, String(now));
  } catch { return; }
  // A renewal since this page was asked for, by another tab, will do.
  const outcome = await renew(performance.timeOrigin).catch(() => null);
  if (outcome === "renewed") next === location.pathname + location.search ? location.reload() : location.replace(next);
  else if (outcome === "signed-out") location.replace(`${address("login")}?next=${encodeURIComponent(next)}`);
  else form.querySelector("[hidden]")?.removeAttribute("hidden"); // says that the server is out of reach
}

/** Shows how strong a new password is. A hint: the server decides. @param {HTMLInputElement} input */
function strength(input) {
  const words = (input.dataset.strength ?? "").split("|"), line = document.createElement("div");
  const meter = Object.assign(document.createElement("meter"), { max: words.length - 1, low: 2, optimum: words.length - 1 });
  const text = Object.assign(document.createElement("span"), { role: "status" });
  meter.setAttribute("aria-hidden", "true");
  line.className = "meter";
  line.append(meter, text);
  input.addEventListener("input", () => {
    const v = input.value, kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^a-zA-Z\d]/].filter((k) => k.test(v)).length;
    const bits = ((new Set(v).size + v.length) / 2) * (2 + kinds / 2), short = v.length < input.minLength;
    meter.value = short ? 0 : bits < 25 ? 1 : bits < 36 ? 2 : bits < 50 ? 3 : 4;
    text.textContent = v && words[meter.value];
    if (!line.isConnected) (input.closest(".pw") ?? input).after(line);
  });
}

/** Lets the person see what they type. @param {HTMLElement} box */
function reveal(box) {
  const input = /** @type {HTMLInputElement} */ (box.querySelector("input")), { show = "", hide = "" } = box.dataset;
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: show });
  button.id = `${input.id}-show`;
  button.setAttribute("aria-labelledby", `${button.id} ${input.id}-label`);
  button.addEventListener("click", () => {
    input.type = input.type === "text" ? "password" : "text";
    button.textContent = input.type === "text" ? hide : show;
  });
  input.form?.addEventListener("submit", () => { input.type = "password"; });
  box.append(button);
}

/** @param {Document} d */
function enhance(d) {
  const loaded = Date.now(), left = Number(d.querySelector("[data-private]")?.getAttribute("data-private")) * 1000;
  d.querySelectorAll("[data-show]").forEach((e) => reveal(/** @type {HTMLElement} */ (e)));
  d.querySelectorAll("[data-strength]").forEach((e) => strength(/** @type {HTMLInputElement} */ (e)));
  const { lang } = d.documentElement, dialect = navigator.languages?.find((l) => l.startsWith(lang)) ?? lang; // "en-GB" of "en"
  d.querySelectorAll("time").forEach((e) => {
    e.textContent = new Date(e.dateTime).toLocaleString(dialect, { dateStyle: "medium", timeStyle: "short" });
  });
  /** @type {HTMLElement | null} */ (d.querySelector("[aria-invalid=true]"))?.focus();
  d.addEventListener("submit", async (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target), button = /** @type {HTMLElement | null} */ (event.submitter);
    const again = form.dataset.renewed, ask = button?.dataset.confirm;
    if (form.ariaBusy || (ask && !again && !confirm(ask))) return event.preventDefault();
    form.ariaBusy = "true";
    const since = Date.now() - left + 30_000;
    if (form.method !== "post" || !left || again || Math.max(loaded, renewedAt) > since) return;
    event.preventDefault(); // what was typed must not be lost to a dead token
    await renew(since).catch(() => null);
    form.dataset.renewed = "yes";
    form.ariaBusy = null;
    form.requestSubmit(button);
  });
  addEventListener("pageshow", () => d.querySelectorAll("form").forEach((f) => {
    f.ariaBusy = null; // also after "back"
    delete f.dataset.renewed;
  }));
  const form = /** @type {HTMLFormElement | null} */ (d.querySelector("form[data-next]"));
  if (form) resume(form);
}

if (page) enhance(page);
