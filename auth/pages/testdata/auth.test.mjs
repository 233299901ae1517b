// Tests of static/auth.js with the runner built into Node: node --test testdata/
// Each "tab" is the module imported anew, with a fake server, jar and lock manager.
import assert from "node:assert/strict";
import { test } from "node:test";

let imported = 0;

/** A lock manager as browsers have it: exclusive, first come first served, and query. */
function lockManager() {
  const held = new Map(), waiting = [];
  const grant = () => {
    for (const w of [...waiting]) {
      if (held.has(w.name)) continue;
      waiting.splice(waiting.indexOf(w), 1);
      held.set(w.name, true);
      Promise.resolve(w.callback({ name: w.name })).then(w.resolve, w.reject).finally(() => {
        held.delete(w.name);
        grant();
      });
    }
  };
  return {
    request: (name, callback) => new Promise((resolve, reject) => {
      waiting.push({ name, callback, resolve, reject });
      queueMicrotask(grant);
    }),
    query: async () => ({ held: [...held.keys()].map((name) => ({ name })) }),
  };
}

/** A server with one session: the access token is alive or not, refreshes are counted. */
function server({ alive = false, refresh } = {}) {
  const s = { alive, refreshes: 0, seen: [], bodies: [] };
  const problem = (status, code, headers) => Response.json({ status, code }, { status, headers });
  s.fetch = async (input, init) => {
    const request = new Request(input instanceof Request ? input : new URL(input, location.href), init);
    const { pathname } = new URL(request.url);
    s.seen.push(`${request.method} ${pathname}`);
    const was = s.alive;
    await new Promise((done) => setTimeout(done, 5));
    if (pathname === "/auth/refresh") {
      const n = ++s.refreshes;
      const answer = await refresh?.(n, s);
      if (answer) return answer;
      s.alive = true;
      return Response.json({ access_token: "new" });
    }
    if (pathname === "/auth/logout") {
      s.alive = false;
      return Response.json({ detail: "ok" });
    }
    if (pathname === "/auth/reauthenticate") return problem(401, "invalid_credentials");
    s.bodies.push(await request.text());
    return was ? Response.json({ hello: "you" }) : problem(401, "invalid_token");
  };
  s.problem = problem;
  return s;
}

