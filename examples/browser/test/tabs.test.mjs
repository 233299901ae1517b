// One browser, many tabs, and a server that is not always there: nobody is ever
// signed out by it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open } from "../lib/browser.mjs";
import { start } from "../lib/product.mjs";

const REFRESH = "POST /auth/refresh";
let product, browser, context;

before(async () => {
  product = await start();
  browser = await launch();
  context = await open(browser);
  const page = await context.newPage();
  await page.goto(`${product.base}/register`);
  await page.locator("#register-email").fill("ada@example.com");
  await page.locator("#register-new_password").fill("correct horse battery");
  await Promise.all([page.waitForURL("**/app"), page.getByRole("button", { name: "Create account" }).click()]);
  await page.close();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

const die = () => context.clearCookies({ name: "aegis_session" });

async function tabs(n, path = "/account?tab=1") {
  return Promise.all(Array.from({ length: n }, async () => {
    const page = await context.newPage();
    await page.goto(product.base + path);
    return page;
  }));
}

/** In the page: n calls at once through the browser client; their statuses. */
const calls = (n) => async (page) => page.evaluate(async (n) => {
  const { fetchAuth } = await import(document.querySelector("script[type=module]").src);
  const all = await Promise.allSettled(Array.from({ length: n }, () => fetchAuth("/auth/me", { headers: { Accept: "application/json" } })));
  return all.map((r) => r.value?.status ?? r.reason.name);
}, n);

test("four tabs with twenty requests each put one refresh on the wire", async () => {
  const pages = await tabs(4);
  for (let round = 0; round < 10; round++) {
    await die();
    const before = product.proxy.count(REFRESH);
    const answers = (await Promise.all(pages.map(calls(20)))).flat();
    assert.deepEqual(answers, Array(80).fill(200), `round ${round}`);
    assert.equal(product.proxy.count(REFRESH) - before, 1, `round ${round}`);
  }
  for (const page of pages) {
    assert.equal(page.url(), `${product.base}/account?tab=1`);
    await page.close();
  }
});

test("four tabs that navigate at once arrive, after one refresh or two", async () => {
  const pages = await tabs(4);
  await die();
  const before = product.proxy.count(REFRESH);
  await Promise.all(pages.map(async (page, i) => {
    await page.goto(`${product.base}/account?again=${i}`);
    await page.locator("h1", { hasText: "Your account" }).waitFor();
    assert.equal(page.url(), `${product.base}/account?again=${i}`);
  }));
  const n = product.proxy.count(REFRESH) - before;
  assert.ok(n >= 1 && n <= 2, `${n} refreshes`);
  await Promise.all(pages.map((p) => p.close()));
});

test("answers that are lost after the server has rotated sign nobody out", async () => {
  const [page] = await tabs(1);
  for (let round = 0; round < 5; round++) {
    await die();
    product.proxy.lose = 1;
    assert.deepEqual(await calls(5)(page), Array(5).fill(200), `round ${round}`);
    await die();
    product.proxy.lose = 1;
    await page.goto(`${product.base}/account?round=${round}`);
    await page.locator("h1", { hasText: "Your account" }).waitFor();
    await page.waitForTimeout(3100); // so that the page may continue by itself again
  }
  assert.equal(product.proxy.lose, 0);
  await page.close();
});

test("a server that is away is no sign-out, and works again when it is back", async () => {
  const [page] = await tabs(1);
  const stay = page.url();
  await die();
  await page.route("**/auth/refresh", (route) => route.abort());
  assert.deepEqual(await calls(3)(page), Array(3).fill("TypeError"));
  assert.equal(page.url(), stay);
  await page.unroute("**/auth/refresh");
  await page.route("**/auth/refresh", (route) => route.fulfill({ status: 503, headers: { "Retry-After": "30" }, body: "{}" }));
  assert.deepEqual(await calls(3)(page), Array(3).fill(503));
  assert.equal(page.url(), stay);
  await page.goto(`${product.base}/account?late=1`);
  await page.getByText("The server cannot be reached just now.").waitFor();
  await page.unroute("**/auth/refresh");
  await Promise.all([page.waitForURL("**/account?late=1"), page.getByRole("button", { name: "Continue" }).click()]);
  assert.deepEqual(await calls(3)(page), Array(3).fill(200));
  await page.close();
});

test("what was typed survives a token that dies meanwhile", async () => {
  const [page] = await tabs(1);
  await page.locator("#profile-full_name").fill("Ada, at length");
  await die();
  await Promise.all([page.waitForURL(/done=profile/), page.locator("#profile").getByRole("button", { name: "Save" }).click()]);
  assert.equal(await page.locator("#profile-full_name").inputValue(), "Ada, at length");
  await page.close();
});

test("a form that is sent twice arrives once", async () => {
  const [page] = await tabs(1);
  const before = product.proxy.count("POST /auth/pages/account");
  await page.route("**/auth/pages/account", async (route) => {
    await new Promise((done) => setTimeout(done, 300));
    await route.continue();
  });
  await page.evaluate(() => {
    const button = document.querySelector("#profile button[value=profile]");
    for (let i = 0; i < 5; i++) button.click();
  });
  await page.waitForURL(/done=profile/);
  assert.equal(product.proxy.count("POST /auth/pages/account") - before, 1);
  await page.close();
});

test("signing out in one tab takes the others along; a session that is over asks to sign in and comes back", async () => {
  const [one, two] = await tabs(2);
  await one.evaluate(async () => (await import(document.querySelector("script[type=module]").src)).signOut());
  await two.waitForURL("**/login");
  await one.evaluate(async () => {
    history.replaceState(null, "", "/account?page=2&q=a%20b");
    const { fetchAuth } = await import(document.querySelector("script[type=module]").src);
    fetchAuth("/auth/me");
  });
  await one.waitForURL(`${product.base}/login?next=%2Faccount%3Fpage%3D2%26q%3Da%2520b`);
  await one.locator("#login-email").fill("ada@example.com");
  await one.locator("#login-password").fill("correct horse battery");
  await Promise.all([one.waitForURL("**/account?page=2&q=a%20b"), one.getByRole("button", { name: "Sign in", exact: true }).click()]);
});

test("no token is within reach of a script, and nothing was complained about", async () => {
  const [page] = await tabs(1);
  assert.equal(await page.evaluate(() => document.cookie), "");
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  assert.deepEqual(context.trouble.filter((t) => !/net::ERR_|status of 503/.test(t)), []);
});
