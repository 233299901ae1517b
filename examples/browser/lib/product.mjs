// Starts examples/server as people meet it: behind a proxy that counts requests
// and can lose answers, with a provider that plays GitHub, and an outbox.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../../..");

/** A port that is free, and stays so with luck. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const s = net.createServer().on("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = s.address();
      s.close(() => resolve(port));
    });
  });
}

export function listen(server, host = "127.0.0.1") {
  return new Promise((resolve) => server.listen(0, host, () => resolve(server.address().port)));
}

function close(server) {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
}

/** Passes requests on and keeps a list of them. */
async function startProxy(target) {
  const proxy = { seen: [], lose: 0, naive: false };
  proxy.server = http.createServer((req, res) => {
    proxy.seen.push(`${req.method} ${req.url.split("?")[0]}`);
    if (proxy.naive) { // what a server sees that does not look where a request comes from
      for (const name of ["origin", "sec-fetch-site"]) delete req.headers[name];
    }
    const lose = proxy.lose > 0 && req.method === "POST" && req.url === "/auth/refresh";
    if (lose) proxy.lose--;
    const up = http.request({ host: "127.0.0.1", port: target, method: req.method, path: req.url, headers: req.headers }, (answer) => {
      if (lose) { // the server has rotated, and the browser never hears of it
        answer.resume();
        return req.socket.destroy();
      }
      res.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(res);
    });
    up.on("error", () => req.socket.destroy());
    req.pipe(up);
  });
  proxy.port = await listen(proxy.server);
  proxy.count = (what) => proxy.seen.filter((s) => s === what).length;
  return proxy;
}

/** As much of GitHub as a sign-in needs. Whoever comes is the one user. */
async function startGitHub() {
  const github = { user: { id: 4711, login: "ada-l", name: "Ada Lovelace", avatar_url: null }, email: "ada@example.com" };
  const json = (res, value) => {
    res.writeHead(200, { "Content-Type": "application/json" });
    res.end(JSON.stringify(value));
  };
  github.server = http.createServer((req, res) => {
    const url = new URL(req.url, "http://github.test");
    switch (url.pathname) {
      case "/login/oauth/authorize": {
        const back = new URL(url.searchParams.get("redirect_uri"));
        back.searchParams.set("code", "a-code");
        back.searchParams.set("state", url.searchParams.get("state"));
        res.writeHead(302, { Location: back.href });
        return res.end();
      }
      case "/login/oauth/access_token":
        return json(res, { access_token: "a-token", token_type: "bearer", scope: "read:user,user:email" });
      case "/api/v3/user":
        return json(res, github.user);
      case "/api/v3/user/emails":
        return json(res, [{ email: github.email, primary: true, verified: true, visibility: null }]);
    }
    res.writeHead(404);
    res.end();
  });
  github.port = await listen(github.server);
  return github;
}

/** @param {Record<string, string>} settings more of the environment */
export async function start(settings = {}) {
  const dir = mkdtempSync(path.join(os.tmpdir(), "aegis-browser-"));
  let binary = process.env.AEGIS_SERVER; // built already
  if (!binary) {
    binary = path.join(dir, "server");
    const built = spawnSync("go", ["build", "-o", binary, "./examples/server"], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    if (built.status !== 0) throw new Error("examples/server does not build");
  }
  const port = await freePort();
  const proxy = await startProxy(port), github = await startGitHub();
  const base = `http://localhost:${proxy.port}`;
  let log = "";
  const child = spawn(binary, [], {
    cwd: dir,
    env: {
      PATH: process.env.PATH, HOME: dir, ADDR: `127.0.0.1:${port}`, BASE_URL: base, DATABASE_URL: `sqlite:${dir}/aegis.db`,
      BCRYPT_COST: "10", RATE_LIMITS: "off", GITHUB_OAUTH_CLIENT_ID: "client", GITHUB_OAUTH_CLIENT_SECRET: "client-secret",
      GITHUB_BASE_URL: `http://127.0.0.1:${github.port}`, ...settings,
    },
  });
  child.stdout.on("data", (b) => { log += b; });
  child.stderr.on("data", (b) => { log += b; });
  const product = {
    base, proxy, github,
    log: () => log,
    /** The link of the last mail of a kind to an address. */
    async link(to, kind) {
      for (let i = 0; i < 200; i++) {
        const { items } = await (await fetch(`${base}/dev/outbox?format=json`)).json();
        const mail = items.find((m) => m.to === to);
        if (mail?.kind === kind) return mail.link;
        await new Promise((done) => setTimeout(done, 25));
      }
      throw new Error(`no mail ${kind} to ${to}`);
    },
    async stop() {
      const gone = new Promise((done) => child.on("exit", done));
      child.kill("SIGTERM");
      await Promise.all([gone, close(proxy.server), close(github.server)]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
  for (let i = 0; ; i++) {
    try {
      if ((await fetch(`${base}/healthz`)).ok) return product;
    } catch { /* not yet */ }
    if (i === 200 || child.exitCode !== null) throw new Error(`the server does not start:\n${log}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
