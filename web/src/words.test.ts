import { describe, expect, it } from "vitest";
import type { Receiver } from "./wire/schema.ts";
import { receiverWords, suspended } from "./words.ts";

describe("a receiver of the log is in one state", () => {
  const receiver: Receiver = { name: "siem", kind: "syslog", to: "tcp://h:601", behind: 0, skipped: 0, failed: 0, last_sent: 5 };
  const rows: readonly [string, Partial<Receiver>, string, string][] = [
    ["it has everything", {}, "Up to date", "It has every record."],
    ["a record is on the way", { behind: 1 }, "Behind", "One record is on the way."],
    ["many are", { behind: 1_200 }, "Behind", "1200 records are on the way."],
    ["it is down and something is kept", { behind: 7, down_since: 9 }, "Down", "It takes nothing. 7 records are kept for it; no effect waits for that."],
  ];
  it.each(rows)("%s", (_, change, word, sentence) => {
    const words = receiverWords({ ...receiver, ...change });
    expect([words.word, words.sentence]).toEqual([word, sentence]);
  });
  it("nothing was ever sent", () => {
    const { last_sent: _, ...never } = receiver;
    expect(receiverWords(never).word).toBe("New");
  });
});

describe("what is suspended, with the command that lets it go on", () => {
  const rows: readonly [string, string, string, string][] = [
    ["session s-01j: 10 calls were refused within ten minutes", "session s-01j", "10 calls were refused within ten minutes", "hardshell session resume s-01j"],
    ["mail:eve@evil.example: 12 calls were refused", "mail:eve@evil.example", "12 calls were refused", "hardshell session resume mail:eve@evil.example"],
    ["mail:$(reboot)'x: 12 calls were refused", "mail:$(reboot)'x", "12 calls were refused", "hardshell session resume 'mail:$(reboot)'\\''x'"],
    ["session s-2", "session s-2", "it was refused too often", "hardshell session resume s-2"],
  ];
  it.each(rows)("%s", (line, what, why, command) => {
    expect(suspended(line)).toEqual({ what, why, command });
  });
});
