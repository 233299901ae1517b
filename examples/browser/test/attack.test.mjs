// Pages of another site, and of a sibling of ours, try to act for somebody who is
// signed in. Afterwards everything is as it was.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { launch, open } from "../lib/browser.mjs";
import { listen, start } from "../lib/product.mjs";

let product, browser, context, evil;
const token = "a".repeat(43);

before(async () => {
  product = await start();
  browser = await launch();
  context = await open(browser);
  const page = await context.newPage();
  page.on("dialog", (d) => d.accept());
  await page.goto(`${product.base}/register`);
  await page.locator("#register-email").fill("ada@example.com");
  await page.locator("#register-new_password").fill("correct horse battery");
  await Promise.all([page.waitForURL("**/app"), page.getByRole("button", { name: "Create account" }).click()]);
  await page.close();
  evil = { html: "", asked: 0 };
  evil.server = http.createServer((req, res) => {
    if (req.url !== "/") return res.writeHead(404).end();
    res.writeHead(200, { "Content-Type": "text/html" });
    res.end(evil.html);
  });
  // Ports do not matter to what a site is: on localhost this is a sibling of the
  // product, which even gets its cookies; on 127.0.0.1 it is another site.
  evil.port = await listen(evil.server, "0.0.0.0");
});
after(async () => {
  await browser?.close();
  evil?.server.closeAllConnections();
  evil?.server.close();
  await product?.stop();
});

/** A form that sends itself. */
const form = (path, fields = {}, extra = "") => (base) => `<form method="post" action="${base}${path}" ${extra}>${Object.entries(fields)
  .map(([k, v]) => `<input name='${k}' value='${v}'>`).join("")}</form><script>document.forms[0].submit()</script>`;
/** A script that runs. */
const script = (body) => (base) => `<script>const base = ${JSON.stringify(base)}; ${body}</script>`;
const json = (method, path, value) => script(`fetch(base + ${JSON.stringify(path)}, { method: ${JSON.stringify(method)},
  credentials: "include", headers: { "Content-Type": "application/json" }, body: ${JSON.stringify(JSON.stringify(value))} }).catch(() => {})`);
const simple = (path, value) => script(`fetch(base + ${JSON.stringify(path)}, { method: "POST", mode: "no-cors", credentials: "include",
  headers: { "Content-Type": "text/plain" }, body: ${JSON.stringify(JSON.stringify(value))} }).catch(() => {})`);

const attacks = {
  "form: change the name": form("/auth/pages/account", { do: "profile", full_name: "Eve" }),
  "form: change the name on the page itself": form("/account", { do: "profile", full_name: "Eve" }),
  "form: end the other sessions": form("/auth/pages/account", { do: "sessions" }),
  "form: change the password": form("/auth/pages/account", { do: "password", current_password: "correct horse battery", new_password: "eve has this one" }),
  "form: change the address": form("/auth/pages/account", { do: "email", new_email: "eve@example.com", current_password: "correct horse battery" }),
  "form: delete the account": form("/auth/pages/account", { do: "delete", sure: "1", current_password: "correct horse battery" }),
  "form: connect an account": form("/auth/pages/account", { connect: "github" }),
  "form: sign out": form("/auth/pages/logout"),
  "form: sign out on the page": form("/logout"),
  "form: sign out by the route": form("/auth/logout"),
  "form: renew": form("/auth/refresh"),
  "form: renew and continue": form("/auth/pages/continue", { next: "/account" }),
  "form: sign in as somebody else": form("/auth/pages/login", { email: "eve@example.com", password: "eve's own password" }),
  "form: sign in by the route": form("/auth/token", { username: "eve@example.com", password: "eve's own password" }),
  "form: register": form("/auth/pages/register", { email: "mallory@example.com", new_password: "correct horse battery" }),
  "form: register by the route": form("/auth/register", { email: "mallory@example.com", password: "correct horse battery" }),
  "form: register as multipart": form("/auth/register", { email: "mallory@example.com", password: "correct horse battery" }, "enctype=multipart/form-data"),
  "form: make an organization": form("/auth/pages/account/organizations", { do: "new", name: "Evil", slug: "evil" }),
  "form: make a user": form("/auth/pages/admin/users", { email: "mallory@example.com" }),
  "form: in a frame": (base) => `<iframe name="f"></iframe>${form("/auth/pages/account", { do: "profile", full_name: "Eve" }, "target=f")(base)}`,
  "form: into a window": (base) => form("/auth/pages/account", { do: "profile", full_name: "Eve" }, "target=_blank")(base),
  "form: JSON as text": form("/orgs", { '{"name":"Evil","slug":"evil","x":"': '"}' }, "enctype=text/plain"),
  "fetch: change the name": json("PATCH", "/auth/me", { full_name: "Eve" }),
  "fetch: change the name as text": simple("/auth/me", { full_name: "Eve" }),
  "fetch: change the password as text": simple("/auth/password", { current_password: "correct horse battery", new_password: "eve has this one" }),
  "fetch: end the other sessions": json("DELETE", "/auth/sessions", {}),
  "fetch: delete the account": json("DELETE", "/auth/me", { password: "correct horse battery" }),
  "fetch: make an organization": json("POST", "/orgs", { name: "Evil", slug: "evil" }),
  "fetch: read who is signed in": script(`fetch(base + "/auth/me", { credentials: "include" }).then((r) => r.json()).then((me) => { document.title = "stolen " + me.email; }).catch(() => {})`),
  "script: read who is signed in": (base) => `<script src="${base}/auth/me" onload="document.title='stolen'"></script>`,
  "beacon: sign out": script(`navigator.sendBeacon(base + "/auth/logout", "")`),
  "beacon: change the name": script(`navigator.sendBeacon(base + "/auth/pages/account", new URLSearchParams({ do: "profile", full_name: "Eve" }))`),
  "XHR: change the name": script(`const x = new XMLHttpRequest(); x.withCredentials = true; x.open("POST", base + "/auth/pages/account");
    x.setRequestHeader("Content-Type", "application/x-www-form-urlencoded"); x.onerror = () => {}; x.send("do=profile&full_name=Eve")`),
  "image: get what changes things elsewhere": (base) => ["/logout", "/auth/pages/continue", `/verify-email?token=${token}`, "/auth/pages/account?do=profile&full_name=Eve",
    "/auth/oauth/github/start"].map((p) => `<img src="${base}${p}">`).join(""),
  "frame: the account": (base) => `<iframe src="${base}/account" onload="try { if (this.contentDocument.body.innerHTML) document.title = 'stolen'; } catch {}"></iframe>`,
  "window: the account": script(`const w = open(base + "/account"); setTimeout(() => { try { if (w.document.body.innerHTML) document.title = "stolen"; } catch {} }, 300)`),
};

