/**
 * The page against the program itself: HARDSHELL_URL is where it listens, HARDSHELL_LINK a fresh sign-in link of a first
 * home (sample mailbox, no model). The link is good once, so that the tests share one window and build on each other.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { expectAccessible, expectNoSideways, expectQuiet, openWindow, picture, startBrowser, type OpenWindow } from "../browser/harness.ts";

const url = process.env["HARDSHELL_URL"]?.replace(/\/$/u, "") ?? "";
const link = process.env["HARDSHELL_LINK"] ?? "";

let browser: Browser;
let opened: OpenWindow;
let page: Page;
beforeAll(async () => {
  if (url === "" || link === "") throw new Error("set HARDSHELL_URL and HARDSHELL_LINK: `hardshell up` prints the link");
  browser = await startBrowser();
  opened = await openWindow(browser, url, 1600, "light");
  page = opened.page;
});
afterAll(() => browser?.close());
afterEach(() => expectQuiet(opened));

const field = () => page.getByRole("combobox", { name: "Message to Hardshell" });
const log = () => page.getByRole("log", { name: "Conversation" });
const begin = async (text: string) => {
  await page.goto(`${url}/`);
  await page.getByRole("heading", { name: "What should be done?" }).waitFor();
  await field().fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.waitForURL(/\/s\//u);
};
const replied = () => log().getByRole("button", { name: /^This reply:/u }).first().waitFor();

it("the page is served under its policy", async () => {
  const response = await page.goto(`${url}/status`);
  opened.ear.expected.push(/status of 401/u);
  const policy = response?.headers()["content-security-policy"] ?? "";
  for (const part of ["script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]) expect(policy).toContain(part);
  await page.getByRole("heading", { name: "Sign in with a link" }).waitFor();
});

it("the link lets in, once", async () => {
  await page.goto(link);
  await page.getByRole("heading", { name: "What should be done?" }).waitFor();
  expect(page.url()).toBe(`${url}/`);
  const other = await openWindow(browser, url, 1200, "light");
  other.ear.expected.push(/status of 401/u);
  await other.page.goto(link);
  await other.page.getByRole("heading", { name: "This link is no longer good" }).waitFor();
  expectQuiet(other);
  await other.context.close();
});

it("an attack is played and told", async () => {
  await page.goto(`${url}/`);
  await page.getByRole("button", { name: /Watch an attack/u }).click();
  await page.getByRole("button", { name: "Play it" }).click();
  await page.getByText("The attack came to nothing.").waitFor({ timeout: 120_000 });
  await page.getByRole("region", { name: "What happened" }).getByText(/It tries to/u).first().waitFor();
  await expectAccessible(page, "attack");
  await picture(page, "real-attack");
  for (const wall of ["policy", "sandbox", "egress"]) {
    await page.getByRole("checkbox", { name: `without ${wall}` }).or(page.getByRole("button", { name: `without ${wall}` })).click();
  }
  await expectAccessible(page, "walls to leave out");
  await page.getByRole("button", { name: "Again, without", exact: true }).click();
  await page.getByText("The attack came to what it was after.").waitFor({ timeout: 120_000 });
  await page.getByRole("region", { name: "What happened" }).getByText(/received THE SECRET/u).waitFor();
  await picture(page, "real-attack-without-walls");
  await page.keyboard.press("Escape");
}, 280_000);

describe("slash commands", () => {
  it("are completed from what the program knows", async () => {
    await page.goto(`${url}/`);
    await field().fill("/");
    for (const name of ["/disk", "/uptime", "/find", "/read", "/fetch", "/mail", "/brief", "/run", "/help"]) {
      await page.getByRole("option", { name: new RegExp(`^${name}\\b`, "u") }).waitFor();
    }
    await field().fill("");
  });

  it("/disk looks at the machine, and says what it did", async () => {
    await begin("/disk");
    await replied();
    const call = log().getByRole("button", { name: /Check disk space/u });
    await call.getByText("Allowed").waitFor();
    await call.click();
    await log().getByText("Why it was allowed").waitFor();
    await page.getByRole("complementary", { name: "Record of this session" }).getByText("Outcome").first().waitFor();
  });

  it("a plain phrase does the same", async () => {
    await begin("check disk usage");
    await replied();
    await log().getByRole("button", { name: /Check disk space/u }).waitFor();
  });

  it("/mail reads what others wrote: the session is untrusted from then on, also after a reload", async () => {
    await begin("/mail");
    await replied();
    await page.getByRole("button", { name: /^This session: Untrusted/u }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: /^This session: Untrusted/u }).waitFor();
    await replied();
    await picture(page, "real-mail");
  });

  it("/run runs in the sandbox, and what it prints is untrusted", async () => {
    await begin("/run echo hello from the cage");
    const question = page.locator(".question");
    await question.or(log().getByRole("button", { name: /^This reply:/u })).first().waitFor();
    // The owner's configuration may ask even about a command that the owner typed.
    if ((await question.count()) > 0) {
      await page.waitForFunction(() => document.querySelector(".question .button-primary:not([data-disabled])") !== null);
      await question.getByRole("button", { name: /Approve once/u }).click();
    }
    await replied();
    await log().getByText("hello from the cage").last().waitFor();
    await page.getByRole("button", { name: /^This session: Untrusted/u }).waitFor();
    await picture(page, "real-run");
  });

  it("what was said stands once, however events and transcript meet", async () => {
    for (let round = 0; round < 8; round += 1) {
      await begin("/disk");
      await replied();
      await page.getByText("Working", { exact: true }).waitFor({ state: "detached" });
      expect(await log().locator(".said").count()).toBe(1);
      expect(await log().getByRole("button", { name: /^This reply:/u }).count()).toBe(1);
    }
  });
});

it("the audit log is live and whole", async () => {
  await page.goto(`${url}/audit`);
  await page.getByText(/The chain is whole: records/u).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await page.locator(".record-toggle").first().click();
  await page.locator(".record-panel").getByText("hash", { exact: true }).first().waitFor();
  await picture(page, "real-audit");
});

it("every control is shown with its proof", async () => {
  await page.goto(`${url}/status`);
  await page.locator(".proof").first().waitFor();
  await page.getByText("here", { exact: true }).waitFor();
  await picture(page, "real-status");
});

it.each([380, 768, 1600])("nothing sticks out or is inaccessible at %i px", async (width) => {
  await page.setViewportSize({ width, height: 850 });
  for (const path of ["/", "/approvals", "/audit", "/status"]) {
    await page.goto(`${url}${path}`);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    await expectNoSideways(page, path);
    await expectAccessible(page, path);
  }
});
