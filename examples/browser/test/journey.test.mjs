// A person comes, signs up, manages the account and an organization, and leaves:
// once with JavaScript, and once without.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, open } from "../lib/browser.mjs";
import { start } from "../lib/product.mjs";

const PASSWORD = "correct horse battery", SECOND = "another staple here";

for (const javaScriptEnabled of [true, false]) {
  describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    let product, browser, context, page;
    const ada = "ada@example.com", grace = "grace@example.com";

    before(async () => {
      product = await start();
      browser = await launch();
      context = await open(browser, { javaScriptEnabled });
      page = await context.newPage();
      page.on("dialog", (d) => d.accept());
    });
    after(async () => {
      await browser?.close();
      await product?.stop();
      assert.deepEqual(context.trouble, []);
    });

    const at = (p) => `${product.base}${p}`;
    const here = () => page.url().slice(product.base.length);
    /** Fills in fields of the form around a button by their labels, and presses it. */
    async function send(p, button, fields = {}, inside = p.locator("main")) {
      const form = inside.locator("form").filter({ has: p.getByRole("button", { name: button, exact: true }) }).first();
      for (const [label, value] of Object.entries(fields)) await form.getByRole("textbox", { name: label, exact: true }).fill(value);
      await Promise.all([p.waitForNavigation(), form.getByRole("button", { name: button, exact: true }).click()]);
    }
    async function signIn(p, email, password) {
      await p.goto(at("/login"));
      await send(p, "Sign in", { Email: email, Password: password });
    }
    async function another(email) {
      const c = await open(browser, { javaScriptEnabled }), p = await c.newPage();
      p.on("dialog", (d) => d.accept());
      if (email) await signIn(p, email, PASSWORD);
      return p;
    }

    test("registers", async () => {
      await page.goto(at("/"));
      assert.equal(here(), "/login?next=%2Fapp");
      await page.getByRole("link", { name: "Create an account" }).click();
      await send(page, "Create account", { "Full name (optional)": "Ada", Email: ada, Password: "12345678" });
      assert.match(await page.title(), /^Error: /);
      assert.equal(await page.getByLabel("Email", { exact: true }).inputValue(), ada);
      assert.equal(await page.getByRole("textbox", { name: "Password", exact: true }).inputValue(), "");
      assert.equal(await page.evaluate(() => document.activeElement.id), "register-new_password");
      await send(page, "Create account", { Password: PASSWORD });
      assert.equal(here(), "/app");
    });

    test("verifies by the mailed link, which looking at does not spend", async () => {
      const link = await product.link(ada, "verify");
      for (let i = 0; i < 2; i++) await (await another()).goto(link);
      await page.goto(link);
      await send(page, "Confirm");
      assert.match(await page.locator("main").innerText(), /Your address is confirmed\./);
      await page.goto(at("/account"));
      assert.match(await page.locator(".lead").innerText(), /Confirmed/);
    });

    test("signs out and in, and comes back to where it wanted to go", async () => {
      await page.getByRole("button", { name: "Sign out", exact: true }).first().click();
      await page.waitForURL(at("/login?done=signed_out"));
      assert.match(await page.locator("main").innerText(), /You are signed out\./);
      await page.goto(at("/account?x=1"));
      assert.equal(here(), "/login?next=%2Faccount%3Fx%3D1");
      await send(page, "Sign in", { Email: ada, Password: "wrong wrong wrong" });
      assert.match(await page.getByRole("alert").innerText(), /wrong/);
      await send(page, "Sign in", { Password: PASSWORD });
      assert.equal(here(), "/account?x=1");
    });

    test("stays signed in when the access token has died", async () => {
      await context.clearCookies({ name: "aegis_session" });
      await page.goto(at("/account?y=2"));
      if (javaScriptEnabled) await page.waitForURL(at("/account?y=2"));
      else await send(page, "Continue");
      assert.equal(here(), "/account?y=2");
      await context.clearCookies({ name: "aegis_session" });
      await send(page, "Save", { "Full name (optional)": "Ada Lovelace" });
      assert.equal(here(), "/account?done=profile");
      assert.equal(await page.getByLabel("Full name (optional)").inputValue(), "Ada Lovelace");
    });

    test("changes the password, which ends other sessions", async () => {
      const other = await another(ada);
      assert.equal(other.url(), at("/app"));
      await page.goto(at("/account"));
      await send(page, "Change password", { "Current password": "wrong wrong", "New password": SECOND });
      assert.match(await page.locator("#password .error").innerText(), /not your current password/);
      await send(page, "Change password", { "Current password": PASSWORD, "New password": SECOND });
      assert.match(await page.getByRole("status").first().innerText(), /Your password is changed/);
      await other.goto(at("/account"));
      if (!javaScriptEnabled) await send(other, "Continue");
      await other.waitForURL(at("/login?next=%2Faccount"));
      await page.goto(at("/account"));
      assert.equal(here(), "/account");
    });

    test("resets a forgotten password", async () => {
      const visitor = await another();
      await visitor.goto(at("/login"));
      await visitor.getByRole("link", { name: "Forgot your password?" }).click();
      await send(visitor, "Send the link", { Email: ada });
      assert.match(await visitor.getByRole("status").innerText(), /If an account has this address/);
      await visitor.goto(await product.link(ada, "reset"));
      await send(visitor, "Set new password", { "New password": PASSWORD });
      await send(visitor, "Sign in", { Email: ada, Password: PASSWORD });
      assert.equal(visitor.url(), at("/app"));
      await signIn(page, ada, PASSWORD); // the reset has ended this session too
      assert.equal(here(), "/app");
    });

    test("ends the session of another device", async () => {
      const phone = await another(ada);
      await page.goto(at("/account"));
      const button = page.locator("#sessions").getByRole("button", { name: /^Sign out (?!all)/ });
      const before = await button.count();
      await Promise.all([page.waitForNavigation(), button.first().click()]);
      assert.equal(await button.count(), before - 1);
      await Promise.all([page.waitForNavigation(), page.getByRole("button", { name: "Sign out all other devices" }).click()]);
      assert.equal(await button.count(), 0);
      await phone.goto(at("/account"));
      if (!javaScriptEnabled) await send(phone, "Continue");
      await phone.waitForURL(at("/login?next=%2Faccount"));
    });

    test("connects a provider, signs in with it, and disconnects it", async () => {
      await page.goto(at("/account"));
      await Promise.all([page.waitForURL(/done=connected/), page.getByRole("button", { name: "Connect GitHub" }).click()]);
      assert.match(await page.locator("#connections").innerText(), /ada-l/);
      const visitor = await another();
      await visitor.goto(at("/login"));
      await visitor.getByRole("link", { name: "Continue with GitHub" }).click();
      await visitor.waitForURL(at("/app"));
      await Promise.all([page.waitForURL(/done=disconnected/), page.getByRole("button", { name: "Disconnect GitHub" }).click()]);
      await page.getByRole("button", { name: "Connect GitHub" }).waitFor();
    });

    test("changes the address", async () => {
      await page.goto(at("/account"));
      await send(page, "Change email", { "New email": "lovelace@example.com", "Current password": PASSWORD });
      await page.goto(await product.link("lovelace@example.com", "email_change"));
      await send(page, "Use this address");
      await page.goto(at("/account"));
      assert.match(await page.locator(".lead").innerText(), /lovelace@example\.com/);
    });

    test("makes an organization, invites somebody, who registers and joins", async () => {
      await page.goto(at("/account/organizations"));
      await send(page, "Create", { Name: "Analytical Engines", "Short name": "engines" });
      const org = here().split("?")[0];
      await send(page, "Invite", { Email: grace });
      const guest = await another();
      await guest.goto(await product.link(grace, "invite"));
      assert.equal(await guest.locator("h1").innerText(), "Join Analytical Engines");
      await guest.getByRole("link", { name: "Create account" }).click();
      assert.equal(await guest.getByLabel("Email", { exact: true }).inputValue(), grace);
      await send(guest, "Create account", { Password: PASSWORD });
      await guest.goto(at(org));
      assert.equal(await guest.locator("h1").innerText(), "Analytical Engines");

      await page.goto(at(org));
      await page.getByLabel(`Role of ${grace}`, { exact: true }).selectOption("admin");
      await Promise.all([page.waitForNavigation(), page.getByRole("button", { name: `Save the role of ${grace}` }).click()]);
      await guest.goto(at(org));
      assert.match(await guest.locator(".lead").innerText(), /Admin/);
      await page.goto(at(org));
      await Promise.all([page.waitForNavigation(), page.getByRole("button", { name: `Remove ${grace}` }).click()]);
      assert.equal((await guest.goto(at(org))).status(), 404);
    });

    test("accepts an invitation from the list", async () => {
      await page.goto(at("/account/organizations"));
      await page.getByRole("link", { name: "Analytical Engines" }).click();
      await send(page, "Invite", { Email: grace });
      const guest = await another(grace);
      await guest.goto(at("/account/organizations"));
      await Promise.all([guest.waitForNavigation(), guest.getByRole("button", { name: "Accept: Analytical Engines" }).click()]);
      assert.match(await guest.getByRole("status").innerText(), /You are a member now/);
    });

    test("administers: role, deactivation, audit", async () => {
      const user = await another(grace);
      assert.equal((await user.goto(at("/admin/users"))).status(), 403);
      await page.goto(at("/admin/users"));
      await page.getByRole("link", { name: grace }).click();
      await page.locator("#role-role").selectOption("moderator");
      await Promise.all([page.waitForNavigation(), page.getByRole("button", { name: "Save" }).click()]);
      assert.equal((await user.goto(at("/admin/users"))).status(), 200);
      await Promise.all([page.waitForNavigation(), page.getByRole("button", { name: "Deactivate" }).click()]);
      await user.goto(at("/account"));
      if (!javaScriptEnabled) await send(user, "Continue");
      await user.waitForURL(at("/login?next=%2Faccount"));
      await page.goto(at("/admin/audit"));
      assert.match(await page.locator("tbody").innerText(), /Role changed/);
    });

    test("finds out in its own language", async () => {
      const c = await open(browser, { javaScriptEnabled, locale: "de-DE" }), p = await c.newPage();
      await p.goto(at("/login"));
      assert.match(await p.locator("h1").innerText(), /anmelden$/);
      assert.equal(await p.locator("html").getAttribute("lang"), "de");
      await c.close();
    });

    test("deletes the account", async () => {
      const leaver = await another();
      await leaver.goto(at("/register"));
      await send(leaver, "Create account", { Email: "leaver@example.com", Password: PASSWORD });
      await leaver.goto(at("/account"));
      await leaver.getByText("Delete my account…").click();
      await leaver.getByLabel("I understand that I lose access").check();
      await send(leaver, "Delete my account", { "Current password": PASSWORD });
      assert.equal(leaver.url(), at("/login?done=deleted"));
      await send(leaver, "Sign in", { Email: "leaver@example.com", Password: PASSWORD });
      assert.match(await leaver.title(), /^Error: /);
    });
  });
}
