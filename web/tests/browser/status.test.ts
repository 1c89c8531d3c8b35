/** What the status view tells of the log elsewhere and of suspensions, and what a session may read at most. */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FakeHouse } from "../fake/house.ts";
import { STATUS } from "../fake/words.ts";
import { expectAccessible, expectNoSideways, expectQuiet, openWindow, startBrowser, type OpenWindow } from "./harness.ts";

let browser: Browser;
let house: FakeHouse;
let opened: OpenWindow;
let page: Page;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  house = await new FakeHouse().start();
  opened = await openWindow(browser, house.url, 380, "dark");
  page = opened.page;
});
afterEach(async () => {
  expectQuiet(opened);
  await opened.context.close();
  await house.stop();
});
const enter = async (path: string) => {
  await page.goto(house.link());
  await page.getByRole("heading", { name: "What should be done?" }).waitFor();
  await page.goto(`${house.url}${path}`);
};

describe("the log elsewhere", () => {
  it("each receiver is shown with what it lacks, and again as it changes", async () => {
    await enter("/status");
    const panel = page.getByRole("region", { name: "The log elsewhere" });
    const collector = panel.getByRole("listitem").filter({ hasText: "collector" });
    await collector.getByText("1204 records are kept for it; no effect waits for that.").waitFor();
    await collector.getByText("300 records were skipped. Which, stands in the audit log.").waitFor();
    await collector.getByText("connection refused").waitFor();
    await panel.getByRole("listitem").filter({ hasText: "siem" }).getByText("It has every record.").waitFor();
    house.receivers = house.receivers.map(({ down_since: _, ...rest }) => ({ ...rest, behind: 0 }));
    await collector.getByText("It has every record.").waitFor();
  });

  it("a log that goes nowhere is said to be on this machine alone", async () => {
    house.receivers = [];
    await enter("/status");
    await page.getByText("The audit log is on this machine alone.").waitFor();
  });
});

describe("suspensions", () => {
  it("are shown as they come, with the command that ends them, and no button", async () => {
    await enter("/status");
    await page.getByRole("region", { name: "In short" }).waitFor();
    expect(await page.getByRole("region", { name: "Suspended" }).count()).toBe(0);
    house.emit({ kind: "status", status: { ...STATUS, suspended: ["session s-01j: 10 calls were refused within ten minutes", "mail:a-very-long-stranger-whose-address-does-not-fit@evil.example: 12 calls were refused within ten minutes"] } });
    const panel = page.getByRole("region", { name: "Suspended" });
    await panel.getByText("hardshell session resume s-01j").waitFor();
    expect(await panel.getByRole("button").allTextContents()).not.toContain("Resume");
    await expectNoSideways(page, "suspended");
    await expectAccessible(page, "suspended");
    house.emit({ kind: "status", status: STATUS });
    await panel.waitFor({ state: "detached" });
  });
});

describe("the ceiling of a session", () => {
  it("is in sight, and changed with the keyboard", async () => {
    house.addSession({ id: "a", title: "Invoices" });
    await enter("/s/a");
    const chip = page.getByRole("button", { name: /This session reads at most: .*high/u });
    await chip.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("radio", { name: /high/u }).focus();
    await page.keyboard.press("ArrowUp");
    await page.waitForFunction(() => document.querySelector(".chip-ceiling")?.textContent?.includes("medium") === true);
    expect(house.sessions.find((session) => session.id === "a")?.ceiling).toBe("medium");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /This session reads at most: .*medium/u }).waitFor();
    await expectNoSideways(page, "ceiling");
  });
});

describe("how often it asks", () => {
  it("is counted by rule, and for another time", async () => {
    await enter("/approvals");
    const panel = page.getByRole("region", { name: "How often it asks" });
    await panel.getByText("21 questions").waitFor();
    await panel.getByText("mail.send to anna@example.org, from sessions of yours, for 30 days").waitFor();
    await panel.getByRole("radio", { name: "A week" }).click();
    await panel.getByText("3 questions").waitFor();
    house.stats = { ...house.stats, questions: 0, rules: [], standing: [] };
    await panel.getByRole("radio", { name: "A year" }).click();
    await panel.getByText("It asked nothing in this time.").waitFor();
    await expectAccessible(page, "how often");
  });
});
