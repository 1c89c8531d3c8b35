/** Every view at every width, light and dark: nothing sticks out, nothing is inaccessible, nothing is blocked. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeHouse } from "../fake/house.ts";
import { ATTESTED, mailQuestion, playAttack, playReply, STATUS, TRUSTED, UNTRUSTED } from "../fake/words.ts";
import { expectAccessible, expectNoSideways, expectQuiet, openWindow, picture, startBrowser, type Scheme } from "./harness.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

const SIZES: readonly number[] = [380, 768, 1600];
const SCHEMES: readonly Scheme[] = ["light", "dark"];

/** A house with some past. */
function furnish(house: FakeHouse): void {
  const hour = 3_600_000;
  const now = Date.now();
  house.addSession({ id: "disk", title: "How full is the disk?", updated: now - hour, state: "done", label: ATTESTED });
  house.addSession({ id: "notes", title: "Sort my notes by topic", updated: now - 5 * hour, state: "done", label: TRUSTED });
  house.addSession({ id: "telegram-1", title: "Is example.org up?", channel: "telegram", updated: now - 30 * hour, state: "done", label: UNTRUSTED });
  for (const fields of [
    { kind: "segment", number: 1, why: "first" },
    { kind: "open", version: "0.1.0" },
    { kind: "config", act: "loaded", path: "hardshell.toml" },
    { kind: "proof", name: "egress", state: "holds", detail: "connect failed" },
    { kind: "sign_in", act: "signed_in", from: "127.0.0.1" },
  ]) {
    house.records.push(house.record(fields));
  }
}

for (const scheme of SCHEMES) {
  describe.each(SIZES)(`%i px, ${scheme}`, (width) => {
    it("every view looks as it should", async () => {
      const house = await new FakeHouse().start();
      furnish(house);
      const opened = await openWindow(browser, house.url, width, scheme);
      const { page } = opened;
      const look = async (name: string) => {
        await page.evaluate(() => document.fonts.ready);
        await expectNoSideways(page, name);
        await expectAccessible(page, name);
        await picture(page, `${name}-${width}-${scheme}`);
      };
      try {
        await page.goto(house.link());
        await page.getByRole("heading", { name: "What should be done?" }).waitFor();
        await look("1-welcome");
        await page.getByRole("button", { name: /Watch an attack/u }).click();
        await page.getByRole("dialog").waitFor();
        await page.getByRole("button", { name: "Play it" }).click();
        await page.getByText("The attack came to nothing.").waitFor();
        await look("2-attack");
        await expect.poll(() => page.evaluate(() => document.activeElement?.closest("[role=dialog]") !== null)).toBe(true);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
        await page.getByRole("button", { name: /Try it/u }).click();
        await look("3-try");
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });

        await page.getByRole("combobox", { name: "Message to Hardshell" }).fill("/");
        await page.getByRole("listbox").waitFor();
        await look("4-commands");

        house.onMessage = ({ session, task }) => playAttack(house, session, task);
        await page.getByRole("combobox").fill("Any urgent mail? Summarise the newest one.");
        await page.keyboard.press("Enter");
        await page.getByText("Why it was refused").waitFor();
        await look("5-refused");
        const session = house.sessions.at(-1)?.id ?? "";
        const task = house.received.at(-1)?.task ?? "";
        playReply(house, session, task);
        await page.getByRole("log").getByText("nothing left this machine").waitFor();
        await page.getByRole("button", { name: /This session: Untrusted/u }).click();
        await page.getByRole("dialog").waitFor();
        await look("6-reply-label");
        await page.keyboard.press("Escape");
        await page.getByRole("button", { name: /This session reads at most/u }).click();
        await page.getByRole("radio", { name: /medium/u }).waitFor();
        await look("6-reply-ceiling");
        await page.keyboard.press("Escape");

        house.onMessage = ({ session, task }) => {
          house.emit({ kind: "call", session, task, call_id: "c9", tool: "mail.send", effect: "send", arguments: mailQuestion(session, task, Date.now()).arguments });
          house.emit({ kind: "asked", call_id: "c9", question: mailQuestion(session, task, Date.now()) });
        };
        await page.getByRole("combobox").fill("Answer that we pay by 4 December.");
        await page.keyboard.press("Enter");
        await page.getByText("Approve once").waitFor();
        await page.getByRole("button", { name: /One approval waits/u }).click();
        await look("7-question");
        await page.getByRole("button", { name: /Always/u }).click();
        await page.getByText("Store the rule and approve").waitFor();
        await look("8-always");
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });

        for (const [path, heading, name] of [
          ["/approvals", "Approvals", "9-approvals"],
          ["/audit", "Audit log", "10-audit"],
          ["/status", "Status", "11-status"],
        ] as const) {
          await page.goto(`${house.url}${path}`);
          await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
          if (name === "10-audit") await page.getByRole("button", { name: /Refusal/u }).first().click();
          if (name === "11-status") await page.getByText("Why not better").waitFor();
          if (name === "9-approvals") {
            await page.getByText("Approve once").waitFor();
            await page.getByText("Which rules ask").waitFor();
          }
          if (name === "11-status") await page.getByText("connection refused").waitFor();
          await look(name);
        }
        if (width < 960) {
          await page.getByRole("button", { name: "Sessions and settings" }).click();
          await page.getByRole("dialog").waitFor();
          await look("12-drawer");
          await page.keyboard.press("Escape");
          await page.getByRole("dialog").waitFor({ state: "detached" });
        }
        await page.keyboard.press("?");
        await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
        await look("13-keys");
        await page.keyboard.press("Escape");

        house.emit({ kind: "status", status: { ...STATUS, lockdown: true, ready: false } });
        await page.getByText("Locked down.", { exact: true }).waitFor();
        await look("14-lockdown");

        opened.ear.expected.push(/status of 401/u);
        house.revoke();
        await page.getByRole("heading", { name: "Hardshell is locked down" }).waitFor();
        await look("15-locked");
        expectQuiet(opened);
        expect(house.received.length).toBe(2);
      } finally {
        await opened.context.close();
        await house.stop();
      }
    });
  });
}
