/** Coming in and going out. */
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FakeHouse } from "../fake/house.ts";
import { STATUS } from "../fake/words.ts";
import { expectAccessible, expectFocus, expectQuiet, openWindow, startBrowser, type OpenWindow } from "./harness.ts";

let browser: Browser;
let house: FakeHouse;
let opened: OpenWindow;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  house = await new FakeHouse().start();
  opened = await openWindow(browser, house.url, 1200, "light");
});
afterEach(async () => {
  expectQuiet(opened);
  await opened.context.close();
  await house.stop();
});

/** Opens `link` as the address bar does: where only the fragment is another, nothing is loaded. */
const follow = (link: string) => opened.page.evaluate((to) => window.location.assign(to), link);
const inside = () => opened.page.getByRole("heading", { name: "What should be done?" }).waitFor();

describe("a link", () => {
  it("lets in once, and leaves no trace in the address or the history", async () => {
    const { page } = opened;
    const link = house.link();
    await page.goto(link);
    await inside();
    expect(page.url()).toBe(`${house.url}/`);
    expect(await page.evaluate(() => JSON.stringify([window.location.href, document.referrer, window.history.state, { ...window.localStorage }, { ...window.sessionStorage }]))).not.toContain("token");
    await page.reload();
    await inside();
    const other = await openWindow(browser, house.url, 1200, "light");
    other.ear.expected.push(/status of 401/u);
    await other.page.goto(link);
    await other.page.getByRole("heading", { name: "This link is no longer good" }).waitFor();
    await other.page.getByText("hardshell sign-in", { exact: true }).waitFor();
    expect(other.page.url()).toBe(`${house.url}/`);
    expectQuiet(other);
    await other.context.close();
  });

  it("that was used does not end a sign-in that is good", async () => {
    const { page, ear } = opened;
    const link = house.link();
    await page.goto(link);
    await inside();
    ear.expected.push(/status of 401/u);
    await page.goto("about:blank");
    await page.goto(link);
    await inside();
  });

  it("can be pasted, whole or as the bare token", async () => {
    const { page, ear } = opened;
    ear.expected.push(/status of 401/u);
    await page.goto(house.url);
    await page.getByRole("heading", { name: "Sign in with a link" }).waitFor();
    const field = page.getByRole("textbox", { name: "Or paste the link here" });
    expect(await page.getByRole("button", { name: "Sign in" }).isDisabled()).toBe(true);
    await field.fill("http://example.org/nothing");
    expect(await page.getByRole("button", { name: "Sign in" }).isDisabled()).toBe(true);
    await field.fill(house.link());
    await page.getByRole("button", { name: "Sign in" }).click();
    await inside();
  });

  it("that is opened in the open tab is exchanged at once, whoever is signed in", async () => {
    const { page, ear } = opened;
    ear.expected.push(/status of 401/u);
    await page.goto(house.url);
    await page.getByRole("heading", { name: "Sign in with a link" }).waitFor();
    const first = house.link();
    await follow(first);
    await inside();
    expect(page.url()).toBe(`${house.url}/`);
    expect(house.isSpent(first)).toBe(true);
    const second = house.link();
    await follow(second);
    await expect.poll(() => house.isSpent(second)).toBe(true);
    await follow(second);
    await expect.poll(() => page.url()).toBe(`${house.url}/`);
    await inside();
    await page.goBack();
    expect(page.url()).not.toContain("token");
    await inside();
  });

  it("that has to wait for others’ wrong tries is kept, counted down for and tried again by itself", async () => {
    const { page, ear } = opened;
    ear.expected.push(/status of (?:401|429)/u);
    await page.clock.install();
    house.lockedOut = 60;
    const link = house.link();
    await page.goto(link);
    await page.getByRole("heading", { name: "Too many tries from this machine" }).waitFor();
    await page.getByRole("timer").getByText(/^signing in again in \d+ s$/u).waitFor();
    await page.getByText("This link has not been used up").waitFor();
    await expectAccessible(page, "while it waits");
    expect(await page.evaluate(() => JSON.stringify([window.location.href, window.history.state, { ...window.localStorage }, { ...window.sessionStorage }]))).not.toContain("token");
    await page.clock.runFor(30_000);
    await page.getByRole("timer").getByText(/^signing in again in [12]?\d s$/u).waitFor();
    house.lockedOut = undefined;
    expect(house.isSpent(link)).toBe(false);
    await page.clock.runFor(31_000);
    await inside();
    expect(house.isSpent(link)).toBe(true);
  });

  it("that has to wait can be tried before the time is up", async () => {
    const { page, ear } = opened;
    ear.expected.push(/status of (?:401|429)/u);
    house.lockedOut = 900;
    await page.goto(house.link());
    await page.getByRole("heading", { name: "Too many tries from this machine" }).waitFor();
    const again = page.waitForResponse((response) => response.status() === 429);
    await page.getByRole("button", { name: "Try now" }).click();
    await again;
    await page.getByRole("heading", { name: "Too many tries from this machine" }).waitFor();
    house.lockedOut = undefined;
    await page.getByRole("button", { name: "Try now" }).click();
    await inside();
  });

  it("that is none is told so, with what one looks like here", async () => {
    const { page, ear } = opened;
    ear.expected.push(/status of 401/u);
    await page.goto(house.url);
    const field = page.getByRole("textbox", { name: "Or paste the link here" });
    expect(await field.getAttribute("placeholder")).toBe(`${house.url}/#token=…`);
    await field.fill("hello");
    await page.getByRole("status").getByText(`This is no sign-in link. A link looks like ${house.url}/#token=…`).waitFor();
    expect(await field.getAttribute("aria-invalid")).toBe("true");
    await expectAccessible(page, "with a text that is no link");
    await field.fill(house.link());
    await page.getByText("This is no sign-in link").waitFor({ state: "detached" });
  });

  it("with a broken token explains itself", async () => {
    const { page, ear } = opened;
    ear.expected.push(/status of 40[01]/u);
    await page.goto(`${house.url}/#token=%3Cscript%3Ealert(1)%3C/script%3E`);
    await page.getByRole("heading", { name: "This link is no longer good" }).waitFor();
    expect(page.url()).toBe(`${house.url}/`);
  });
});

