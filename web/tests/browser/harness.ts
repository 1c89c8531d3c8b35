/** A real Chromium in front of the page, with an ear for everything that should not be heard. */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { expect } from "vitest";

const SHOTS = fileURLToPath(new URL("../../screenshots/", import.meta.url));

/** What went wrong in a page, as the browser says it. */
export interface Ear {
  readonly wrong: string[];
  /** Messages that a test provokes and expects. */
  readonly expected: RegExp[];
}

export type Scheme = "light" | "dark";

/** One browser window. */
export interface OpenWindow {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly ear: Ear;
}

/** Starts Chromium. As root it cannot have a sandbox of its own. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    ],
  });
}

/** Opens a window and listens. */
export async function openWindow(browser: Browser, url: string, width: number, scheme: Scheme): Promise<OpenWindow> {
  const context = await browser.newContext({
    viewport: { width, height: width < 700 ? 780 : 900 },
    colorScheme: scheme,
    reducedMotion: "reduce",
    hasTouch: width < 700,
    locale: "en-GB",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  const ear: Ear = { wrong: [], expected: [] };
  const origin = new URL(url).origin;
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") ear.wrong.push(`console ${message.type()}: ${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => ear.wrong.push(`page error: ${error.message}`));
  page.on("dialog", (dialog) => {
    ear.wrong.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) ear.wrong.push(`request to another place: ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
  });
  return { context, page, ear };
}

/** Nothing was heard but what the test expects. */
export function expectQuiet({ ear }: OpenWindow): void {
  expect(ear.wrong.filter((line) => !ear.expected.some((known) => known.test(line)))).toEqual([]);
}

/** The focus comes to what reads `text`: a dialog gives it back in a task of its own, after it is gone. */
export async function expectFocus(page: Page, text: string): Promise<void> {
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent), { timeout: 5_000 }).toBe(text);
}

/** No serious accessibility violation in what is shown. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const result = await (globalThis as unknown as { axe: typeof axe }).axe.run(document, {
      resultTypes: ["violations"],
      // The unseen close buttons of the library's popovers stand beside their dialog, not in it.
      rules: { region: { enabled: document.querySelector(".popover") === null } },
    });
    return result.violations
      .filter((violation) => violation.impact === "serious" || violation.impact === "critical" || violation.impact === "moderate")
      .map((violation) => `${violation.id} (${violation.impact ?? ""}): ${violation.nodes.slice(0, 4).map((node) => `${node.target.join(" ")} ${node.failureSummary ?? ""}`).join(" | ")}`);
  });
  expect(found, where).toEqual([]);
}

/** Nothing sticks out to the side, and the frame itself does not scroll. */
export async function expectNoSideways(page: Page, where: string): Promise<void> {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide, `${where}: pixels wider than the window`).toBeLessThanOrEqual(0);
  const framed = await page.evaluate(() => (document.querySelector(".shell") === null ? 0 : document.documentElement.scrollHeight - document.documentElement.clientHeight));
  expect(framed, `${where}: pixels higher than the window`).toBeLessThanOrEqual(0);
}

/** Takes a picture into web/screenshots. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: `${SHOTS}${name}.png` });
}