/** Everything there is that an attack could have changed. */
async function state() {
  const ask = async (path) => {
    const response = await context.request.get(product.base + path);
    assert.equal(response.status(), 200, path);
    return response.json();
  };
  const [me, sessions, connections, orgs, users] = await Promise.all(
    ["/auth/me", "/auth/sessions", "/auth/oauth/connections", "/orgs", "/auth/users"].map(ask));
  const stable = ({ id, user_agent, is_current }) => ({ id, user_agent, is_current });
  return { me, sessions: sessions.items.map(stable), connections, orgs, users };
}

test("an attack works where nobody looks where it comes from", async () => {
  // Otherwise the tests below would prove nothing.
  product.proxy.naive = true;
  evil.html = `<!doctype html><body>${attacks["form: change the name"](product.base)}`;
  const page = await context.newPage();
  await page.goto(`http://localhost:${evil.port}/`, { waitUntil: "commit" });
  await page.waitForURL(/done=profile/);
  await page.close();
  assert.equal((await state()).me.full_name, "Eve");
  product.proxy.naive = false;
  const back = await context.request.patch(`${product.base}/auth/me`, { data: { full_name: "Ada" } });
  assert.equal(back.status(), 200);
});

test("there are at least thirty attacks", () => assert.ok(Object.keys(attacks).length >= 30));

for (const [where, host] of [["another site", "127.0.0.1"], ["a sibling", "localhost"]]) {
  test(`pages of ${where} change nothing`, async (t) => {
    const was = await state();
    const cookies = (await context.cookies()).map((c) => `${c.name}=${c.value}`).sort();
    for (const [name, attack] of Object.entries(attacks)) {
      await t.test(name, async () => {
        evil.html = `<!doctype html><title>waiting</title><body>${attack(product.base)}`;
        const page = await context.newPage();
        await page.goto(`http://${host}:${evil.port}/`, { waitUntil: "commit" }).catch(() => {});
        await page.waitForLoadState("networkidle").catch(() => {});
        await page.waitForTimeout(150);
        assert.doesNotMatch(await page.title(), /stolen/);
        for (const p of context.pages()) await p.close();
        assert.deepEqual(await state(), was);
        assert.deepEqual((await context.cookies()).filter((c) => !/^aegis_oauth/.test(c.name)).map((c) => `${c.name}=${c.value}`).sort(), cookies);
      });
    }
  });
}

test("a sign-in that another site begins asks first", async () => {
  const page = await context.browser().newPage();
  evil.html = `<a href="${product.base}/auth/oauth/github/start">go</a>`;
  await page.goto(`http://127.0.0.1:${evil.port}/`);
  await Promise.all([page.waitForURL(/\/login/), page.getByRole("link", { name: "go" }).click()]);
  await page.getByRole("link", { name: "Continue with GitHub" }).waitFor();
  await page.close();
});

test("pages cannot be framed", async () => {
  const page = await context.newPage();
  for (const path of ["/login", "/account"]) {
    evil.html = `<iframe src="${product.base}${path}"></iframe>`;
    await page.goto(`http://localhost:${evil.port}/`);
    await page.waitForLoadState("networkidle");
    const frame = page.frames()[1];
    assert.ok(!frame || frame.url() === "" || frame.url().startsWith("chrome-error:"), `${path} in a frame: ${frame?.url()}`);
    assert.equal(await frame?.locator(".brand").count() ?? 0, 0, `${path} in a frame`);
  }
  await page.close();
});
