// Every page as people see it: pictures at two widths in light and dark, axe on
// each, the keyboard alone, what password managers look for, and how much it is.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, launch, open, picture, shots } from "../lib/browser.mjs";
import { start } from "../lib/product.mjs";

const PASSWORD = "correct horse battery", ada = "ada@example.com";
let product, browser, context, page, visitor;

before(async () => {
  product = await start();
  browser = await launch();
  context = await open(browser);
  page = await context.newPage();
  page.on("dialog", (d) => d.accept());
  visitor = await (await open(browser)).newPage();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

const at = (path) => product.base + path;
const press = (p, name) => Promise.all([p.waitForNavigation(), p.getByRole("button", { name, exact: true }).first().click()]);

test("registering and signing in by keyboard alone", async () => {
  await visitor.goto(at("/register"));
  await visitor.keyboard.press("Tab"); // the name of the application
  for (let i = 0; i < 30 && (await visitor.evaluate(() => document.activeElement.id)) !== "register-full_name"; i++) await visitor.keyboard.press("Tab");
  await visitor.keyboard.type("Ada Lovelace");
  await visitor.keyboard.press("Tab");
  await visitor.keyboard.type(ada);
  await visitor.keyboard.press("Tab");
  await visitor.keyboard.type("tiny");
  assert.equal(await visitor.locator(".meter [role=status]").innerText(), "Too short");
  await visitor.keyboard.type(" and then some");
  assert.match(await visitor.locator(".meter [role=status]").innerText(), /Good|Strong/);
  await visitor.keyboard.press("Control+A");
  await visitor.keyboard.type(PASSWORD);
  await visitor.keyboard.press("Tab"); // Show
  await visitor.keyboard.press("Enter");
  assert.equal(await visitor.locator("#register-new_password").getAttribute("type"), "text");
  await visitor.keyboard.press("Enter");
  assert.equal(await visitor.locator("#register-new_password").getAttribute("type"), "password");
  await visitor.keyboard.press("Tab");
  const outline = await visitor.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
  assert.equal(outline, "3px");
  await Promise.all([visitor.waitForURL("**/app"), visitor.keyboard.press("Enter")]);

  await visitor.goto(at("/account"));
  await visitor.keyboard.press("Tab");
  assert.equal(await visitor.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await visitor.keyboard.press("Enter");
  for (let i = 0; i < 3 && (await visitor.evaluate(() => document.activeElement.id)) !== "profile-full_name"; i++) await visitor.keyboard.press("Tab");
  await visitor.keyboard.press("Control+A");
  await visitor.keyboard.type("Ada King");
  await Promise.all([visitor.waitForURL(/done=profile/), visitor.keyboard.press("Enter")]);

  await page.goto(at("/login"));
  for (let i = 0; i < 30 && (await page.evaluate(() => document.activeElement.id)) !== "login-email"; i++) await page.keyboard.press("Tab");
  await page.keyboard.type(ada);
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await Promise.all([page.waitForURL("**/app"), page.keyboard.press("Enter")]);
});

test("password managers find what they look for", async () => {
  const fields = (p, form) => p.$$eval(`${form} input[autocomplete]`, (list) => list.map((e) => `${e.name}:${e.type}:${e.autocomplete}`));
  const out = await (await open(browser)).newPage();
  await out.goto(at("/login"));
  assert.deepEqual(await fields(out, "form"), ["email:email:username", "password:password:current-password"]);
  await out.goto(at("/register"));
  assert.deepEqual(await fields(out, "form"), ["full_name:text:name", "email:email:username", "new_password:password:new-password"]);
  await out.goto(at("/forgot-password"));
  assert.deepEqual(await fields(out, "form"), ["email:email:username"]);
  await page.goto(at("/.well-known/change-password"));
  assert.equal(page.url(), at("/account#password"));
  assert.deepEqual(await fields(page, "#password form"), [":hidden:username", "current_password:password:current-password", "new_password:password:new-password"]);
  for (const p of [out, page]) {
    assert.equal(await p.$$eval("input", (list) => list.filter((e) => e.onpaste || e.autocomplete === "off").length), 0);
  }
});

test("the sign-in page is one round trip with what is kept afterwards", async () => {
  const p = await (await open(browser)).newPage();
  product.proxy.seen.length = 0;
  await p.goto(at("/login"), { waitUntil: "networkidle" });
  assert.deepEqual(product.proxy.seen.filter((s) => !/favicon/.test(s)).sort(), ["GET /auth/auth.css", "GET /auth/auth.js", "GET /login"]);
  product.proxy.seen.length = 0;
  await p.goto(at("/forgot-password"), { waitUntil: "networkidle" });
  assert.deepEqual(product.proxy.seen, ["GET /forgot-password"]);
});

test("pictures of every page, on which axe finds nothing", async () => {
  const sizes = {}; // of each page, as it was last
  const show = async (p, name, path) => {
    if (path) sizes[path.replace(/\?.*/, "").replace(/[^/]{20,}/, "…")] = (await (await p.goto(at(path))).body()).length;
    await picture(p, name);
  };
  const out = await (await open(browser)).newPage();
  await show(out, "login", "/login");
  await out.locator("#login-email").fill(ada);
  await out.locator("#login-password").fill("wrong wrong");
  await press(out, "Sign in");
  await show(out, "login-refused");
  await show(out, "register", "/register");
  await out.locator("#register-email").fill("grace@example.com");
  await out.locator("#register-new_password").fill("password1");
  await press(out, "Create account");
  await show(out, "register-refused");
  await show(out, "forgot-password", "/forgot-password");
  await out.locator("#forgot-email").fill(ada);
  await press(out, "Send the link");
  await show(out, "forgot-password-sent");
  await show(out, "reset-password", (await product.link(ada, "reset")).slice(product.base.length));
  await show(out, "verify-pending-visitor", "/verify-pending");

  await page.goto(at("/app"));
  await picture(page, "app");
  await show(page, "verify-pending", "/verify-pending");
  await press(page, "Send it again");
  const verify = await product.link(ada, "verify");
  await show(page, "account-unconfirmed", "/account");
  await show(page, "verify-email", verify.slice(product.base.length));
  await press(page, "Confirm");
  await show(page, "verify-email-done");
  await page.goto(at("/account"));
  await Promise.all([page.waitForURL(/done=connected/), page.getByRole("button", { name: "Connect GitHub" }).click()]);
  await show(page, "account", "/account");
  await page.locator("#password-current_password").fill("wrong wrong");
  await page.locator("#password-new_password").fill("another staple here");
  await press(page, "Change password");
  await show(page, "account-refused");
  await show(page, "logout", "/logout");
  await show(page, "organizations-none", "/account/organizations");
  await page.locator("#new-name").fill("Analytical Engines");
  await page.locator("#new-slug").fill("engines");
  await press(page, "Create");
  for (const email of ["grace@example.com", "joan@example.com", "hedy@example.com"]) {
    await page.locator("#invite-email").fill(email);
    await press(page, "Invite");
  }
  const org = page.url().slice(product.base.length).split("?")[0];
  await show(out, "accept-invite-visitor", (await product.link("grace@example.com", "invite")).slice(product.base.length));
  await out.getByRole("link", { name: "Create account" }).click();
  await out.locator("#register-new_password").fill(PASSWORD);
  await press(out, "Create account");
  await show(page, "organization", org);
  await show(page, "organizations", "/account/organizations");
  await page.goto(at("/admin/users"));
  await page.locator("#new-email").fill("joan@example.com");
  await press(page, "Create user");
  await show(page, "user", page.url().slice(product.base.length));
  await show(page, "users", "/admin/users");
  await show(page, "audit", "/admin/audit?limit=5");
  sizes.forbidden = (await (await out.goto(at("/admin/users"))).body()).length;
  await picture(out, "forbidden");
  const joan = await (await open(browser)).newPage();
  await joan.goto(await product.link("joan@example.com", "set_password"));
  await joan.locator("#reset-new_password").fill(PASSWORD);
  await press(joan, "Set new password");
  await joan.locator("#login-email").fill("joan@example.com");
  await joan.locator("#login-password").fill(PASSWORD);
  await Promise.all([joan.waitForURL("**/app"), joan.getByRole("button", { name: "Sign in", exact: true }).click()]);
  await joan.goto(await product.link("joan@example.com", "invite").catch(() => at("/account/organizations")));
  await picture(joan, "organizations-invited");
  // The page in between, held by a server that does not answer.
  await context.clearCookies({ name: "aegis_session" });
  await page.route("**/auth/refresh", (route) => route.fulfill({ status: 503, headers: { "Retry-After": "60" }, body: "{}" }));
  const between = await page.goto(at("/account"));
  await page.getByText("The server cannot be reached").waitFor();
  sizes.continue = (await between.body()).length;
  await picture(page, "continue");

  for (const path of ["/auth/auth.css", "/auth/auth.js"]) sizes[path] = (await (await context.request.get(at(path))).body()).length;
  const total = Object.values(sizes).reduce((a, b) => a + b);
  console.log(`pictures in ${shots}; all pages with style and script: ${total} bytes`, sizes);
  assert.ok(total < 60 << 10, `${total} bytes, want less than ${60 << 10}`);
  for (const p of [out, page, joan, visitor]) {
    assert.deepEqual(p.context().trouble.filter((t) => !/status of 503/.test(t)), []);
  }
});

test("pages in forced colours and with large text stay usable", async () => {
  const p = await (await open(browser, { forcedColors: "active", viewport: { width: 375, height: 700 } })).newPage();
  await p.goto(at("/login"));
  await accessible(p, "forced colours");
  await p.setViewportSize({ width: 320, height: 500 }); // 400 % of 1280 px (WCAG 1.4.10)
  assert.ok(await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
});