it("a house that does not answer is said so, and tried again", async () => {
  const { page, ear } = opened;
  await page.goto(house.link());
  await inside();
  ear.expected.push(/ERR_FAILED/u, /WebSocket connection/u);
  await page.route("**/api/v1/sign-in", (route) => route.abort());
  await page.reload();
  await page.getByRole("heading", { name: "Nobody answers" }).waitFor();
  await page.getByText("hardshell up", { exact: true }).waitFor();
  await page.unroute("**/api/v1/sign-in");
  await page.getByRole("button", { name: "Try again" }).click();
  await inside();
});

it("signing out forgets what was on the screen", async () => {
  const { page } = opened;
  house.addSession({ id: "private", title: "A private matter", label: { integrity: "trusted", tier: "high", sources: [] } });
  await page.goto(house.link());
  await page.getByText("A private matter").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "You are signed out" }).waitFor();
  expect(await page.content()).not.toContain("A private matter");
});

it("a sign-in that is taken back ends at once", async () => {
  const { page } = opened;
  await page.goto(house.link());
  await inside();
  // What was still being asked at that moment is refused.
  opened.ear.expected.push(/status of 401/u);
  house.revoke();
  await page.getByRole("heading", { name: "Your sign-in has ended" }).waitFor();
  await expectFocus(page, "Your sign-in has ended");
});

it("a lockdown says that it is one, and how it is released", async () => {
  const { page, ear } = opened;
  await page.goto(house.link());
  await inside();
  ear.expected.push(/status of (?:401|503)/u);
  // The socket may end before the status comes: then nothing but the house itself tells.
  house.status = { ...STATUS, lockdown: true, ready: false };
  house.revoke();
  const locked = page.getByRole("heading", { name: "Hardshell is locked down" });
  await locked.waitFor();
  await expectFocus(page, "Hardshell is locked down");
  await page.getByText("hardshell lockdown off", { exact: true }).waitFor();
  await page.getByText("hardshell sign-in", { exact: true }).waitFor();
  await expectAccessible(page, "locked down");
  await page.reload();
  await locked.waitFor();
  house.status = STATUS;
  await follow(house.link());
  await inside();
});
