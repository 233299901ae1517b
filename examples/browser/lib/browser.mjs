// Chromium, watched: what it complains about is a failure.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const shots = process.env.SHOTS || mkdtempSync(path.join(os.tmpdir(), "aegis-shots-"));
mkdirSync(shots, { recursive: true });

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

/** A context that collects violations of the content security policy, and errors of scripts. */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(15_000);
  const trouble = [];
  context.on("console", (message) => {
    // A refused form is a page of status 4xx; Chromium notes each. There is no favicon.
    if (message.type() === "error" && !/^Failed to load resource: the server responded with a status of 4/.test(message.text())) {
      trouble.push(`${message.text()} (${message.location().url})`);
    }
  });
  context.on("weberror", (error) => trouble.push(String(error.error())));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) => console.error("policy:", e.violatedDirective, e.blockedURI));
  });
  return Object.assign(context, { trouble });
}

/** axe-core finds nothing on the page. */
export async function accessible(page, what = page.url()) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run({
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(", ")}`), [], what);
}

/** Nothing is smaller than 16 px, no target lower than 44 px, and nothing sticks out. */
export async function comfortable(page, what = page.url()) {
  const found = await page.evaluate(() => {
    const out = [];
    for (const e of document.querySelectorAll("a, button, input:not([type=hidden], [type=checkbox]), select, summary, textarea")) {
      const { width, height } = e.getBoundingClientRect();
      if (width && height < 43.5 && !e.matches(".off")) out.push(`${e.tagName} "${e.textContent.trim().slice(0, 30)}" is ${height} px high`);
    }
    for (const e of document.querySelectorAll("body *")) {
      if (e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 16) out.push(`${e.tagName}.${e.className} is small`);
    }
    if (document.documentElement.scrollWidth > innerWidth) out.push(`the page is ${document.documentElement.scrollWidth} px wide`);
    return out;
  });
  assert.deepEqual(found, [], what);
}

/** Pictures of the page as it is, at two widths, light and dark. */
export async function picture(page, name) {
  const before = page.viewportSize();
  for (const width of [375, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: path.join(shots, `${name}.${width}.${colorScheme}.png`), fullPage: true });
      await accessible(page, `${name} at ${width} px, ${colorScheme}`);
      await comfortable(page, `${name} at ${width} px, ${colorScheme}`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(before);
}