/** Opens tabs on a page; timers run a hundred times as fast. */
async function open(t, s, { tabs = 1, locks = true, at = "/app/list?page=2&q=a%20b" } = {}) {
  const went = [], saved = {};
  const globals = {
    fetch: s.fetch,
    location: { href: `https://app.test${at}`, origin: "https://app.test", pathname: at.split("?")[0], search: at.slice(at.indexOf("?")), assign: (to) => went.push(to) },
    navigator: locks ? { locks: lockManager() } : {},
    setTimeout: ((real) => (f, ms) => real(f, ms > 50 ? ms / 100 : ms))(globalThis.setTimeout),
  };
  for (const [name, value] of Object.entries(globals)) {
    saved[name] = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  t.after(() => {
    for (const [name, was] of Object.entries(saved)) {
      if (was) Object.defineProperty(globalThis, name, was);
      else delete globalThis[name];
    }
  });
  const list = [];
  for (let i = 0; i < tabs; i++) list.push(await import(`../static/auth.js?tab=${imported++}`));
  return { tabs: list, went };
}

test("a live token needs no refresh", async (t) => {
  const s = server({ alive: true });
  const { tabs: [tab] } = await open(t, s);
  assert.equal((await tab.fetchAuth("/api/x")).status, 200);
  assert.equal(s.refreshes, 0);
});

test("a dead token is renewed once and the request sent again with its body", async (t) => {
  const s = server();
  const { tabs: [tab], went } = await open(t, s);
  const response = await tab.fetchAuth("/api/x", { method: "POST", body: "hello" });
  assert.deepEqual(await response.json(), { hello: "you" });
  assert.deepEqual(s.seen, ["POST /api/x", "POST /auth/refresh", "POST /api/x"]);
  assert.deepEqual(s.bodies, ["hello", "hello"]);
  assert.deepEqual(went, []);
});

test("twenty calls in one tab share one refresh, with and without Web Locks", async (t) => {
  for (const locks of [true, false]) {
    await t.test(`locks: ${locks}`, async (t) => {
      const s = server();
      const { tabs: [tab] } = await open(t, s, { locks });
      const all = await Promise.all(Array.from({ length: 20 }, () => tab.fetchAuth("/api/x")));
      assert.ok(all.every((r) => r.status === 200));
      assert.equal(s.refreshes, 1);
    });
  }
});

test("four tabs with twenty calls each put one refresh on the wire", async (t) => {
  const s = server();
  const { tabs, went } = await open(t, s, { tabs: 4 });
  const all = await Promise.all(tabs.flatMap((tab) => Array.from({ length: 20 }, () => tab.fetchAuth("/api/x"))));
  assert.ok(all.every((r) => r.status === 200));
  assert.equal(s.refreshes, 1);
  assert.deepEqual(went, []);
});

test("a late answer to an old request does not refresh again", async (t) => {
  const s = server();
  const { tabs: [one, two] } = await open(t, s, { tabs: 2 });
  const real = globalThis.fetch;
  let release;
  globalThis.fetch = async (...args) => {
    const response = await real(...args);
    if (args[0].url?.endsWith("/slow")) await new Promise((done) => { release = done; });
    return response;
  };
  const slow = two.fetchAuth("/slow");
  await one.fetchAuth("/api/x");
  release();
  await new Promise((done) => { globalThis.fetch = real; done(); });
  assert.equal((await slow).status, 200);
  assert.equal(s.refreshes, 1);
});

test("without Web Locks a renewal is told to the other tabs", async (t) => {
  const s = server();
  const { tabs: [one, two] } = await open(t, s, { tabs: 2, locks: false });
  const before = Date.now(), third = new BroadcastChannel("aegis");
  const heard = new Promise((done) => { third.onmessage = done; });
  t.after(() => third.close());
  await one.fetchAuth("/api/x");
  await heard;
  assert.equal(await two.renew(before), "renewed");
  assert.equal(s.refreshes, 1);
});

test("409 asks again with what the jar now holds", async (t) => {
  const s = server({ refresh: (n, s) => (n < 3 ? s.problem(409, "refresh_conflict") : null) });
  const { tabs: [tab], went } = await open(t, s);
  assert.equal((await tab.fetchAuth("/api/x")).status, 200);
  assert.equal(s.refreshes, 3);
  assert.deepEqual(went, []);
});

test("409 to the end still tries the request, and never signs out", async (t) => {
  const s = server({ refresh: (n, s) => { s.alive = n >= 3; return s.problem(409, "refresh_conflict"); } });
  const { tabs: [tab], went } = await open(t, s);
  assert.equal((await tab.fetchAuth("/api/x")).status, 200);
  assert.deepEqual(went, []);
});

test("401 from refresh goes to the sign-in page with the whole local address", async (t) => {
  const s = server({ refresh: (n, s) => s.problem(401, "session_expired") });
  const { tabs: [tab], went } = await open(t, s);
  assert.equal((await tab.fetchAuth("/api/x")).status, 401);
  assert.equal(s.refreshes, 1);
  assert.deepEqual(went, ["/login?next=%2Fapp%2Flist%3Fpage%3D2%26q%3Da%2520b"]);
});

test("trouble on refresh is handed on and never signs out", async (t) => {
  const table = [
    { name: "503 that passes", refresh: (n, s) => (n < 2 ? s.problem(503, "unavailable", { "Retry-After": "1" }) : null), status: 200, refreshes: 2 },
    { name: "503 that stays", refresh: (n, s) => s.problem(503, "unavailable", { "Retry-After": "1" }), status: 503, refreshes: 3 },
    { name: "503 for long", refresh: (n, s) => s.problem(503, "unavailable", { "Retry-After": "120" }), status: 503, refreshes: 1 },
    { name: "429", refresh: (n, s) => s.problem(429, "rate_limited", { "Retry-After": "1" }), status: 429, refreshes: 1 },
    { name: "500 from a proxy", refresh: (n, s) => s.problem(500, "internal"), status: 500, refreshes: 3 },
    { name: "403", refresh: (n, s) => s.problem(403, "cross_origin"), status: 403, refreshes: 1 },
  ];
  for (const { name, refresh, status, refreshes } of table) {
    await t.test(name, async (t) => {
      const s = server({ refresh });
      const { tabs: [tab], went } = await open(t, s);
      assert.equal((await tab.fetchAuth("/api/x")).status, status);
      assert.equal(s.refreshes, refreshes);
      assert.deepEqual(went, []);
    });
  }
});

test("a network failure on refresh is thrown as fetch throws it, after three tries", async (t) => {
  const s = server({ refresh: () => { throw new TypeError("Failed to fetch"); } });
  const { tabs: [tab], went } = await open(t, s);
  await assert.rejects(tab.fetchAuth("/api/x"), TypeError);
  assert.equal(s.refreshes, 3);
  assert.deepEqual(went, []);
});

test("a dropped answer is asked for again", async (t) => {
  const s = server({ refresh: (n, s) => { s.alive = true; if (n === 1) throw new TypeError("Failed to fetch"); } });
  const { tabs: [tab], went } = await open(t, s);
  assert.equal((await tab.fetchAuth("/api/x")).status, 200);
  assert.equal(s.refreshes, 2);
  assert.deepEqual(went, []);
});

test("a refresh that never answers is asked beside, not given up", async (t) => {
  const s = server({ refresh: (n) => (n === 1 ? new Promise(() => {}) : null) });
  const { tabs: [tab] } = await open(t, s);
  assert.equal((await tab.fetchAuth("/api/x")).status, 200);
  assert.equal(s.refreshes, 2);
});

test("a wrong password is not a dead token", async (t) => {
  const s = server({ alive: true });
  const { tabs: [tab] } = await open(t, s);
  assert.equal((await tab.fetchAuth("/auth/reauthenticate", { method: "POST" })).status, 401);
  assert.deepEqual(s.seen, ["POST /auth/reauthenticate"]);
});

test("a 401 of another origin is none of ours", async (t) => {
  const s = server();
  const { tabs: [tab] } = await open(t, s);
  assert.equal((await tab.fetchAuth("https://elsewhere.test/x")).status, 401);
  assert.equal(s.refreshes, 0);
});

test("a route that keeps answering 401 does not loop", async (t) => {
  const s = server({ refresh: (n, s) => Response.json({}) });
  const { tabs: [tab], went } = await open(t, s);
  assert.equal((await tab.fetchAuth("/api/x")).status, 401);
  assert.ok(s.refreshes <= 2, `refreshes = ${s.refreshes}, want at most 2`);
  assert.deepEqual(went, []);
});

test("signOut posts, takes 401 as done, and reports trouble", async (t) => {
  const s = server({ alive: true });
  const { tabs: [tab] } = await open(t, s);
  await tab.signOut();
  assert.deepEqual(s.seen, ["POST /auth/logout"]);
  globalThis.fetch = async () => s.problem(401, "unauthenticated");
  await tab.signOut();
  globalThis.fetch = async () => s.problem(503, "unavailable");
  await assert.rejects(tab.signOut(), /503/);
});
